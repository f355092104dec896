"""Sends records into driftloop from outside: idempotent, asynchronous, and honest about failures."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from driftloop.errors import ExitCode, UserError
from driftloop.kafka.clients.clients import plain_producer
from driftloop.kafka.settings import KafkaSettings

_REMEMBERED_FAILURES = 1000

Delivered = Callable[[str, str | None], None]
"""Called with the record's key and None, or the reason why it was not delivered."""


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A record that did not reach the log, and why."""

    key: str
    reason: str


class DeliveryError(UserError):
    """Records were not delivered. `failed` names them (the first thousand), `count` says how many."""

    def __init__(self, sentence: str, count: int, failed: Sequence[Undelivered]) -> None:
        super().__init__(sentence, ExitCode.BROKER_AWAY)
        self.count = count
        self.failed = tuple(failed)


class Sender:
    """Produces records in the background. Safe to call from several threads.

    `send` blocks while the queue is full, up to `full_queue_seconds`, and then raises: nothing is
    dropped silently. `flush` and `close` raise where anything that was sent did not arrive.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        *,
        queue_records: int = 500_000,
        full_queue_seconds: float = 10.0,
        on_delivery: Delivered | None = None,
    ) -> None:
        self._kafka = kafka
        self._producer = plain_producer(kafka, queue_records=queue_records)
        self._full_queue_seconds = full_queue_seconds
        self._on_delivery = on_delivery
        self._lock = threading.Lock()
        self._failed: deque[Undelivered] = deque(maxlen=_REMEMBERED_FAILURES)
        self._failures = 0
        self._closed = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="sender", daemon=True)
        self._poller.start()

    def send(
        self, topic: str, key: str | bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]] = ()
    ) -> None:
        """Hand a record over; it is on its way when this returns, and delivered when `flush` does."""
        if self._closed.is_set():
            raise UserError("This sender is closed.")
        deadline = time.monotonic() + self._full_queue_seconds
        while True:
            try:
                self._producer.produce(
                    self._kafka.topic_prefix + topic,
                    value,
                    key,
                    headers=list(headers),
                    on_delivery=self._delivered,
                )
            except BufferError:
                if time.monotonic() > deadline:
                    raise UserError(
                        f"The queue to {self._kafka.bootstrap_servers} has been full for "
                        f"{self._full_queue_seconds:g} s ({len(self._producer)} records wait): "
                        "the broker is away or too slow.",
                        ExitCode.BROKER_AWAY,
                    ) from None
                self._producer.poll(0.05)
            else:
                return

    def flush(self, seconds: float = 30.0) -> None:
        """Wait until everything is delivered; raises DeliveryError where something was not."""
        waiting = self._producer.flush(seconds)
        with self._lock:
            count, failed = self._failures, list(self._failed)
            self._failures = 0
            self._failed.clear()
        if waiting:
            raise DeliveryError(
                f"{waiting} records still wait for {self._kafka.bootstrap_servers} after {seconds:g} s.",
                waiting + count,
                failed,
            )
        if count:
            raise DeliveryError(f"{count} records were not delivered: {failed[0].reason}.", count, failed)

    def close(self, seconds: float = 30.0) -> None:
        """Flush and end; raises as `flush` does."""
        try:
            self.flush(seconds)
        finally:
            self._closed.set()
            self._poller.join(5.0)

    def _poll(self) -> None:
        while not self._closed.is_set():
            self._producer.poll(0.1)

    def _delivered(self, error: object, message: object) -> None:
        if error is None and self._on_delivery is None:
            return  # the usual end of a record: its name, which nobody asked for, would cost an eighth of its sending
        key = message.key()  # type: ignore[attr-defined]
        name = key.decode("utf-8", "replace") if key else ""
        reason = None if error is None else str(error.str())  # type: ignore[attr-defined]
        if reason is not None:
            with self._lock:
                self._failures += 1
                self._failed.append(Undelivered(name, reason))
        if self._on_delivery is not None:
            self._on_delivery(name, reason)
