"""Who a record is from, as far as that can be read: its model, and its producer where a header names it."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from driftloop.contracts.topics import topics
from driftloop.processor import Record

_MODEL = re.compile(rb'"model_id"\s*:\s*\[?\s*"([^"\\]{1,200})"')
_LOOKED_AT = 65_536
_PRODUCER_HEADERS = ("driftloop.producer", "producer", "ce_source", "client.id")
_SAMPLE = 500


class Source(NamedTuple):
    """A model's records from one producer. `model=""`: none can be read, all such records of a topic are one source."""

    topic: str
    model: str = ""
    producer: str = ""

    def __str__(self) -> str:
        of = f"model {self.model}" if self.model else "records without a readable model"
        return f"{of} on {self.topic}" + (f" from {self.producer}" if self.producer else "")


Raw = bytes | str | None
Headers = Sequence[tuple[str, bytes]] | None


def source_of(record: Record) -> Source:
    """Where a record is from."""
    return source_of_letter(str(record.topic()), record.key(), record.value(), record.headers())


def source_of_letter(topic: str, key: Raw, value: Raw, headers: Headers) -> Source:
    """Where a record was from, by what a dead letter keeps of it."""
    return Source(topic, _model_of(topic, key, value), _producer_of(headers))


def sampled(records: Sequence[Record]) -> Iterator[tuple[Record, float]]:
    """Some of the records, evenly, and how many each stands for: to look into each of a large batch costs too much."""
    step = max(1, len(records) // _SAMPLE)
    chosen = records[::step]
    return ((record, len(records) / len(chosen)) for record in chosen)


def _model_of(topic: str, key: Raw, value: Raw) -> str:
    declared = topics().get(topic)
    if declared is not None and declared.key.startswith("model_id") and key:
        return (key.decode("utf-8", "replace") if isinstance(key, bytes) else key).partition("/")[0][:200]
    raw = value.encode() if isinstance(value, str) else value or b""
    found = _MODEL.search(raw, 0, _LOOKED_AT)
    return found.group(1).decode("utf-8", "replace") if found else ""


def _producer_of(headers: Headers) -> str:
    known = dict(headers or ())
    named = next((known[name] for name in _PRODUCER_HEADERS if known.get(name)), b"")
    return named.decode("utf-8", "replace")[:100] if isinstance(named, bytes) else str(named)[:100]
