"""One question to all records of a batch."""

from collections.abc import Sequence
from typing import Any

from driftloop.processor import Record


def asked(records: Sequence[Record], name: str) -> list[Any]:
    """What each record says to `name()`, for about half of what a caller of methods by name costs.

    Why: that one makes a bound method for each call. Here the method of their type is looked up once; records of
    several types are asked one by one.

    >>> from driftloop.testing.records import FakeRecord
    >>> asked([FakeRecord("t", value="1"), FakeRecord("t")], "value")
    [b'1', None]
    """
    kinds = set(map(type, records))
    if len(kinds) == 1:
        return list(map(getattr(kinds.pop(), name), records))
    return [getattr(record, name)() for record in records]
