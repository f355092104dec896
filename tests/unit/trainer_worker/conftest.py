"""Requests, specs, and an executor that does what a test tells it."""

from datetime import timedelta
from uuid import UUID

import numpy as np
import pytest

from driftloop.contracts.message import FramePosition, derive_id
from driftloop.contracts.model_commands import ModelCommand
from driftloop.contracts.model_profiles import LossProfile, ModelProfile
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.topics import MODEL_COMMANDS, MODEL_SPECS, TRAINING_REQUESTS
from driftloop.contracts.training_requests import DataRule, TrainingRequest
from driftloop.contracts.training_results import TrainingCost, TrainingData, Validation
from driftloop.spec.model_spec import Feature, ModelSpec, TargetField
from driftloop.testing.clock import START
from driftloop.testing.records import FakeRecord
from trainer_worker.core.train.processor import RunLimits, TrainingRuns
from trainer_worker.core.train.run_report import Report, Run, Succeeded


class ToldExecutor:
    """Runs nothing; ends runs when the test says so."""

    def __init__(self) -> None:
        self.started: list[Run] = []
        self.told: dict[UUID, list[Report]] = {}
        self.cancelled: list[UUID] = []

    def start(self, run: Run) -> None:
        if run.run_id not in self.told:
            self.started.append(run)
            self.told[run.run_id] = []

    def holds(self, run_id: UUID) -> bool:
        return run_id in self.told

    def reports(self):
        return [(run_id, report) for run_id, reports in self.told.items() for report in reports]

    def cancel(self, run: Run) -> None:
        self.cancelled.append(run.run_id)

    def keep(self, run_ids: frozenset[UUID]) -> None:
        self.told = {run_id: reports for run_id, reports in self.told.items() if run_id in run_ids}


@pytest.fixture
def executor() -> ToldExecutor:
    return ToldExecutor()


@pytest.fixture
def spec() -> ModelSpec:
    return ModelSpec(
        model_id="plant",
        task="binary",
        features={"x": Feature()},
        target={"y": TargetField()},
        segments=("line",),
        policy={"preset": "default", "triggers": {"attainable": False}},
    )


@pytest.fixture
def spec_record(spec) -> FakeRecord:
    published = ModelSpecPublished(
        message_id=derive_id("spec", 1), model_id="plant", occurred_at=START, spec_version=1, spec=spec
    )
    return FakeRecord(MODEL_SPECS, key="plant", value=published.to_json())


@pytest.fixture
def make_request():
    def request(number: int = 1, **changes) -> TrainingRequest:
        fields = {
            "message_id": derive_id("run", number),
            "model_id": "plant",
            "occurred_at": START + timedelta(minutes=number),
            "caused_by": (derive_id("signal", number),),
            "version": f"1.0.{number}",
            "spec_version": 1,
            "learner": "random-forest",
            "data": DataRule(until=FramePosition(partition=0, offset=9), rows=100, minimum_rows=10),
            "reason": "drift",
        }
        return TrainingRequest(**(fields | changes))

    return request


@pytest.fixture
def as_record():
    def record(message: TrainingRequest | ModelCommand, offset: int = 0) -> FakeRecord:
        topic = TRAINING_REQUESTS if isinstance(message, TrainingRequest) else MODEL_COMMANDS
        return FakeRecord(topic, key=message.model_id, value=message.to_json(), at_offset=offset)

    return record


@pytest.fixture
def core(executor, spec_record) -> TrainingRuns:
    runs = TrainingRuns(executor, RunLimits(slots=1, starts=3))
    runs.take_table(MODEL_SPECS, [spec_record])
    runs.restore(0, ())
    return runs


@pytest.fixture
def success(make_request):
    def report(request: TrainingRequest) -> Succeeded:
        position = FramePosition(partition=0, offset=9)
        return Succeeded(
            artifact=f"memory://plant/{request.version}",
            artifact_sha256="0" * 64,
            metrics={"loss": 0.1},
            validation=Validation(challenger_losses=(0.0, 1.0)),
            loss_bound=1.0,
            data=TrainingData(first=position, last=position, rows=100, sha256="1" * 64),
            cost=TrainingCost(seconds=1.0, cpu_seconds=1.0),
            profile=ModelProfile(
                message_id=derive_id("model-profile", request.message_id),
                model_id=request.model_id,
                occurred_at=request.occurred_at,
                version=request.version,
                spec_version=1,
                loss=LossProfile(rows=2, mean=0.5, variance=0.5, bound=1.0),
            ),
        )

    return report


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
