"""Partitions come and go: what is restored before the first batch, written down before the last, and begun anew."""

import time
from collections.abc import Callable, Sequence

import structlog

from driftloop.kafka.loop.aborts import Aborts
from driftloop.kafka.loop.metrics import LoopMetrics
from driftloop.kafka.loop.restore import MovedError, restore
from driftloop.kafka.loop.tasks import Gap, Tasks
from driftloop.kafka.loop.transactions import Transactions
from driftloop.kafka.loop.transport import AbortedError, Position, Transport
from driftloop.kafka.settings import LoopSettings
from driftloop.processor import Processor


class Assignment:
    """The `Rebalance` of a loop. `restored` is called after each partition that was given its state back."""

    def __init__(
        self,
        processor: Processor,
        settings: LoopSettings,
        *,
        transport: Transport,
        tasks: Tasks,
        transactions: Transactions,
        aborts: Aborts,
        metrics: LoopMetrics,
        log: structlog.typing.FilteringBoundLogger,
        restored: Callable[[], None],
    ) -> None:
        self._processor, self._settings, self._transport = processor, settings, transport
        self._tasks, self._transactions, self._aborts = tasks, transactions, aborts
        self._metrics, self._log, self._restored = metrics, log, restored
        self.any_yet = False
        """Whether the group has given this replica a partition since the start."""
        self.broken = False
        """Whether a turn raised: nothing in memory is ever written down then."""

    def on_assigned(self, positions: Sequence[Position]) -> None:
        """Partitions came; they are restored before the next batch."""
        self._log.info("partitions assigned", partitions=sorted(positions))
        self._tasks.assigned(positions)
        self.any_yet = True
        self._show_partitions()

    def on_revoked(self, positions: Sequence[Position]) -> None:
        """Partitions go: write their state down while they are ours."""
        numbers = {number for _, number in positions}
        mine = [task for task in self._tasks.ready() if task.number in numbers]
        try:
            self._transactions.snapshots([] if self.broken else mine)
        except AbortedError as error:
            self._log.warning("the last snapshot of leaving partitions was aborted", reason=str(error))
        self.on_lost(positions)

    def on_lost(self, positions: Sequence[Position]) -> None:
        """Partitions went."""
        self._log.info("partitions gone", partitions=sorted(positions))
        for task in self._tasks.gone(positions):
            if task.ready:
                self._processor.revoke(task.number)
                self._transactions.forget(task.number)
        for position in positions:
            self._metrics.forget(*position)
        self._aborts.forget()
        self._show_partitions()

    def restore_waiting(self) -> set[int]:
        """Restore tasks that are complete; their numbers. One that moved away meanwhile waits for the group's word."""
        waiting = self._tasks.waiting()
        for task in waiting:
            started = time.monotonic()
            try:
                offsets, snapshot = restore(self._processor, self._settings, self._transport, task.number)
            except MovedError as error:
                self._log.warning("not restored: another replica commits this partition", reason=str(error))
                continue
            self._transactions.restored(task.number, snapshot)
            self._tasks.start(task, offsets)
            self._transport.begin_at({(topic, task.number): offset for topic, offset in offsets.items()})
            self._metrics.restored()
            self._show_partitions()
            self._restored()
            seconds = round(time.monotonic() - started, 3)
            self._log.info("restored", partition=task.number, offsets=offsets, seconds=seconds)
        return {task.number for task in waiting}

    def start_over(self) -> None:
        """Forget what is in memory and go back to the last commit.

        Where that is further on than was known, the last transaction went through after all, though the client said
        otherwise: perhaps nothing is left to try again, and nobody would learn that this replica is able to commit.
        """
        before = self._tasks.safe()
        for task in self._tasks.ready():
            self._processor.revoke(task.number)
            task.ready = False
        self.restore_waiting()
        now = self._tasks.safe()
        if any(at is not None and (now.get(place) or 0) > at for place, at in before.items()):
            self._aborts.forget()

    def left_out(self, gap: Gap) -> bool:
        """Whether the client left records out; a reader of its own is asked. Markers and aborted records are none."""
        missing = sum(1 for _ in self._transport.read(*gap))
        if missing:
            topic, partition = gap.position
            self._log.error("the client left records out", topic=topic, partition=partition, start=gap.start, n=missing)
            self._metrics.left_out(missing)
        return missing > 0

    def _show_partitions(self) -> None:
        self._metrics.partitions(len(self._tasks.ready()), len(self._tasks.incomplete()))
