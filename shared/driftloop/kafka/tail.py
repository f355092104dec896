"""Follows topics from their beginning, outside every group and with nothing committed.

What shows the log to people and programs (the registry view, the champion watcher, the live picture)
reads through this. Aborted records are never seen.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaError, KafkaException, TopicPartition

from driftloop.errors import ExitCode, UserError
from driftloop.kafka.clients import plain_reader
from driftloop.kafka.settings import KafkaSettings

_TIMEOUT_S = 10.0
_PASSING = (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._RESOLVE)
"""What the client gets over by itself when the broker comes back."""


@dataclass(frozen=True, slots=True)
class TailRecord:
    """A committed record, with the topic's declared name."""

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp_ms: int


class Tail:
    """A reader of whole topics; use as a context manager. Not for several threads at once.

    Raises UserError where the broker does not answer or a topic is not there.
    """

    def __init__(self, kafka: KafkaSettings, topics: Sequence[str], *, from_beginning: bool = True) -> None:
        self._prefix = kafka.topic_prefix
        self._servers = kafka.bootstrap_servers
        self._consumer = plain_reader(kafka)
        start = OFFSET_BEGINNING if from_beginning else OFFSET_END
        self._partitions = [TopicPartition(t.topic, t.partition, start) for t in self._find(topics)]
        self._position: dict[tuple[str, int], int] = {}
        self._consumer.assign(self._partitions)

    def __enter__(self) -> "Tail":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, timeout_s: float = 0.1, most: int = 1000) -> list[TailRecord]:
        """The next records; empty where nothing came in time."""
        found = []
        for message in self._consumer.consume(most, timeout_s):
            error = message.error()
            where = (message.topic(), message.partition())
            if error is None:
                self._position[where] = message.offset() + 1
                found.append(self._record(message))
            elif error.code() == KafkaError._PARTITION_EOF:
                self._position[where] = max(message.offset(), self._position.get(where, 0))
            elif not (error.retriable() or error.code() in _PASSING):
                raise UserError(f"Kafka refuses to be read: {error.str()}.", ExitCode.BROKER_AWAY)
        return found

    def read_to_end(self, deadline_s: float = 30.0) -> list[TailRecord]:
        """Everything that is committed by now and was not read yet; raises UserError at the deadline."""
        ends = self.end_offsets()
        limit = time.monotonic() + deadline_s
        found: list[TailRecord] = []
        while not self._reached(ends):
            if time.monotonic() > limit:
                raise UserError(f"The log at {self._servers} could not be read to its end in {deadline_s:.0f} s.", 3)
            found += self.read(0.02)
        return found

    def end_offsets(self) -> dict[tuple[str, int], int]:
        """The end of each partition now, in the broker's count (transaction markers included)."""
        try:
            return {
                (p.topic, p.partition): self._consumer.get_watermark_offsets(p, timeout=_TIMEOUT_S)[1]
                for p in self._partitions
            }
        except KafkaException as error:
            raise self._away() from error

    def close(self) -> None:
        """Leave."""
        self._consumer.close()

    def _reached(self, ends: dict[tuple[str, int], int]) -> bool:
        return all(self._position.get(where, 0) >= end for where, end in ends.items())

    def _find(self, names: Iterable[str]) -> list[TopicPartition]:
        try:
            there = self._consumer.list_topics(timeout=_TIMEOUT_S).topics
        except KafkaException as error:
            raise self._away() from error
        missing = [name for name in names if self._prefix + name not in there]
        if missing:
            raise UserError(f"Topic {missing[0]} is not there: create it with `driftloop topics apply`.", 4)
        return [TopicPartition(self._prefix + n, p) for n in names for p in there[self._prefix + n].partitions]

    def _away(self) -> UserError:
        return UserError(f"No Kafka broker answers at {self._servers}.", ExitCode.BROKER_AWAY)

    def _record(self, message: object) -> TailRecord:
        key = message.key()  # type: ignore[attr-defined]
        return TailRecord(
            topic=message.topic().removeprefix(self._prefix),  # type: ignore[attr-defined]
            partition=message.partition(),  # type: ignore[attr-defined]
            offset=message.offset(),  # type: ignore[attr-defined]
            key=key.decode("utf-8", "replace") if key else "",
            value=message.value(),  # type: ignore[attr-defined]
            headers=tuple((name, value or b"") for name, value in message.headers() or ()),  # type: ignore[attr-defined]
            timestamp_ms=message.timestamp()[1],  # type: ignore[attr-defined]
        )
