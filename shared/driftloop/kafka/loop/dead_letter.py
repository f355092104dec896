"""What cannot be processed: how it is buried."""

from functools import cache
from importlib.metadata import version

from driftloop.contracts.topics import DEAD_LETTERS
from driftloop.kafka.loop.transport import Write
from driftloop.processor import DeadLetter, Record

_HEADER_LIMIT = 2_000


def bury(letter: DeadLetter, service: str, attempt: int = 1) -> Write:
    """The record as it was received, its own headers, and `dlq.error.*` that say why it is here.

    The partition is the broker's choice by key, or any for a record without one.
    """
    record = letter.record
    facts = {
        "class": letter.error_class,
        "message": letter.message,
        "stage": letter.stage,
        "topic": record.topic(),
        "partition": record.partition(),
        "offset": record.offset(),
        "timestamp": record.timestamp()[1],
        "attempt": attempt,
        "service": service,
        "version": _version(),
    }
    own = tuple((f"dlq.error.{name}", str(value).encode()[:_HEADER_LIMIT]) for name, value in facts.items())
    return Write(DEAD_LETTERS, record.key(), record.value(), (*_received(record), *own))


@cache
def _version() -> str:
    """Read once: to look it up takes a millisecond, and there may be thousands of letters."""
    return version("driftloop")


def _received(record: Record) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, value) for name, value in record.headers() or () if not name.startswith("dlq.error."))
