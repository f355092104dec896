"""The transactional loop: read a batch, hand it to the core, write all that it wants in one transaction.

Why a batch is a transaction: outputs, state and input offsets become visible together or not at all,
so an input counts exactly once whatever dies in between. A core that raises is given its state back
and the batch in ever smaller parts, until the record that it cannot take stands alone and is buried. So is a
batch whose effects the broker refuses for their size.
"""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

import structlog

from driftloop.clock import Clock, system_now
from driftloop.errors import ExitCode, UserError
from driftloop.kafka.deadlines import Deadlines
from driftloop.kafka.loop.batch_size import BatchSize
from driftloop.kafka.loop.breaker import Breaker
from driftloop.kafka.loop.kafka_transport import KafkaTransport
from driftloop.kafka.loop.metrics import LoopMetrics
from driftloop.kafka.loop.placement import in_place
from driftloop.kafka.loop.restore import MovedError, restore
from driftloop.kafka.loop.table_rows import take_rows
from driftloop.kafka.loop.tasks import Gap, Tasks
from driftloop.kafka.loop.transactions import Transactions
from driftloop.kafka.loop.transport import AbortedError, Position, TooLargeError, Transport
from driftloop.kafka.loop.watched import WatchedTransport
from driftloop.kafka.settings import KafkaSettings, LoopSettings
from driftloop.processor import DeadLetter, Effects, KnowsLog, Processor, Record, StaleTableError
from driftloop.waits import ABORTS, JOINS, RESTORES, UNREAD

