"""Records to messages: what cannot be read is buried with its reason, and the others go on."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from driftloop.contracts.message import Message
from driftloop.contracts.reading import read_message
from driftloop.cores.record_fields import value_bytes
from driftloop.processor import DeadLetter, Record

T = TypeVar("T")
M = TypeVar("M", bound=Message)

UNREADABLE = (ValueError, LookupError, RecursionError)
"""What decoders raise on a record that is not what its topic promises."""
LONGEST_REASON = 1000
"""Characters of a reason that are kept: a decoder may quote the whole record."""


@dataclass(frozen=True, slots=True)
class Decoded(Generic[T]):
    """The messages, each with its record, in the order of the records; and what has to be buried."""

    messages: list[tuple[Record, T]] = field(default_factory=list)
    dead: tuple[DeadLetter, ...] = ()
    unknown_fields: int = 0
    """Fields of a newer release that were left out of the messages."""


def decode_each(records: Iterable[Record], decode: Callable[[Record], T], *, stage: str = "decode") -> Decoded[T]:
    """Decode each record on its own. `decode` raises one of `UNREADABLE` for a record that is to be buried.

    >>> from driftloop.testing.records import FakeRecord
    >>> found = decode_each([FakeRecord("t", value="1"), FakeRecord("t", value="x")], lambda r: int(r.value()))
    >>> [number for _, number in found.messages], [letter.error_class for letter in found.dead]
    ([1], ['ValueError'])
    """
    messages, dead = [], []
    for record in records:
        try:
            messages.append((record, decode(record)))
        except UNREADABLE as error:
            dead.append(dead_letter(record, stage, error))
    return Decoded(messages, tuple(dead))


def decode_messages(records: Iterable[Record], contract: type[M]) -> Decoded[M]:
    """`decode_each` for the messages of a contract; fields of a newer release are left out and counted."""
    found = decode_each(records, lambda record: read_message(contract, value_bytes(record)))
    messages = [(record, read.message) for record, read in found.messages]
    return Decoded(messages, found.dead, sum(len(read.unknown) for _, read in found.messages))


def dead_letter(record: Record, stage: str, error: Exception) -> DeadLetter:
    """The letter for a record that `stage` refused."""
    return DeadLetter(record, stage, type(error).__name__, str(error)[:LONGEST_REASON])


def of_topic(records: Sequence[Record], topic: str) -> list[Record]:
    """The records of one input."""
    return [record for record in records if record.topic() == topic]
