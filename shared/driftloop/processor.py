"""What the runtime asks of a service's core, and what a core hands back.

Why effects are returned and never performed: the loop writes outputs, state and input offsets in
one Kafka transaction. A core that did any of this itself would break the promise that an input
counts exactly once. Because a core is a pure function of its state and its input, replaying the
input gives the same state, and that is how big state is restored.

Partitions: the inputs of a service are co-partitioned, so partition number `p` names one task.
State belongs to a partition and moves with it. A core keeps the state of each partition apart.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import methodcaller
from typing import Protocol, runtime_checkable


class Record(Protocol):
    """One Kafka record as a core sees it; a `confluent_kafka.Message` that was read from a log is one.

    Methods, not attributes, so that the client's own objects pass through without a copy. A record always has a
    place: the transport refuses a message without one. None means what it means in Kafka: no key, a tombstone.
    """

    def topic(self) -> str: ...
    def partition(self) -> int: ...
    def offset(self) -> int: ...
    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def headers(self) -> list[tuple[str, bytes]] | None: ...
    def timestamp(self) -> tuple[int, int]:
        """(kind, milliseconds since 1970)."""
        ...


TOPIC, PARTITION, OFFSET, KEY, VALUE, HEADERS, TIMESTAMP = map(
    methodcaller, ("topic", "partition", "offset", "key", "value", "headers", "timestamp")
)
"""`list(map(VALUE, records))` asks all records of a batch for the price of a third of the calls in a loop."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to be produced.

    `partition_by` picks the partition where it differs from `key` (a status is keyed by
    model and segment, and lives beside its model).
    """

    topic: str
    key: str
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()
    partition_by: str | None = None


@dataclass(frozen=True, slots=True)
class StateChange:
    """A keyed state entry that changed; `value=None` deletes it."""

    partition: int
    key: str
    value: bytes | None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that can never be processed, the stage that refused it, and why."""

    record: Record
    stage: str
    error_class: str
    message: str


WRONG_PARTITION = "WrongPartition"
"""The error class of a record that is not in its key's partition."""


def wrong_partition(found: int, right: int, count: int) -> str:
    """Why a record in partition `found` is buried, whose key belongs in `right`, and what to do."""
    return (
        f"the record is in partition {found}, and its key belongs in {right} of {count}: its producer spreads keys "
        "another way. Set partitioner=murmur2_random there (librdkafka, so confluent-kafka and kcat; Java's clients do "
        f"so by themselves), then send it on with `driftloop dlq replay --class {WRONG_PARTITION}`"
    )


@dataclass(frozen=True, slots=True)
class KeptOut:
    """A row of a table that was not taken as it stands: `reason` is a word for a metric, `sentence` for a person."""

    record: Record
    reason: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Effects:
    """All that a step wants done, in one transaction.

    `ignored` counts records that were right to drop (duplicates, unknown ids), by reason.
    `unknown_fields` counts fields of a newer release that were left out of what was read.
    `wake_at` asks for `wake(now)` no earlier than that moment; None leaves an earlier wish.
    `only_tells`: what `wake` gave has changed nothing that the records do not tell, so state need not be written
    down with it.
    """

    outgoing: tuple[Outgoing, ...] = ()
    state_changes: tuple[StateChange, ...] = ()
    dead_letters: tuple[DeadLetter, ...] = ()
    ignored: dict[str, int] = field(default_factory=dict)
    wake_at: datetime | None = None
    unknown_fields: int = 0
    only_tells: bool = False

    @property
    def says_nothing(self) -> bool:
        """Whether there is nothing to write down or to count, at most a wish.

        >>> Effects().says_nothing, Effects(ignored={"duplicate": 1}).says_nothing
        (True, False)
        """
        return not (self.outgoing or self.state_changes or self.dead_letters or self.ignored or self.unknown_fields)

    def __add__(self, other: "Effects") -> "Effects":
        wishes = [wish for wish in (self.wake_at, other.wake_at) if wish is not None]
        reasons = {*self.ignored, *other.ignored}
        return Effects(
            self.outgoing + other.outgoing,
            self.state_changes + other.state_changes,
            self.dead_letters + other.dead_letters,
            {why: self.ignored.get(why, 0) + other.ignored.get(why, 0) for why in reasons},
            min(wishes, default=None),
            self.unknown_fields + other.unknown_fields,
            self.only_tells and other.only_tells,
        )


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """Which log the input is of: the cluster's id, each topic's id ("" where the cluster gives none), and how many
    partitions each topic has. `exact`: state and offsets are written together, so they can be held to each other."""

    cluster: str
    topics: Mapping[str, str]
    partitions: Mapping[str, int]
    exact: bool = True


@runtime_checkable
class KnowsLog(Protocol):
    """A core that is told before its first record which log its input is of."""

    def take_log(self, log: LogIdentity) -> None:
        """Raises UserError where the core keeps something that is of another log."""
        ...


@runtime_checkable
class HoldsBack(Protocol):
    """A core that holds words back for a while, to say the newest alone, and that says them before a partition goes."""

    def say_held(self, partition: int) -> Sequence[Outgoing]:
        """What it holds back of a partition, which may go now. Each word is said once, and no state changes by it."""
        ...


class StaleTableError(Exception):
    """A core met a key that its tables lack; the loop catches the tables up and calls once more.

    Raised before any state is touched. A core that is called with `tables_current=True`
    treats the key as unknown instead.
    """


class Processor(Protocol):
    """A service's core.

    The loop calls from one thread: `restore` for each assigned partition (keyed state from the
    changelog, or the last snapshot), then `process` and `wake`, and `revoke` when a partition goes.
    """

    def process(self, records: Sequence[Record], now: datetime, *, tables_current: bool = False) -> Effects:
        """Take in a batch (any mix of input topics and assigned partitions, in offset order).

        Raises StaleTableError, and AwayError where what the core needs is away: no record is to blame then. For
        anything else that it raises, the loop looks for the record that is to blame, and buries it.
        """
        ...

    def wake(self, now: datetime) -> Effects:
        """A moment asked for through `wake_at` has come, or a partition was restored: wishes are to be said again."""
        ...

    def restore(self, partition: int, state: Iterable[tuple[str, bytes]]) -> None:
        """Replace the state of a partition; an empty iterable means a fresh start."""
        ...

    def snapshot(self, partition: int) -> Iterable[tuple[str, bytes]]:
        """The state of a partition that `restore` takes; cores with keyed state give nothing."""
        ...

    def revoke(self, partition: int) -> None:
        """Forget a partition."""
        ...

    def take_table(self, topic: str, records: Sequence[Record]) -> Sequence[KeptOut] | None:
        """Rows of a table topic (read in full, by every replica, outside the group).

        What was kept out is given back: the loop counts it and writes it to the log. A row that raises is kept
        out by the loop itself, so a core may rely on being called with one row at a time after a failure.
        """
        ...
