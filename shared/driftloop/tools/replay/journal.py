"""What the loop said about one model, read back from the log as it happens."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from driftloop.contracts.drift_signals import DriftSignal
from driftloop.contracts.message import ControlMessage
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.retrain_decisions import RetrainDecision
from driftloop.contracts.topics import (
    DRIFT_SIGNALS,
    MODEL_EVENTS,
    RETRAIN_DECISIONS,
    TRAINING_REQUESTS,
    TRAINING_RESULTS,
)
from driftloop.contracts.training_requests import TrainingRequest
from driftloop.contracts.training_results import TrainingResult
from driftloop.kafka.clients.tail import TailRecord

CONTRACTS: Mapping[str, type[ControlMessage]] = {
    DRIFT_SIGNALS: DriftSignal,
    RETRAIN_DECISIONS: RetrainDecision,
    TRAINING_REQUESTS: TrainingRequest,
    TRAINING_RESULTS: TrainingResult,
    MODEL_EVENTS: ModelEvent,
}


@dataclass(slots=True)
class Journal:
    """The messages about `model_id`, each once, in the order in which they were read.

    `on_message` is called with every new one.
    """

    model_id: str
    on_message: Callable[[ControlMessage], None] = lambda _message: None
    signals: list[DriftSignal] = field(default_factory=list)
    decisions: list[RetrainDecision] = field(default_factory=list)
    requests: dict[UUID, TrainingRequest] = field(default_factory=dict)
    results: dict[UUID, TrainingResult] = field(default_factory=dict)
    events: list[ModelEvent] = field(default_factory=list)
    seen: set[UUID] = field(default_factory=set)

    def take(self, records: list[TailRecord]) -> None:
        """Add what concerns the model; a message that was read before is left out."""
        for record in records:
            if record.value is None:
                continue
            message = CONTRACTS[record.topic].from_json(record.value)
            if message.model_id == self.model_id and message.message_id not in self.seen:
                self.seen.add(message.message_id)
                self._add(message)
                self.on_message(message)

    @property
    def outstanding(self) -> set[UUID]:
        """Runs that were asked for and have not ended."""
        return set(self.requests) - set(self.results)

    @property
    def first_request(self) -> TrainingRequest | None:
        """The run of the first version."""
        return next(iter(self.requests.values()), None)

    @property
    def retrain_results(self) -> list[TrainingResult]:
        """Ends of all runs but the one of the first version."""
        first = self.first_request
        return [r for run, r in self.results.items() if first is None or run != first.message_id]

    def events_of(self, kind: str) -> list[ModelEvent]:
        """Events of one kind in their order; the first version's first promotion is left out."""
        found = [event for event in self.events if event.event == kind]
        first = self.first_request
        own = kind == "promoted" and first is not None and bool(found) and found[0].version == first.version
        return found[1:] if own else found

    def _add(self, message: ControlMessage) -> None:
        match message:
            case DriftSignal():
                self.signals.append(message)
            case RetrainDecision():
                self.decisions.append(message)
            case TrainingRequest():
                self.requests[message.message_id] = message
            case TrainingResult():
                self.results[message.run_id] = message
            case ModelEvent():
                self.events.append(message)
