"""A log in memory with what the loop relies on: partitions, transactions, fencing, group membership.

As in Kafka, transaction markers and aborted records take up offsets and are never delivered.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from driftloop.in_memory.group import MemoryGroup
from driftloop.kafka.clients.partitioner import murmur2
from driftloop.kafka.loop.transport import FencedError, Position, Write
from driftloop.testing.records import START_MS, FakeRecord


class KilledError(BaseException):
    """What a process feels of kill -9 in a test: nothing catches it."""


class MemoryLog:
    """Topics appear when they are first used, each with `partitions` partitions.

    >>> log = MemoryLog()
    >>> log.append("drift-signals", key="plant", value=b"{}")
    >>> [record.key() for record in log.records("drift-signals")]
    [b'plant']
    """

    def __init__(self, partitions: int = 1, now_ms: Callable[[], int] = lambda: START_MS) -> None:
        self.partitions = partitions
        self.offsets: dict[str, dict[Position, int]] = defaultdict(dict)
        self.aborted = 0
        self._now_ms = now_ms
        self._entries: dict[Position, list[FakeRecord | None]] = defaultdict(list)
        self._slots: dict[str, int] = {}
        self._faults: list[BaseException] = []
        self._groups: dict[str, MemoryGroup] = {}

    def append(
        self,
        topic: str,
        *,
        key: str | bytes | None = None,
        value: bytes | str | None,
        headers: tuple[tuple[str, bytes], ...] = (),
        partition: int | None = None,
        at_ms: int | None = None,
    ) -> None:
        """Add a record outside every transaction."""
        raw_key = key.encode() if isinstance(key, str) else key
        raw = value.encode() if isinstance(value, str) else value
        self._add(Write(topic, raw_key, raw, headers, partition), visible=True, at_ms=at_ms)

    def records(self, topic: str, partition: int | None = None) -> list[FakeRecord]:
        """Committed records, partition by partition."""
        numbers = range(self.partitions) if partition is None else [partition]
        return [entry for number in numbers for entry in self._entries[topic, number] if entry is not None]

    def slice(self, position: Position, start: int, stop: int) -> list[FakeRecord]:
        """Committed records of one partition between two offsets."""
        return [entry for entry in self._entries[position][start:stop] if entry is not None]

    def end(self, position: Position) -> int:
        """The offset that the next record will have."""
        return len(self._entries[position])

    def group(self, name: str) -> MemoryGroup:
        """The group of that name."""
        return self._groups.setdefault(name, MemoryGroup(self.partitions))

    # -- transactions -------------------------------------------------------------------------

    def fence(self, slot: str) -> int:
        """Take a transactional id over; the epoch that its owner must show from now on."""
        self._slots[slot] = self._slots.get(slot, 0) + 1
        return self._slots[slot]

    def fail_next(self, *faults: BaseException) -> None:
        """Let the next transactions end like this: `AbortedError()`, `FencedError()`, `KilledError()`."""
        self._faults.extend(faults)

    def transact(
        self, slot: str, epoch: int, group: str, writes: Sequence[Write], offsets: Mapping[Position, int]
    ) -> None:
        """Write and commit offsets, together or not at all."""
        if self._slots.get(slot) != epoch:
            raise FencedError(f"{slot} was taken over")
        fault = self._faults.pop(0) if self._faults else None
        touched = {self._add(write, visible=fault is None) for write in writes}
        for position in touched:
            self._entries[position].append(None)
        if fault is not None:
            self.aborted += 1
            raise fault
        self.offsets[group].update(offsets)

    def _add(self, write: Write, *, visible: bool, at_ms: int | None = None) -> Position:
        number = write.partition if write.partition is not None else self._partition(write.key)
        entries = self._entries[write.topic, number]
        record = FakeRecord(
            write.topic,
            key=write.key,
            value=write.value,
            headers=write.headers,
            at_partition=number,
            at_offset=len(entries),
            at_ms=self._now_ms() if at_ms is None else at_ms,
        )
        entries.append(record if visible else None)
        return write.topic, number

    def _partition(self, key: bytes | None) -> int:
        return 0 if key is None else (murmur2(key) & 0x7FFFFFFF) % self.partitions
