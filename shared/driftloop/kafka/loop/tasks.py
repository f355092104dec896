"""Which partitions are ours, how far each was read, and how far it was committed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from driftloop.kafka.loop.transport import Position
from driftloop.processor import OFFSET, PARTITION, TOPIC, Record

_MARKER = 1
"""Offsets that the end of a transaction takes up."""
_FEW = 32
"""Up to so many records it takes longer to look at them all at once than one by one."""


class Gap(NamedTuple):
    """Offsets from `start` up to `stop` of which no record came, though one behind them did, or the end."""

    position: Position
    start: int
    stop: int


@dataclass(slots=True)
class Task:
    """Partition `number` of all inputs.

    `next` is what is read next of each topic, `committed` what the last commits said, `safe` what the group would
    go on from.
    `dirty`: it took in records since the last commit. `since_snapshot` counts such commits since the
    state was last written down.
    """

    number: int
    topics: set[str] = field(default_factory=set)
    next: dict[str, int] = field(default_factory=dict)
    committed: dict[str, int] = field(default_factory=dict)
    safe: dict[str, int] = field(default_factory=dict)
    ready: bool = False
    dirty: bool = False
    since_snapshot: int = 0

    def gap_before(self, topic: str, offset: int) -> list[Gap]:
        """The gap between what is read next of a topic and an offset; none where no more than a marker fits in."""
        start = self.next[topic]
        return [Gap((topic, self.number), start, offset)] if offset - start > _MARKER else []


class Accepted(NamedTuple):
    """Records that come next, and the gaps between them (or before the first) that are longer than a marker.

    A transaction's end takes up one offset, an aborted one as many as it had records: a gap says nothing
    by itself. It may also be that the client left records out.
    """

    records: list[Record]
    gaps: list[Gap]


class Tasks:
    """The tasks of a replica. A task is complete when its partition of every input is here."""

    def __init__(self, inputs: Sequence[str]) -> None:
        self._inputs = frozenset(inputs)
        self._tasks: dict[int, Task] = {}

    def assigned(self, positions: Iterable[Position]) -> None:
        """Take partitions in; they are not ready before they are restored."""
        for topic, number in positions:
            self._tasks.setdefault(number, Task(number)).topics.add(topic)

    def gone(self, positions: Sequence[Position]) -> list[Task]:
        """The tasks that partitions are taken from; the rest of each waits until it is complete again."""
        hit = {number for _, number in positions if number in self._tasks}
        for topic, number in positions:
            if number in self._tasks:
                self._tasks[number].topics.discard(topic)
        tasks = [self._tasks[number] for number in sorted(hit)]
        for task in tasks:
            self._tasks[task.number] = Task(task.number, task.topics)
            if not task.topics:
                del self._tasks[task.number]
        return tasks

    def waiting(self) -> list[Task]:
        """Complete tasks that are to be restored."""
        return [task for task in self._tasks.values() if not task.ready and task.topics == self._inputs]

    def incomplete(self) -> list[Task]:
        """Tasks that wait for the partition of another input: nothing of them is read."""
        return [task for task in self._tasks.values() if task.topics != self._inputs]

    def safe(self) -> dict[Position, int | None]:
        """The offset that each partition's successor would go on from; None where it was not asked for yet."""
        return {(topic, task.number): task.safe.get(topic) for task in self._tasks.values() for topic in task.topics}

    def ready(self) -> list[Task]:
        """Tasks at work."""
        return [task for task in self._tasks.values() if task.ready]

    def start(self, task: Task, offsets: Mapping[str, int]) -> None:
        """A task is restored and goes on from these offsets, which its next commit states."""
        task.next, task.committed, task.safe = dict(offsets), {}, dict(offsets)
        task.ready, task.dirty, task.since_snapshot = True, False, 0

    def get(self, number: int) -> Task | None:
        """The task of a partition number, if it is ours and at work."""
        task = self._tasks.get(number)
        return task if task is not None and task.ready else None

    def accept(self, records: list[Record]) -> Accepted:
        """The records that come next for a ready task, counted as read; others are leftovers of a move."""
        if not records:
            return Accepted([], [])
        gaps = self._all_come_next(records) if len(records) > _FEW else None
        return self._those_that_come_next(records) if gaps is None else Accepted(records, gaps)

    def _all_come_next(self, records: Sequence[Record]) -> list[Gap] | None:
        """Count all as read, where every one is to be accepted: the usual case, looked at a batch at a time.

        The gaps in them; None where some are leftovers.
        """
        offsets = np.fromiter(map(OFFSET, records), np.int64, count=len(records))
        numbers = np.fromiter(map(PARTITION, records), np.int64, count=len(records))
        last: dict[Position, int] = {}
        gaps: list[Gap] = []
        for topic, of_topic in _by_topic(records):
            for number in np.unique(numbers[of_topic]).tolist():
                task = self._tasks.get(number)
                if task is None or not task.ready:
                    return None
                own = offsets[of_topic][numbers[of_topic] == number]
                steps = np.diff(own, prepend=task.next[topic] - 1)
                if np.any(steps <= 0):
                    return None
                far = np.flatnonzero(steps > 1 + _MARKER)
                gaps += [Gap((topic, number), int(own[i] - steps[i] + 1), int(own[i])) for i in far.tolist()]
                last[topic, number] = int(own[-1])
        for (topic, number), offset in last.items():
            task = self._tasks[number]
            task.next[topic], task.dirty = offset + 1, True
        return gaps

    def _those_that_come_next(self, records: Iterable[Record]) -> Accepted:
        accepted: list[Record] = []
        gaps: list[Gap] = []
        for record in records:
            topic, offset = record.topic(), record.offset()
            task = self._tasks.get(record.partition())
            if task is not None and task.ready and offset >= task.next[topic]:
                gaps += task.gap_before(topic, offset)
                task.next[topic] = offset + 1
                task.dirty = True
                accepted.append(record)
        return Accepted(accepted, gaps)

    def reached(self, ends: Mapping[Position, int]) -> list[Gap]:
        """Ends of partitions were reached: what lies before them is read. The gaps before them, as of `accept`."""
        gaps: list[Gap] = []
        for (topic, number), end in ends.items():
            task = self.get(number)
            if task is not None:
                gaps += task.gap_before(topic, end)
                task.next[topic] = max(task.next[topic], end)
        return gaps

    def uncommitted(self) -> dict[Position, int]:
        """Next offsets that are ahead of what was committed."""
        return {
            (topic, task.number): offset
            for task in self.ready()
            for topic, offset in task.next.items()
            if offset != task.committed.get(topic)
        }

    def positions(self) -> dict[Position, int]:
        """Next offsets of all tasks at work, committed or not."""
        return {(topic, task.number): offset for task in self.ready() for topic, offset in task.next.items()}

    def committed(self, offsets: dict[Position, int]) -> None:
        """A transaction with these offsets went through."""
        for (topic, number), offset in offsets.items():
            task = self._tasks[number]
            task.committed[topic] = task.safe[topic] = offset
        for task in self.ready():
            task.since_snapshot += task.dirty
            task.dirty = False


def _by_topic(records: Sequence[Record]) -> list[tuple[str, NDArray[np.intp] | slice]]:
    """Which of the records are of each topic; mostly all are of one."""
    names = list(map(TOPIC, records))
    topics = sorted(set(names))
    if len(topics) == 1:
        return [(topics[0], slice(None))]
    codes = np.fromiter(map({topic: code for code, topic in enumerate(topics)}.__getitem__, names), np.intp)
    return [(topic, np.flatnonzero(codes == code)) for code, topic in enumerate(topics)]