_LAG_EVERY_S = 1.0
_UNABLE_AFTER_ABORTS = 3
"""Transactions aborted in a row from which on a replica is not able to commit: not ready, its batches made smaller."""
_MOST_SAID = 300
"""Characters of an error that are logged: some hold the whole record."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.01, 1.0
"""Before what was aborted is tried again, doubled with each abort in a row."""
_WAKE_AGAIN_AFTER = timedelta(seconds=60)


class Loop:
    """Runs a core over Kafka. `run` returns when `stop` was called; what it raises is the end of the process.

        Loop(core, LoopSettings(service="drift_detection", group="drift_detection",
                                inputs=("outcome-frames",), state="snapshot"), KafkaSettings()).run()

    After each restore the core's `wake` is called once, so that it can state its wish again.
    """

    def __init__(
        self,
        processor: Processor,
        settings: LoopSettings,
        kafka: KafkaSettings | None = None,
        *,
        clock: Clock = system_now,
        metrics: LoopMetrics | None = None,
        transport: Transport | None = None,
    ) -> None:
        self._kafka = kafka or KafkaSettings()
        self._processor, self._settings, self._clock = processor, settings, clock
        self.metrics = metrics or LoopMetrics(settings.service)
        self.deadlines = Deadlines.of(self._kafka)
        self.metrics.reads(settings.inputs)
        self._transport: Transport = transport or KafkaTransport(settings, self._kafka)
        self._watched = WatchedTransport(self._transport)
        self._tasks = Tasks(settings.inputs)
        self._transactions = Transactions(processor, settings, self._watched, self._tasks, self.metrics)
        self._breaker = Breaker(settings)
        self._size = BatchSize(self._kafka.batch_size)
        self._aborts, self._batch_aborted = 0, False
        self._partition_count = 1
        self._failures: dict[tuple[str, int, int], int] = {}
        self._wake_at: datetime | None = None
        self._stopping = threading.Event()
        self._log = structlog.get_logger(service=settings.service)
        self._ticked = time.monotonic()
        self._lag_at = 0.0
        self._assigned = self._broken = False
        self._joined_at: float | None = None

    # -- what others see ----------------------------------------------------------------------

    def stop(self) -> None:
        """Ask for the end; safe from signal handlers and other threads."""
        self._stopping.set()

    @property
    def tick_age(self) -> float:
        """Seconds since the loop last turned: liveness."""
        return time.monotonic() - self._ticked

    @property
    def ready(self) -> bool:
        """Whether the group has given us our share (which may be nothing), all of it is restored, and we can commit."""
        return not self.waits_for

    @property
    def waits_for(self) -> str:
        """Why it is not ready, in the words of `driftloop.waits`; empty where it is."""
        joined = self._joined_at is not None and time.monotonic() - self._joined_at > self.deadlines.share_s
        if not (self._assigned or joined):
            return JOINS
        if self._tasks.waiting():
            return RESTORES
        if self._tasks.incomplete():
            return UNREAD
        return ABORTS if self._aborts >= _UNABLE_AFTER_ABORTS else ""

    def run(self) -> None:
        """Run until `stop`. Raises UserError, FencedError, or what the core's `wake` raised."""
        try:
            self.start()
            while not self._stopping.is_set():
                self.step()
            self.finish()
        except Exception as error:
            self._log.warning("leaving", reason=str(error)[:_MOST_SAID])  # said before `close`, which may hang
            raise
        finally:
            self._watched.close()

    def start(self) -> None:
        """Join the group."""
        self._watched.open(self)
        self._partition_count = self._watched.partitions(self._settings.inputs[0])
        if isinstance(self._processor, KnowsLog):
            self._processor.take_log(self._watched.identity())
        self._joined_at = time.monotonic()

    def finish(self) -> None:
        """Write down what only memory holds."""
        self._transacted(lambda: self._transactions.snapshots(self._tasks.ready()))

    def step(self) -> bool:
        """One turn; whether it did anything. After it raised, nothing in memory is ever written down."""
        try:
            return self._turn()
        except BaseException:
            self._broken = True
            raise

    def _turn(self) -> bool:
        self._ticked = time.monotonic()
        self._take_tables(self._watched.poll_tables())
        polled = self._watched.poll(self._size.limit, self._patience())
        if restored := self._restore_waiting():
            polled = polled.without(restored)  # it is from before: all behind the restored offsets is delivered again
        records, gaps = self._tasks.accept(polled.records)
        gaps += self._tasks.reached(polled.ends)
        self._show_lag()
        if any(map(self._left_out, gaps)):
            self._start_over()
        elif records:
            self._process(records)
        elif self._wake_at is not None and self._wake_at <= self._clock():
            self._wake()
        elif self._tasks.uncommitted():
            self._transacted(self._transactions.offsets_only)
        else:
            return False
        return True

    # -- partitions come and go -------------------------------------------------------------

    def on_assigned(self, positions: Sequence[Position]) -> None:
        """Partitions came; they are restored before the next batch."""
        self._log.info("partitions assigned", partitions=sorted(positions))
        self._tasks.assigned(positions)
        self._assigned = True
        self._show_partitions()

    def on_revoked(self, positions: Sequence[Position]) -> None:
        """Partitions go: write their state down while they are ours."""
        numbers = {number for _, number in positions}
        mine = [task for task in self._tasks.ready() if task.number in numbers]
        try:
            self._transactions.snapshots([] if self._broken else mine)
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
            self.metrics.forget(*position)
        self._count_aborts(0)
        self._show_partitions()

    def _show_partitions(self) -> None:
        self.metrics.partitions(len(self._tasks.ready()), len(self._tasks.incomplete()))

    def _restore_waiting(self) -> set[int]:
        """Restore tasks that are complete; their numbers. One that moved away meanwhile waits for the group's word."""
        waiting = self._tasks.waiting()
        for task in waiting:
            started = time.monotonic()
            try:
                offsets, snapshot = restore(self._processor, self._settings, self._watched, task.number)
            except MovedError as error:
                self._log.warning("not restored: another replica commits this partition", reason=str(error))
                continue
            self._transactions.restored(task.number, snapshot)
            self._tasks.start(task, offsets)
            self._watched.begin_at({(topic, task.number): offset for topic, offset in offsets.items()})
            self._wake_at = self._clock()
            self.metrics.restored()
            self._show_partitions()
            self._ticked = time.monotonic()
            self._log.info("restored", partition=task.number, offsets=offsets, seconds=round(self._ticked - started, 3))
        return {task.number for task in waiting}

    def _start_over(self) -> None:
        """Forget what is in memory and go back to the last commit."""
        for task in self._tasks.ready():
            self._processor.revoke(task.number)
            task.ready = False
        self._restore_waiting()

    def _left_out(self, gap: Gap) -> bool:
        """Whether the client left records out; a reader of its own is asked. Markers and aborted records are none."""
        missing = sum(1 for _ in self._watched.read(*gap))
        if missing:
            topic, partition = gap.position
            self._log.error("the client left records out", topic=topic, partition=partition, start=gap.start, n=missing)
            self.metrics.left_out(missing)
        return missing > 0

    # -- a batch --------------------------------------------------------------------------------

    def _process(self, records: list[Record]) -> None:
        now = self._clock()
        taken, misplaced = in_place(records, self._settings.keyed, self._partition_count)
        try:
            effects = self._with_tables(partial(self._processor.process, taken, now)) if taken else Effects()
        except UserError:
            raise  # what the core needs is away (a full disk, a store): no record is to blame
        except Exception as error:  # noqa: BLE001  (whatever a record does to a core, the service lives)
            self._isolate(records, error)
            return
        if self._write(
            effects + Effects(dead_letters=misplaced) if misplaced else effects,
            records,
            partial(self._isolate, records),
        ):
            self._size.went_well()
            self._failures.clear()
        elif self._aborts >= _UNABLE_AFTER_ABORTS and self._size.limit >= len(records):
            self._size.halve(len(records))  # a transaction that takes too long is aborted however often it is tried

    def _wake(self) -> None:
        self._wake_at = None
        now = self._clock()
        effects = self._processor.wake(now)
        if effects.outgoing or effects.state_changes or effects.dead_letters:
            self._transactions.write_down_all()
        self._write(effects, [], self._wake_later)

    def _wake_later(self, error: TooLargeError) -> None:
        """What the core wished for by itself can never be written: go on with the records, and try it now and then."""
        self._log.error("what the core wished for cannot be written", reason=str(error))
        self._start_over()
        self._wake_at = self._clock() + _WAKE_AGAIN_AFTER

    def _with_tables(self, process: Callable[..., Effects]) -> Effects:
        try:
            return process()
        except StaleTableError:
            self._take_tables(self._watched.catch_up_tables())
            return process(tables_current=True)

    def _take_tables(self, rows: list[tuple[str, list[Record]]]) -> None:
        """Tables are read outside every batch: a row that a core cannot take is counted and left out, never fatal."""
        for topic, records in rows:
            for row in take_rows(self._processor, topic, records):
                self.metrics.kept_out(topic, row.reason)
                self._log.warning(
                    "a table row was not taken as it stands",
                    topic=topic, partition=row.record.partition(), offset=row.record.offset(),
                    reason=row.reason, sentence=row.sentence,
                )  # fmt: skip

    def _isolate(self, records: list[Record], error: Exception) -> None:
        """Halve the batch until the culprit stands alone, then bury it."""
        self._log.warning("a batch failed", records=len(records), error=repr(error)[:_MOST_SAID])
        self._start_over()
        if len(records) > 1:
            self._size.halve(len(records), too_large=isinstance(error, TooLargeError))
            return
        record = records[0]
        place = str(record.topic()), int(record.partition() or 0), int(record.offset() or 0)
        self._failures[place] = self._failures.get(place, 0) + 1
        if self._failures[place] >= self._settings.attempts:
            self._bury(record, error, self._failures.pop(place))

    def _bury(self, record: Record, error: Exception, attempts: int) -> None:
        """Step over a record that no core can take, or whose effects no broker takes.

        State is written down with it so that no replay meets the record again.
        """
        letter = _letter(record, error)
        topic, number, after = str(record.topic()), int(record.partition() or 0), int(record.offset() or 0) + 1
        task = self._tasks.get(number)
        if task is None:
            return
        task.next[topic] = after
        task.since_snapshot = self._settings.snapshot_every
        if self._transacted(lambda: self._transactions.buried(letter, attempts), self._no_way_on, 1):
            self._watched.begin_at({(topic, number): after})
            self._count([record], [letter])

    def _no_way_on(self, error: TooLargeError) -> None:
        """Not even the dead letter and the state beside it can be written."""
        raise UserError(
            f"{self._settings.service} stops: a dead letter, or the state on {self._settings.changelog}, is larger "
            f"than the broker takes ({error}): raise `max.message.bytes` of that topic and start it again"
        ) from error

    def _count(self, records: Sequence[Record], letters: Sequence[DeadLetter]) -> None:
        """Look at who is refused, once that is committed; raises UserError where the service is to blame itself."""
        news = self._breaker.count(records, letters)
        for source, reason in news.refused.items():
            self._log.error("a source is refused", source=str(source), reason=reason, see="driftloop dlq list")
        for source in news.taken_again:
            self._log.info("a source is taken again", source=str(source))
        if news.refused or news.taken_again:
            self.metrics.refused(map(str, self._breaker.refused))
        if news.stop is not None:
            raise UserError(news.stop, ExitCode.TOO_MANY_DEAD_LETTERS)

    def _write(self, effects: Effects, records: Sequence[Record], too_large: Callable[[TooLargeError], None]) -> bool:
        """Commit what a core wants; where it was aborted, go back to the last commit."""
        if effects.wake_at is not None:
            self._wake_at = min(self._wake_at or effects.wake_at, effects.wake_at)
        done = self._transacted(lambda: self._transactions.effects(effects, len(records)), too_large, len(records))
        if done:
            self._count(records, effects.dead_letters)
        return done

    def _transacted(
        self,
        transaction: Callable[[], None],
        too_large: Callable[[TooLargeError], None] | None = None,
        records: int = 0,
    ) -> bool:
        """Whether it went through. Where not, `too_large` is told why if it never will; else all starts over."""
        try:
            transaction()
        except AbortedError as error:
            self._batch_aborted |= records > 0
            self._count_aborts(self._aborts + 1)
            self._log.warning("a transaction was aborted", reason=str(error), in_a_row=self._aborts)
            if isinstance(error, TooLargeError) and too_large is not None:
                too_large(error)
            else:
                self._stopping.wait(min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** (self._aborts - 1)))
                self._start_over()
            return False
        if records or not self._batch_aborted:  # one without records says nothing about the batch that failed
            self._count_aborts(0)
        return True

    def _count_aborts(self, in_a_row: int) -> None:
        self._aborts, self._batch_aborted = in_a_row, self._batch_aborted and in_a_row > 0
        self.metrics.aborted_in_a_row(in_a_row)

    def _show_lag(self) -> None:
        if self._ticked - self._lag_at > _LAG_EVERY_S:
            self._lag_at = self._ticked
            for (topic, number), records in self._watched.lag(self._tasks.safe()).items():
                self.metrics.lag(topic, number, records)

    def _patience(self) -> float:
        """How long a poll may wait: less where a wish of the core comes due earlier."""
        longest = self._kafka.poll_timeout_ms / 1000
        if self._wake_at is None:
            return longest
        return min(longest, max(0.0, (self._wake_at - self._clock()).total_seconds()))


def _letter(record: Record, error: Exception) -> DeadLetter:
    """Why a record is buried."""
    if isinstance(error, TooLargeError):
        return DeadLetter(record, "commit", "TooLargeError", f"what this record leads to can never be written: {error}")
    return DeadLetter(record, "process", type(error).__name__, str(error))
