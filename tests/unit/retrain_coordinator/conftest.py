"""A model's log in a test: messages in, the coordinator's answers out."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from driftloop.contracts import topics
from driftloop.contracts.challenge_scores import ChallengeScores, CorrectedRow
from driftloop.contracts.drift_signals import DriftSignal
from driftloop.contracts.drift_status import DriftStatus, LossBlock, TestStatus
from driftloop.contracts.message import ControlMessage, FramePosition, RowPosition, derive_id
from driftloop.contracts.model_commands import ModelCommand
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.retrain_decisions import RetrainDecision
from driftloop.contracts.training_requests import TrainingRequest
from driftloop.contracts.training_results import TrainingCost, TrainingData, TrainingResult, Validation
from driftloop.processor import Effects
from driftloop.spec.model_spec import ModelSpec
from driftloop.testing.records import FakeRecord
from retrain_coordinator.core.processor import Coordinator

START = datetime(2026, 3, 1, tzinfo=UTC)


def log_record(topic: str, message: ControlMessage, at: datetime, number: int = 0) -> FakeRecord:
    """A message as the runtime hands it over."""
    return FakeRecord(
        topic, key=message.model_id, value=message.to_json(), at_offset=number, at_ms=int(at.timestamp() * 1000)
    )


def spec(**changes: Any) -> ModelSpec:
    """A binary model's spec."""
    whole = {"model_id": "m", "task": "binary", "features": {"x": {}}, "target": {"y": {}}, "clock": "event", **changes}
    return ModelSpec.model_validate(whole)


