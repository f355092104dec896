"""A record's fields as a core wants them: text, bytes and a position, whatever the client gave."""

from driftloop.contracts.message import FramePosition
from driftloop.processor import Record


def key_text(record: Record) -> str:
    """The key as text; empty where there is none. Bytes that are not UTF-8 become U+FFFD.

    >>> from driftloop.testing.records import FakeRecord
    >>> key_text(FakeRecord("model-specs", key=b"plant")), key_text(FakeRecord("model-specs"))
    ('plant', '')
    """
    return (record.key() or b"").decode("utf-8", "replace")


def value_bytes(record: Record) -> bytes:
    """The value as bytes; empty where there is none."""
    return record.value() or b""


def partition_of(record: Record) -> int:
    """The number of the record's partition."""
    return record.partition()


def position_of(record: Record) -> FramePosition:
    """Where the record stands on its topic."""
    return FramePosition(partition=partition_of(record), offset=record.offset())
