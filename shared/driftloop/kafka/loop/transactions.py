"""Puts together what one transaction holds: outputs, state, dead letters, snapshots, input offsets."""

import time
from collections import Counter
from collections.abc import Sequence
from operator import attrgetter

from driftloop.kafka.clients.partitioner import partition_of
from driftloop.kafka.loop.dead_letter import bury
from driftloop.kafka.loop.identity import mark_of, mark_write
from driftloop.kafka.loop.metrics import LoopMetrics
from driftloop.kafka.loop.state import Snapshot, keyed_writes, snapshot_writes
from driftloop.kafka.loop.tasks import Task, Tasks
from driftloop.kafka.loop.transport import Transport, Write
from driftloop.kafka.settings import LoopSettings
from driftloop.processor import DeadLetter, Effects, HoldsBack, Outgoing, Processor
from driftloop.telemetry.tracing import Tracer

_TOPIC = attrgetter("topic")


class Transactions:
    """Every method is one transaction and raises AbortedError where it did not go through."""

    def __init__(
        self, processor: Processor, settings: LoopSettings, transport: Transport, tasks: Tasks, metrics: LoopMetrics,
        *, tracer: Tracer,
    ) -> None:  # fmt: skip
        self._processor, self._settings, self._transport = processor, settings, transport
        self._tasks, self._metrics, self._tracer = tasks, metrics, tracer
        self._before: dict[int, Snapshot | None] = {}

    def restored(self, number: int, snapshot: Snapshot | None) -> None:
        """The snapshot that a partition was restored from: the next one replaces it."""
        self._before[number] = snapshot

    def forget(self, number: int) -> None:
        """A partition went."""
        self._before.pop(number, None)

    def effects(self, effects: Effects, records: int) -> None:
        """All that a core wants done after `records` records."""
        if effects.state_changes and self._settings.state != "keyed":
            raise TypeError(f"{self._settings.service} keeps {self._settings.state} state, its core changed a key")
        started = time.monotonic()
        writes = [self._outgoing(wish) for wish in self._tracer.trace(effects.outgoing)]
        writes += keyed_writes(self._settings.changelog, effects.state_changes)
        writes += [bury(letter, self._settings.service) for letter in effects.dead_letters]
        self._commit(writes, self._due())
        self._tracer.committed()
        self._metrics.batch(records, len(effects.dead_letters), effects.ignored, time.monotonic() - started)
        self._metrics.unknown_fields(effects.unknown_fields)
        self._metrics.buried(effects.dead_letters)

    def buried(self, letter: DeadLetter, attempts: int) -> None:
        """A record that the core cannot take."""
        self._commit([bury(letter, self._settings.service, attempts)], self._due())
        self._metrics.batch(1, 1, {}, 0.0)
        self._metrics.buried([letter])

    def offsets_only(self) -> None:
        """Say how far was read where there was nothing to process: markers take up offsets too."""
        self._commit([], [])

    def snapshots(self, tasks: Sequence[Task]) -> None:
        """What is to be written before tasks may go: the state of those that changed, and what the core held back."""
        changed = [task for task in tasks if task.since_snapshot or task.dirty]
        held: list[Outgoing] = []
        if isinstance(self._processor, HoldsBack):
            for task in tasks:
                held += self._processor.say_held(task.number)
        if held or (self._settings.state == "snapshot" and changed):
            self._tracer.take([])  # as of a wake: it is not of the batch before
            writes = [self._outgoing(wish) for wish in self._tracer.trace(held)]
            self._commit(writes, changed if self._settings.state == "snapshot" else [])
            self._tracer.committed()

    def write_down_all(self) -> None:
        """Make the next transaction hold snapshots of every task: replay could not find this state again."""
        for task in self._tasks.ready():
            task.since_snapshot = self._settings.snapshot_every

    def _due(self) -> list[Task]:
        """Tasks whose snapshot is due with this commit."""
        if self._settings.state != "snapshot":
            return []
        every = self._settings.snapshot_every
        return [task for task in self._tasks.ready() if task.since_snapshot + task.dirty >= every]

    def _commit(self, writes: list[Write], snapshot_of: Sequence[Task]) -> None:
        offsets = self._tasks.uncommitted()
        fresh: dict[int, Snapshot] = {}
        for task in snapshot_of:
            entries = self._processor.snapshot(task.number)
            before = self._before.get(task.number)
            more, fresh[task.number] = snapshot_writes(
                self._settings.changelog, task.number, entries, before, task.next
            )
            writes += more
        if not writes and not offsets:
            return
        offsets = offsets or self._tasks.positions()  # with none the group is not asked whether we are still a member
        worked = bool(writes) or any(task.dirty for task in self._tasks.ready())
        writes += self._marks({number for _, number in offsets})
        try:
            self._transport.commit(writes, offsets)
        except Exception:
            self._metrics.transaction("aborted")
            raise
        self._metrics.transaction("committed" if worked else "empty")
        self._tasks.committed(offsets)
        self._before |= fresh
        for task in snapshot_of:
            task.since_snapshot = 0
        for topic, records in Counter(map(_TOPIC, writes)).items():
            self._metrics.published(topic, records)

    def _marks(self, numbers: set[int]) -> list[Write]:
        """What stands beside the state of each partition from now on: of which log it is, and of which offsets."""
        log = self._transport.identity()
        if self._settings.state == "none" or not log.exact:
            return []
        tasks = [task for task in self._tasks.ready() if task.number in numbers]
        return [mark_write(self._settings.changelog, task.number, mark_of(log, task.next)) for task in tasks]

    def _outgoing(self, wish: Outgoing) -> Write:
        partition = None
        if wish.partition_by is not None:
            partition = partition_of(wish.partition_by, self._transport.partitions(wish.topic))
        return Write(wish.topic, wish.key.encode(), wish.value, wish.headers, partition)
