"""The log as the console writes it: idempotent, and accepted only once the broker has it."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from driftloop.contracts.topics import DEAD_LETTERS
from driftloop.errors import UserError
from driftloop.kafka.clients.sender import Sender
from driftloop.kafka.settings import KafkaSettings
from driftloop.processor import Outgoing, Record
from operations_console.adapters.loading import read_at
from operations_console.adapters.ports import AwayError, Letter

T = TypeVar("T")
_PREFIX = "dlq.error."
DELIVERY_SECONDS = 10.0


class KafkaPort:
    """See `LogPort`. One producer; requests wait in threads, one after the other."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._sender: Sender | None = None
        self._lock = threading.Lock()

    async def publish(self, outgoing: Sequence[Outgoing]) -> None:
        """Write records; returns once the broker has them all."""
        await asyncio.to_thread(self._send, [(one.topic, one.key.encode(), one.value, one.headers) for one in outgoing])

    async def letters(self, places: Sequence[str]) -> list[Letter]:
        """Dead letters whole."""
        return await asyncio.to_thread(_away_for(lambda: self._letters(places)))

    async def replay(self, letters: Sequence[Letter]) -> int:
        """Send dead letters to the topics they came from, with their own keys and headers."""
        await asyncio.to_thread(self._send, [(one.topic, one.key, one.value, one.headers) for one in letters])
        return len(letters)

    def close(self) -> None:
        """Let the producer go; nothing is owed, since every request has waited for its own records."""
        self._sender = None

    def _send(self, records: Sequence[tuple[str, bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]]) -> None:
        """Flush is of the whole producer, so one request at a time: an error is then its own."""
        with self._lock:
            self._sender = self._sender or Sender(self._kafka)
            try:
                for topic, key, value, headers in records:
                    self._sender.send(topic, key, value, headers)
                self._sender.flush(DELIVERY_SECONDS)
            except UserError as error:
                self._sender = None  # what still waits in it may or may not arrive: ids make a repeat harmless
                raise AwayError(error.sentence.rstrip(".")) from error

    def _letters(self, places: Sequence[str]) -> list[Letter]:
        found = []
        for place in places:
            partition, offset = (int(part) for part in place.split(":"))
            record = read_at(self._kafka, (DEAD_LETTERS, partition), offset)
            if record is not None:
                found.append(_letter(place, record))
        return found


def _away_for(call: Callable[[], T]) -> Callable[[], T]:
    def asked() -> T:
        try:
            return call()
        except UserError as error:
            raise AwayError(error.sentence) from error

    return asked


def _letter(place: str, record: Record) -> Letter:
    headers = record.headers() or []
    error = {
        name.removeprefix(_PREFIX): (text or b"").decode("utf-8", "replace")
        for name, text in headers
        if name.startswith(_PREFIX)
    }
    own = tuple((name, text) for name, text in headers if not name.startswith(_PREFIX))
    return Letter(place, error.get("topic", ""), record.key(), record.value(), own, error)