@dataclass
class Story:
    """A model's story: each method says something on the log; the answers gather in the lists."""

    spec: ModelSpec
    core: Coordinator = field(default_factory=Coordinator)
    now: datetime = START
    rows: int = 0
    offset: int = -1
    blocks: int = 0
    decisions: list[RetrainDecision] = field(default_factory=list)
    events: list[ModelEvent] = field(default_factory=list)
    requests: list[TrainingRequest] = field(default_factory=list)
    sent: list[tuple[str, bytes]] = field(default_factory=list)
    numbers: Any = field(default_factory=itertools.count)
    last_record: FakeRecord | None = None
    model_id: str = "m"

    def __post_init__(self) -> None:
        self.apply(self.spec)

    def apply(self, declared: ModelSpec, version: int = 1) -> None:
        self.spec = declared
        published = ModelSpecPublished(
            message_id=derive_id("spec", version),
            model_id=declared.model_id,
            occurred_at=self.now,
            spec_version=version,
            spec=declared,
        )
        self.core.take_table(topics.MODEL_SPECS, [log_record(topics.MODEL_SPECS, published, self.now)])

    def say(self, topic: str, message: ControlMessage) -> Effects:
        self.last_record = log_record(topic, message, self.now, next(self.numbers))
        return self.take(self.core.process([self.last_record], self.now, tables_current=True))

    def take(self, effects: Effects) -> Effects:
        for out in effects.outgoing:
            self.sent.append((out.topic, out.value))
            if out.topic == topics.RETRAIN_DECISIONS:
                self.decisions.append(RetrainDecision.from_json(out.value))
            elif out.topic == topics.MODEL_EVENTS:
                self.events.append(ModelEvent.from_json(out.value))
            else:
                self.requests.append(TrainingRequest.from_json(out.value))
        return effects

    @property
    def actions(self) -> list[str]:
        return [decision.action for decision in self.decisions]

    @property
    def state(self) -> Any:
        return self.core.states()[0]

    @property
    def champion(self) -> str | None:
        return self.state.champion if self.core.states() else None

    def status(
        self,
        rows: int,
        loss: float | None = None,
        *,
        metrics: dict[str, float] | None = None,
        tests: Sequence[TestStatus] = (),
        hours: float = 1.0,
        signals: int | None = None,
        say: bool = True,
    ) -> DriftStatus:
        """The next frame has `rows` labelled rows with this mean loss."""
        self.offset += 1
        self.now += timedelta(hours=hours)
        blocks: tuple[LossBlock, ...] = ()
        if loss is not None:
            blocks = (
                LossBlock(
                    index=self.blocks, first_row=self.rows, rows=rows, loss=loss, last_at=self.now,
                    model_version=self.champion or "0.0.1",
                ),
            )  # fmt: skip
            self.blocks += 1
        self.rows += rows
        message = DriftStatus(
            message_id=derive_id("status", self.offset), model_id=self.model_id, occurred_at=self.now, spec_version=1,
            position=self.here, rows=self.rows, labelled_rows=self.rows, as_of=self.now, loss_blocks=blocks,
            metrics=metrics or {}, tests=tuple(tests), signals=signals,
        )  # fmt: skip
        if say:
            self.say(topics.DRIFT_STATUS, message)
        return message

    @property
    def here(self) -> FramePosition:
        return FramePosition(partition=0, offset=max(0, self.offset))

    def signal(self, *, harmful: bool = True, kind: str = "error", onset: int = 0, say: bool = True) -> DriftSignal:
        """A signal on the frame that comes next."""
        at = RowPosition(row=onset, prediction_id="p", at=self.now)
        message = DriftSignal(
            message_id=derive_id("signal", self.offset, kind), model_id=self.model_id, occurred_at=self.now,
            model_version=self.champion or "0.0.1", kind=kind, detector="cusum", harmful=harmful, statistic=14.0,
            threshold=13.0, reference_rows=1000, current_rows=100, onset=at, raised=at,
            position=FramePosition(partition=0, offset=self.offset + 1),
        )  # fmt: skip
        if say:
            self.say(topics.DRIFT_SIGNALS, message)
        return message

    def scores(
        self, losses: dict[str, Sequence[float]], *, corrected: Sequence[CorrectedRow] = (), say: bool = True
    ) -> ChallengeScores:
        """Paired losses of the frame that was told last, and corrections in it."""
        message = ChallengeScores(
            message_id=derive_id("scores", self.offset, sorted(losses)), model_id=self.model_id, occurred_at=self.now,
            position=self.here, champion=self.champion or "0.0.1",
            losses={version: tuple(values) for version, values in losses.items()}, corrected=tuple(corrected),
        )  # fmt: skip
        if say:
            self.say(topics.CHALLENGE_SCORES, message)
        return message

    def command(self, name: str, requested_by: str = "ada", **rest: Any) -> Effects:
        message = ModelCommand(
            message_id=derive_id("command", next(self.numbers)), model_id=self.model_id, occurred_at=self.now,
            command=name, reason="because", requested_by=requested_by, **rest,
        )  # fmt: skip
        return self.say(topics.MODEL_COMMANDS, message)

    def result(
        self,
        champion: Sequence[float] = (),
        challenger: Sequence[float] = (),
        *,
        status: str = "succeeded",
        **rest: Any,
    ) -> Effects:
        """The end of the newest run."""
        request = self.requests[-1]
        good = status == "succeeded"
        held_out = Validation(champion_losses=tuple(champion), challenger_losses=tuple(challenger))
        data = TrainingData(first=self.here, last=self.here, rows=request.data.rows, sha256="1" * 64)
        message = TrainingResult(
            message_id=derive_id("result", request.message_id), model_id=self.model_id, occurred_at=self.now,
            run_id=request.message_id, status=status, version=request.version,
            artifact=f"m/{request.version}" if good else None, artifact_sha256="0" * 64 if good else None,
            validation=held_out if good else None, data=data if good else None,
            cost=TrainingCost(seconds=1.0, cpu_seconds=1.0), failure=None if good else "out of memory", **rest,
        )  # fmt: skip
        return self.say(topics.TRAINING_RESULTS, message)

    def first_version(self, rows: int = 500) -> "Story":
        """Examples, a command, a run: 1.0.0 serves."""
        self.status(rows)
        self.command("retrain")
        self.result([], [0.1] * 20)
        return self


@pytest.fixture
def story() -> Any:
    """Makes a story of a model with changes to its spec."""
    return lambda **changes: Story(spec(**changes))
