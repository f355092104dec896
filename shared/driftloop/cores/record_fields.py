"""A record's fields as a core wants them: text, bytes and a position, whatever the client gave."""

from driftloop.contracts.message import FramePosition
from driftloop.processor import Record


def key_text(record: Record) -> str:
    """The key as text; empty where there is none. Bytes that are not UTF-8 become U+FFFD.

    >>> from driftloop.testing.records import FakeRecord
    >>> key_text(FakeRecord("model-specs", key=b"plant")), key_text(FakeRecord("model-specs"))
    ('plant', '')
    """
    key = record.key()
    return key.decode("utf-8", "replace") if isinstance(key, bytes) else key or ""


def value_bytes(record: Record) -> bytes:
    """The value as bytes; empty where there is none."""
    value = record.value()
    return value.encode() if isinstance(value, str) else value or b""


def partition_of(record: Record) -> int:
    """The number of the record's partition."""
    return int(record.partition() or 0)


def position_of(record: Record) -> FramePosition:
    """Where the record stands on its topic."""
    return FramePosition(partition=partition_of(record), offset=int(record.offset() or 0))
