"""The whole loop in memory: the real cores of every service, a real Delta table, real learners, no broker."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from drift_detection.app import LOOP as DETECT
from drift_detection.core.processor import DriftDetection
from driftloop.codec.arrow import encode_batch
from driftloop.codec.content_types import ARROW, content_header
from driftloop.contracts import topics
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_commands import ModelCommand
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.retrain_decisions import RetrainDecision
from driftloop.contracts.training_requests import TrainingRequest
from driftloop.learners.protocol import Model, Rows
from driftloop.registry.artifacts import load_model
from driftloop.registry.declaring import spec_message
from driftloop.replay.stream import EventTime, outcome_batch
from driftloop.spec.model_spec import ModelSpec
from driftloop.testing.clock import FakeClock
from driftloop.testing.memory_log import MemoryLog
from driftloop.testing.memory_loop import MemoryLoop
from outcome_ingestion.adapters.delta import DeltaSink
from outcome_ingestion.app import ARCHIVE, INGEST
from outcome_ingestion.core.archiving import Archive
from outcome_ingestion.core.ingest import Ingest
from outcome_ingestion.metrics import ArchiveMetrics
from retrain_coordinator.app import LOOP as COORDINATE
from retrain_coordinator.core.processor import Coordinator
from trainer_worker.adapters.job import Job
from trainer_worker.adapters.learnt_rows import ArchivedLearntRows
from trainer_worker.adapters.model_shelf import LoadedModels
from trainer_worker.adapters.train import train
from trainer_worker.app import SCORE, TRAIN
from trainer_worker.core.score.processor import ChallengeScoring
from trainer_worker.core.train.processor import TrainingRuns
from trainer_worker.core.train.run_report import Failed, Report, Run
from trainer_worker.metrics import ScoreMetrics

MODEL = "m"


@dataclass
class Here:
    """Runs are trained in this process, at once."""

    archive: str
    artifacts: str
    ended: dict[UUID, Report] = field(default_factory=dict)

    def start(self, run: Run) -> None:
        job = Job(run=run, archive_uri=self.archive, artifact_uri=self.artifacts, archive_wait_seconds=1.0)
        try:
            self.ended[run.run_id] = train(job, lambda _: None)
        except ValueError as error:
            self.ended[run.run_id] = Failed(reason=str(error))

    def holds(self, run_id: UUID) -> bool:
        return run_id in self.ended

    def reports(self) -> Iterable[tuple[UUID, Report]]:
        return list(self.ended.items())

    def keep(self, run_ids: frozenset[UUID]) -> None:
        self.ended = {run_id: report for run_id, report in self.ended.items() if run_id in run_ids}


class PastFrames:
    """`FrameLog` over the log in memory."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    def between(self, model_id: str, partition: int, first: int, last: int) -> Iterable[Any]:
        return self._log.slice((topics.OUTCOME_FRAMES, partition), first, last + 1)


