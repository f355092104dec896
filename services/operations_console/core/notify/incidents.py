"""What opens an incident, and what ends it: read off the log, message by message."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from driftloop.contracts import topics
from driftloop.contracts.drift_signals import DriftSignal
from driftloop.contracts.drift_status import DriftStatus
from driftloop.contracts.message import ControlMessage
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.retrain_decisions import RetrainDecision
from driftloop.contracts.training_results import TrainingResult
from operations_console.core.notify.rules import Kind

HARM = ("error:", "performance:")
LASTING: frozenset[Kind] = frozenset({"harm", "shift", "approval", "training_failed", "frozen"})
"""Kinds that stand until something ends them; the others are over as soon as they are told."""


@dataclass(frozen=True, slots=True)
class Opens:
    """Something happened that somebody may have to know of.

    One incident of a kind, model and segment stands at a time. `frame` is the model's logical clock: topics are
    not read in step, and a status of an earlier frame ends nothing.
    """

    model_id: str
    kind: Kind
    cause: UUID
    since: datetime
    what: str
    segment: str = ""
    frame: int | None = None


@dataclass(frozen=True, slots=True)
class Ends:
    """Incidents of these kinds are over, if any stand."""

    model_id: str
    kinds: tuple[Kind, ...]
    why: str
    segment: str = ""
    frame: int | None = None


Word = Opens | Ends
_MOST_KNOWN = 50_000


class LastEnds:
    """The newest word of each model, kind and segment that nothing stands any more.

    Topics are not read in step: that it is over may be read before that it began. What is remembered is true of the
    log for good, so no abort takes it back; after a restart it is gone, and the next status says it again.
    """

    def __init__(self) -> None:
        self._ends: dict[tuple[str, Kind, str], Ends] = {}

    def take(self, word: Ends) -> None:
        """Remember it, unless a later one is known."""
        if word.frame is None:
            return
        for kind in word.kinds:
            key = word.model_id, kind, word.segment
            before = self._ends.pop(key, word)
            self._ends[key] = word if (before.frame or 0) <= word.frame else before
        while len(self._ends) > _MOST_KNOWN:
            del self._ends[next(iter(self._ends))]

    def after(self, word: Opens) -> Ends | None:
        """The word of a later frame that this one is over."""
        found = self._ends.get((word.model_id, word.kind, word.segment))
        return found if found and found.frame and word.frame is not None and found.frame > word.frame else None


def words_of(topic: str, value: bytes) -> list[Word]:
    """What a record says about incidents. Raises ValueError where it cannot be read."""
    kind, read = _READERS[topic]
    return list(read(kind.from_json(value)))


def _signal(signal: DriftSignal) -> Iterator[Word]:
    where = f" in segment {signal.segment}" if signal.segment else ""
    what = f"{signal.explanation or signal.kind}{where} ({signal.detector}, version {signal.model_version})"
    since = signal.onset.at
    kind: Kind = "harm" if signal.harmful else "shift"
    yield Opens(
        signal.model_id, kind, signal.message_id, since, what, segment=signal.segment, frame=signal.position.offset
    )


def _status(status: DriftStatus) -> Iterator[Word]:
    segment, frame = status.segment, status.position.offset
    if not any(name.startswith(HARM) for name in status.active_signals):
        yield Ends(status.model_id, ("harm",), "no alarm on its losses stands any more", segment, frame)
    if not status.active_signals:
        yield Ends(status.model_id, ("shift",), "no signal stands any more", segment, frame)


def _decision(decision: RetrainDecision) -> Iterator[Word]:
    refused_by = {rule.name for rule in decision.safeguards if not rule.passed}
    if (decision.action == "wait" and decision.trigger in ("approval", "veto_window")) or (
        decision.action in ("wait", "refuse") and refused_by == {"approval"}
    ):
        yield Opens(decision.model_id, "approval", decision.message_id, decision.occurred_at, decision.reason)
    elif decision.action in ("promote", "reject", "retrain", "reuse", "roll_back"):
        yield Ends(decision.model_id, ("approval",), f"{decision.action.replace('_', ' ')}: {decision.reason}")


def _event(event: ModelEvent) -> Iterator[Word]:
    if event.event == "promoted":
        what = f"{event.version} serves instead of {event.previous_version or 'nothing'}: {event.reason}"
        yield Opens(event.model_id, "promotion", event.message_id, event.occurred_at, what)
    elif event.event == "rolled_back":
        what = f"{event.version} serves again instead of {event.previous_version}: {event.reason}"
        yield Opens(event.model_id, "roll_back", event.message_id, event.occurred_at, what)
    elif event.event == "frozen":
        yield Opens(event.model_id, "frozen", event.message_id, event.occurred_at, event.reason)
    elif event.event == "unfrozen":
        yield Ends(event.model_id, ("frozen",), event.reason)


def _result(result: TrainingResult) -> Iterator[Word]:
    if result.status == "failed":
        what = f"run {str(result.run_id)[:8]} for {result.version} failed: {result.failure}"
        yield Opens(result.model_id, "training_failed", result.message_id, result.occurred_at, what)
    elif result.status == "succeeded":
        yield Ends(result.model_id, ("training_failed",), f"run {str(result.run_id)[:8]} succeeded")


_Reader = Callable[..., Iterator[Word]]
_READERS: Mapping[str, tuple[type[ControlMessage], _Reader]] = {
    topics.DRIFT_SIGNALS: (DriftSignal, _signal),
    topics.DRIFT_STATUS: (DriftStatus, _status),
    topics.RETRAIN_DECISIONS: (RetrainDecision, _decision),
    topics.MODEL_EVENTS: (ModelEvent, _event),
    topics.TRAINING_RESULTS: (TrainingResult, _result),
}
INPUTS = tuple(_READERS)
"""What incidents are read off."""
