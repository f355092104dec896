"""Follows topics from their beginning, for whoever shows the log to people and programs.

The registry view, the champion watcher and the live picture read through this: plain records,
committed ones only, outside every group.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from driftloop.kafka.clients.log_reader import LogReader
from driftloop.kafka.settings import KafkaSettings
from driftloop.processor import Record


@dataclass(frozen=True, slots=True)
class TailRecord:
    """A committed record, with the topic's declared name. `value` is None for a deletion."""

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

    def __init__(self, kafka: KafkaSettings, topics: Sequence[str]) -> None:
        self._reader = LogReader(kafka, topics)

    def __enter__(self) -> "Tail":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, timeout_s: float = 0.1) -> list[TailRecord]:
        """The next records; empty where nothing came in time."""
        return [_plain(record) for record in self._reader.poll(timeout_s)]

    def read_to_end(self, timeout_s: float = 30.0) -> list[TailRecord]:
        """Everything that is committed by now and was not read yet; raises UserError where nothing comes."""
        return [_plain(record) for record in self._reader.read_to(self._reader.ends(), timeout_s)]

    def read_to(self, ends: Mapping[tuple[str, int], int], timeout_s: float = 30.0) -> list[TailRecord]:
        """Everything that was not read yet, at least up to `ends` (next offsets by topic and partition number)."""
        return [_plain(record) for record in self._reader.read_to(ends, timeout_s)]

    def close(self) -> None:
        """Leave."""
        self._reader.close()


def _plain(record: Record) -> TailRecord:
    key, value = record.key(), record.value()
    return TailRecord(
        topic=record.topic(),
        partition=record.partition(),
        offset=record.offset(),
        key=(key or b"").decode("utf-8", "replace"),
        value=value,
        headers=tuple((name, content or b"") for name, content in record.headers() or ()),
        timestamp_ms=record.timestamp()[1],
    )