class ClosedLoop:
    """Serve rows block by block: what serves predicts them, their labels go on the log, the loop thinks."""

    def __init__(self, spec: ModelSpec, folder: str) -> None:
        self.spec, self.clock, self.time = spec, FakeClock(), EventTime(interval=timedelta(minutes=1))
        self.log = MemoryLog(now_ms=lambda: int(self.clock().timestamp() * 1000))
        archive, artifacts = f"{folder}/lake", f"{folder}/artifacts"
        shelf = LoadedModels(64, ScoreMetrics(CollectorRegistry()))
        cores = (
            (Ingest(), INGEST),
            (Archive(DeltaSink(archive, ArchiveMetrics(CollectorRegistry()))), ARCHIVE),
            (DriftDetection(), DETECT),
            (ChallengeScoring(shelf, PastFrames(self.log), ArchivedLearntRows(archive)), SCORE),
            (Coordinator(), COORDINATE),
            (TrainingRuns(Here(archive, artifacts)), TRAIN),
        )
        self.loops = [MemoryLoop(core, settings, self.log, clock=self.clock) for core, settings in cores]
        self.rows = 0
        self.served: list[str] = []
        self._models: dict[str, Model] = {}
        self._put(topics.MODEL_SPECS, spec_message(spec, self.time.start))

    def learn_first(self, rows: Rows) -> "ClosedLoop":
        """The first version, of examples."""
        self._publish(rows)
        self.command("retrain")
        assert self.champion is not None
        return self

    def serve(self, rows: Rows, block: int = 50) -> "ClosedLoop":
        """Labelled rows in blocks, each predicted by the champion of the moment."""
        for start in range(0, len(rows), block):
            part = rows.take(slice(start, start + block))
            event = self.champion
            assert event is not None
            self.served += [str(event.version)] * len(part)
            self._publish(part, event)
        return self

    def command(self, name: str, **rest: Any) -> None:
        message = ModelCommand(
            message_id=derive_id("command", self.rows, name), model_id=MODEL, occurred_at=self.time.at(self.rows),
            command=name, reason="because", requested_by="ada", **rest,
        )  # fmt: skip
        self._put(topics.MODEL_COMMANDS, message)
        self.settle()

    @property
    def champion(self) -> ModelEvent | None:
        """The event that made the version serve that serves now."""
        serving = [event for event in self.events if event.event in ("promoted", "rolled_back")]
        return serving[-1] if serving else None

    @property
    def events(self) -> list[ModelEvent]:
        return [ModelEvent.from_json(record.value()) for record in self.log.records(topics.MODEL_EVENTS)]

    @property
    def decisions(self) -> list[RetrainDecision]:
        return [RetrainDecision.from_json(record.value()) for record in self.log.records(topics.RETRAIN_DECISIONS)]

    @property
    def requests(self) -> list[TrainingRequest]:
        return [TrainingRequest.from_json(record.value()) for record in self.log.records(topics.TRAINING_REQUESTS)]

    def loss(self, rows: Rows) -> float:
        """What the champion loses on rows that nobody has seen."""
        event = self.champion
        assert event is not None
        return float(np.mean(self._model(event).predict(rows).fields["y"] != rows.labels["y"]))

    def settle(self) -> None:
        """Let everybody come to the end of what there is."""
        while True:
            before = self._length()
            for loop in self.loops:
                loop.settle()
            self.clock.advance(seconds=1)
            if self._length() == before:
                return

    def _length(self) -> int:
        named = (topics.MODEL_EVENTS, topics.RETRAIN_DECISIONS, topics.TRAINING_RESULTS, topics.CHALLENGE_SCORES)
        return sum(self.log.end((topic, 0)) for topic in (*named, topics.DRIFT_STATUS, topics.TRAINING_REQUESTS))

    def _model(self, event: ModelEvent) -> Model:
        version = str(event.version)
        if version not in self._models:
            self._models[version] = load_model(str(event.artifact), event.artifact_sha256)
        return self._models[version]

    def _publish(self, rows: Rows, event: ModelEvent | None = None) -> None:
        said = self._model(event).predict(rows) if event else None
        batch = outcome_batch(
            MODEL, self.time, self.rows, rows.features, labels=rows.labels,
            predictions=said.fields if said else None, confidence=said.confidence if said else None,
            model_version=str(event.version) if event else None,
        )  # fmt: skip
        sink = encode_batch(batch)
        self.log.append(topics.PREDICTION_OUTCOMES, key=str(self.rows), value=sink, headers=content_header(ARROW))
        self.rows += len(rows)
        self.settle()

    def _put(self, topic: str, message: Any) -> None:
        self.log.append(topic, key=MODEL, value=message.to_json())


@pytest.fixture
def closed_loop(tmp_path_factory) -> Callable[..., ClosedLoop]:
    """Makes a loop of one model, of which only what differs from a plain binary one is said."""

    def make(**changes: Any) -> ClosedLoop:
        declared = {
            "model_id": MODEL, "task": "binary", "clock": "event", "features": {n: {} for n in "abcd"},
            "target": {"y": {}}, "learner": {"name": "random-forest", "parameters": {}}, **changes,
        }  # fmt: skip
        return ClosedLoop(ModelSpec.model_validate(declared), str(tmp_path_factory.mktemp("loop")))

    return make


@pytest.fixture
def stream() -> Callable[..., Rows]:
    """Rows of a concept: `a` and `b` decide; `turned` by so many radians; `noise` labels in a hundred are wrong."""

    def rows(count: int, seed: int, *, turned: float = 0.0, noise: float = 5.0) -> Rows:
        random = np.random.default_rng(seed)
        table = random.normal(size=(count, 4))
        side = np.cos(turned) * table[:, 0] + np.sin(turned) * table[:, 1] > 0
        wrong = random.random(count) < noise / 100
        labels = np.where(side ^ wrong, "yes", "no").astype(object)
        return Rows(dict(zip("abcd", table.T, strict=True)), {"y": labels})

    return rows
