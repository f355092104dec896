"""What a loop says about a model without drift, frame by frame: the input of whatever reads the log."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from driftloop.contracts.drift_signals import DriftSignal
from driftloop.contracts.message import FramePosition, RowPosition, derive_id
from driftloop.contracts.model_commands import ModelCommand
from driftloop.contracts.retrain_decisions import RetrainDecision
from driftloop.contracts.topics import DRIFT_SIGNALS, MODEL_COMMANDS, RETRAIN_DECISIONS
from driftloop.testing.records import START_MS, FakeRecord
from driftloop.tools.bench.watched import START, make_detection, make_frame, renamed

if TYPE_CHECKING:
    from driftloop.contracts.message import ControlMessage

FRAME_ROWS = 50
MODEL = "model-0"


def statuses(frames: int) -> Iterator[tuple[FakeRecord, list[FakeRecord]]]:
    """Frames of `model-0`, each with what detection says about it."""
    core, written = make_detection(), 0
    for place in range(frames):
        frame = make_frame(place, rows=FRAME_ROWS)
        said = []
        for out in core.process([frame], START, tables_current=True).outgoing:
            said.append(FakeRecord(out.topic, key=out.key, value=out.value, at_offset=written, at_ms=START_MS + place))
            written += 1
        yield frame, said


def of_model(record: FakeRecord, model: str) -> FakeRecord:
    """The same, said of another model."""
    key = (record.key() or b"").replace(MODEL.encode(), model.encode())
    return FakeRecord(record.topic(), key=key, value=renamed(record.value() or b"", model), at_offset=record.offset())


@lru_cache(maxsize=2)
def first_statuses() -> Sequence[FakeRecord]:
    """What is said of each of the first frames."""
    return [said[-1] for _, said in statuses(3)]


def report(number: int, model: str = MODEL) -> FakeRecord:
    """A host's figures, told with each frame."""
    said = ModelCommand(
        message_id=derive_id("report", model, number), model_id=model, occurred_at=START, command="report",
        readings={"cpu_percent": 20.0}, reason="figures", requested_by="bench",
    )  # fmt: skip
    return _record(MODEL_COMMANDS, said, number, number)


def decision(number: int, offset: int, model: str = MODEL) -> FakeRecord:
    """A refusal."""
    said = RetrainDecision(
        message_id=derive_id("decision", model, number), model_id=model, occurred_at=_at(number), action="refuse",
        trigger="payoff", reason="too soon", policy="default", row=number, evidence={"gain": 1.5},
    )  # fmt: skip
    return _record(RETRAIN_DECISIONS, said, offset, number)


def signal(number: int, offset: int, model: str = MODEL) -> FakeRecord:
    """An alarm."""
    at = RowPosition(row=number, prediction_id=f"p-{number}", at=START)
    said = DriftSignal(
        message_id=derive_id("signal", model, number), model_id=model, occurred_at=_at(number), model_version="1.0.0",
        kind="error", detector="mixture-cusum", harmful=True, statistic=9.0, threshold=7.0, reference_rows=500,
        current_rows=200, onset=at, raised=at, position=FramePosition(partition=0, offset=number), explanation="harm",
    )  # fmt: skip
    return _record(DRIFT_SIGNALS, said, offset, number)


def _at(number: int) -> datetime:
    return START + timedelta(seconds=number)


def _record(topic: str, message: "ControlMessage", offset: int, at: int) -> FakeRecord:
    return FakeRecord(topic, key=message.model_id, value=message.to_json(), at_offset=offset, at_ms=START_MS + at)
