"""What the loop needs of a log; Kafka gives it, and so does the in-memory one of `driftloop.testing`.

All names are driftloop's own: a transport adds and removes the prefix of a shared cluster.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from driftloop.processor import LogIdentity, Record

if TYPE_CHECKING:
    from driftloop.kafka.loop.identity import Stand

Position = tuple[str, int]
"""Topic and partition."""


class AbortedError(Exception):
    """The transaction was aborted: nothing of it happened, state in memory is to be restored."""


class TooLargeError(AbortedError):
    """Aborted, and the same writes always would be: the broker does not take a record of that size."""


class FencedError(Exception):
    """Another process has this replica's slot, or the producer broke for good: end, be started anew."""


@dataclass(frozen=True, slots=True)
class Write:
    """A record of a transaction; `partition=None` lets the key choose."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int | None = None


@dataclass(slots=True)
class Polled:
    """What a poll brought: records, and the positions whose end was reached (next offset to read).

    An end may lie behind the last record: transaction markers take up offsets.
    """

    records: list[Record] = field(default_factory=list)
    ends: dict[Position, int] = field(default_factory=dict)

    def positions(self) -> set[Position]:
        """The partitions that something came of."""
        return {(record.topic(), record.partition()) for record in self.records} | self.ends.keys()

    def without(self, partitions: Collection[int]) -> "Polled":
        """The same, less what is of these partition numbers."""
        records = [record for record in self.records if record.partition() not in partitions]
        ends = {position: end for position, end in self.ends.items() if position[1] not in partitions}
        return Polled(records, ends)


class Rebalance(Protocol):
    """Who is told of partitions that come and go; called within `poll` and `close`."""

    def on_assigned(self, positions: Sequence[Position]) -> None:
        """They came, and stand still until `begin_at`."""
        ...

    def on_revoked(self, positions: Sequence[Position]) -> None:
        """They are still ours until this returns: a last commit is possible."""
        ...

    def on_lost(self, positions: Sequence[Position]) -> None:
        """They are somebody else's already."""
        ...


class Transport(Protocol):
    """The log. Every method but `poll` raises `FencedError` when there is no way on."""

    def open(self, rebalance: Rebalance) -> None:
        """Fence an earlier incarnation of this slot and join the group."""
        ...

    def poll(self, limit: int, timeout_s: float) -> Polled:
        """Up to `limit` records; returns as soon as something is there."""
        ...

    def begin_at(self, offsets: Mapping[Position, int]) -> None:
        """Deliver these partitions from these offsets on (they stand still until this is called)."""
        ...

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has."""
        ...

    def identity(self) -> LogIdentity:
        """Which log this is."""
        ...

    def stands(self, positions: Sequence[Position]) -> "dict[Position, Stand]":
        """How the group stands in each partition (open transactions of its own awaited)."""
        ...

    def commit(self, writes: Sequence[Write], offsets: Mapping[Position, int]) -> None:
        """One transaction. Raises `AbortedError`, and `TooLargeError` where to try it again is futile."""
        ...

    def read(self, position: Position, start: int | None, stop: int | None) -> Iterator[Record]:
        """Committed records from `start` (None: the first) up to `stop` (None: the end, open transactions awaited)."""
        ...

    def poll_tables(self) -> list[tuple[str, list[Record]]]:
        """New rows of the tables; the first call gives all there are."""
        ...

    def catch_up_tables(self) -> list[tuple[str, list[Record]]]:
        """All rows written before this call that were not given yet."""
        ...

    def lag(self, positions: Mapping[Position, int | None]) -> dict[Position, int]:
        """Offsets between each safe one (None: ask the group) and the end of the log, where that is known."""
        ...

    def close(self) -> None:
        """Leave the group."""
        ...
