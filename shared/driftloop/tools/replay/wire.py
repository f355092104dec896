"""What a player speaks to: a loop that takes rows and labels in, and has a champion."""

import secrets
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Protocol, Self

import pyarrow as pa

from driftloop.codec.content_types import JSON, content_header
from driftloop.contracts.message import ControlMessage
from driftloop.contracts.prediction_labels import PredictionLabel
from driftloop.contracts.topics import PREDICTION_LABELS
from driftloop.kafka.clients.sender import Sender
from driftloop.kafka.clients.together import TogetherSender
from driftloop.kafka.settings import KafkaSettings
from driftloop.serving.champion import ChampionWatcher
from driftloop.serving.publisher import OutcomePublisher
from driftloop.serving.version import Champion
from driftloop.tools.replay.journal import Journal
from driftloop.tools.replay.settling import Settling
from driftloop.tools.replay.stream import label_value


class Wire(Protocol):
    """A loop for one model. `journal` has what it said so far."""

    journal: Journal

    def publish(self, key: str, batch: pa.RecordBatch) -> None:
        """Send rows as one message."""
        ...

    def label(self, labels: Sequence[PredictionLabel]) -> None:
        """Send labels that came late, all at once."""
        ...

    def control(self, topic: str, message: ControlMessage) -> None:
        """Send a spec or a command."""
        ...

    def flush(self) -> None:
        """Return when everything that was sent is on the log."""
        ...

    def settle(self) -> None:
        """Return when the loop has nothing left to do."""
        ...

    def check(self) -> None:
        """Raise where the loop is broken."""
        ...

    def refresh(self) -> None:
        """Return when every promotion so far is known here."""
        ...

    def champion(self) -> Champion | None:
        """The version that serves, as far as it is known here."""
        ...

    def challenger(self) -> Champion | None:
        """The version that a live canary tries now, where the wire has traffic to split."""
        ...

    def wait_for_champion(self, seconds: float) -> Champion:
        """The champion as soon as there is one; raises UserError where there is none."""
        ...


class KafkaWire:
    """A `Wire` over a running loop on Kafka; a context manager.

    `check` is called while waiting and raises where the loop is broken. With `canary`, challengers are loaded too.
    """

    def __init__(
        self,
        model_id: str,
        kafka: KafkaSettings,
        check: Callable[[], None] = lambda: None,
        on_message: Callable[[ControlMessage], None] = lambda _message: None,
        *,
        canary: bool = False,
    ) -> None:
        self.journal = Journal(model_id, on_message)
        self._model_id, self.check = model_id, check
        self._labels = TogetherSender(kafka, f"labels-{secrets.token_hex(4)}")
        self._events_known = 0
        with ExitStack() as stack:
            self._publisher = stack.enter_context(OutcomePublisher(kafka))
            self._commands = Sender(kafka)
            stack.callback(self._commands.close)
            self._watcher = stack.enter_context(ChampionWatcher([model_id], kafka, canary=canary))
            self._settling = stack.enter_context(Settling(kafka, self.journal, check))
            self._opened = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._opened:
            if kind is None:
                self._settling.finish()

    def publish(self, key: str, batch: pa.RecordBatch) -> None:
        """Asynchronous: see `flush`."""
        self._publisher.publish_batch(key, batch)

    def label(self, labels: Sequence[PredictionLabel]) -> None:
        """In one transaction, so that they are cut into frames the same way always."""
        records = [(label.key, label_value(label)) for label in labels]
        self._labels.send(PREDICTION_LABELS, records, content_header(JSON))

    def control(self, topic: str, message: ControlMessage) -> None:
        """Return when it is on the log."""
        self._commands.send(topic, message.model_id, message.to_json())
        self._commands.flush()

    def flush(self) -> None:
        """Wait for every row."""
        self._publisher.flush()

    def settle(self) -> None:
        """Wait for every service."""
        self._settling.settle()

    def refresh(self) -> None:
        """Read the events, if the journal has new ones: it is as far as the loop was when that last settled."""
        if len(self.journal.events) > self._events_known:
            self._events_known = len(self.journal.events)
            self._watcher.refresh()

    def champion(self) -> Champion | None:
        """As the watcher has it."""
        return self._watcher.champion(self._model_id)

    def challenger(self) -> Champion | None:
        """As the watcher has it."""
        return self._watcher.challenger(self._model_id)

    def wait_for_champion(self, seconds: float) -> Champion:
        """As the watcher does."""
        return self._watcher.wait_for_champion(self._model_id, seconds)
