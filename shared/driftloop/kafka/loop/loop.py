"""The transactional loop: read a batch, hand it to the core, write all that it wants in one transaction.

Why a batch is a transaction: outputs, state and input offsets become visible together or not at all,
so an input counts exactly once whatever dies in between. A core that raises is given its state back
and the batch in ever smaller parts, until the record that it cannot take stands alone and is buried. So is a
batch whose effects the broker refuses for their size.

`Loop` turns; `Assignment` is told of partitions that come and go, and restores them; `PoisonIsolation` finds the
record that is to be buried; `Attempts` tries a transaction and goes back to the last commit if it is aborted.
"""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from math import inf

import structlog

from driftloop.clock import Clock, system_now
from driftloop.errors import AwayError, ExitCode, UserError
from driftloop.kafka.deadlines import Deadlines
from driftloop.kafka.loop.aborts import Aborts
from driftloop.kafka.loop.assignment import Assignment
from driftloop.kafka.loop.attempts import Attempts, TooLarge
from driftloop.kafka.loop.batch_size import BatchSize
from driftloop.kafka.loop.breaker import Breaker
from driftloop.kafka.loop.kafka_transport import KafkaTransport
from driftloop.kafka.loop.metrics import LoopMetrics
from driftloop.kafka.loop.placement import in_place
from driftloop.kafka.loop.poison_isolation import MOST_SAID, PoisonIsolation
from driftloop.kafka.loop.table_rows import take_rows
from driftloop.kafka.loop.tasks import Tasks
from driftloop.kafka.loop.transactions import Transactions
from driftloop.kafka.loop.transport import TooLargeError, Transport
from driftloop.kafka.loop.wake_time import WakeTime
from driftloop.kafka.loop.watched import WatchedTransport
from driftloop.kafka.settings import KafkaSettings, LoopSettings
from driftloop.processor import DeadLetter, Effects, KnowsLog, Processor, Record, StaleTableError
from driftloop.telemetry.otlp import tracer_of
from driftloop.waits import ABORTS, JOINS, RESTORES, UNREAD

_LAG_EVERY_S = 1.0
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
        self._log = structlog.get_logger(service=settings.service)
        self._stopping = threading.Event()
        self._wake_time = WakeTime()
        self._partition_count = 1
        self._ticked = time.monotonic()
        self._lag_at = 0.0
        self._worked_at = -inf  # before the first records, markers alone are committed at once
        self._joined_at: float | None = None
        self._wire()

    def _wire(self) -> None:
        """The parts that this loop turns."""
        settings, metrics, log = self._settings, self.metrics, self._log
        self._tasks = Tasks(settings.inputs)
        self._tracer = tracer_of(settings.service)
        self._transactions = Transactions(
            self._processor, settings, self._watched, self._tasks, metrics, tracer=self._tracer
        )
        self._aborts, self._breaker, self._size = Aborts(metrics), Breaker(settings), BatchSize(self._kafka.batch_size)
        self._assignment = Assignment(
            self._processor, settings, transport=self._watched, tasks=self._tasks, transactions=self._transactions,
            aborts=self._aborts, metrics=metrics, log=log, restored=self._restored,
        )  # fmt: skip
        self._attempts = Attempts(self._aborts, self._assignment.start_over, self._stopping.wait, log)
        self._isolation = PoisonIsolation(
            settings, assignment=self._assignment, tasks=self._tasks, transactions=self._transactions,
            attempts=self._attempts, size=self._size, log=log, begin_at=self._watched.begin_at, buried=self._count,
        )  # fmt: skip

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
        if not (self._assignment.any_yet or joined):
            return JOINS
        if self._tasks.waiting():
            return RESTORES
        if self._tasks.incomplete():
            return UNREAD
        return ABORTS if self._aborts.unable else ""

    def run(self) -> None:
        """Run until `stop`. Raises UserError, FencedError, or what the core's `wake` raised."""
        try:
            self.start()
            while not self._stopping.is_set():
                self.step()
            self.finish()
        except Exception as error:
            self._log.warning("leaving", reason=str(error)[:MOST_SAID])  # said before `close`, which may hang
            raise
        finally:
            self._watched.close()

    def start(self) -> None:
        """Join the group."""
        self._watched.open(self._assignment)
        self._partition_count = self._watched.partitions(self._settings.inputs[0])
        if isinstance(self._processor, KnowsLog):
            self._processor.take_log(self._watched.identity())
        self._joined_at = time.monotonic()

    def finish(self) -> None:
        """Write down what only memory holds."""
        self._attempts.through(lambda: self._transactions.snapshots(self._tasks.ready()))

    def step(self) -> bool:
        """One turn; whether it did anything. After it raised, nothing in memory is ever written down."""
        try:
            return self._turn()
        except BaseException:
            self._assignment.broken = True
            raise

    def _turn(self) -> bool:
        self._ticked = time.monotonic()
        self._take_tables(self._watched.poll_tables())
        patience = self._wake_time.patience(self._kafka.poll_timeout_ms / 1000, self._clock())
        polled = self._watched.poll(self._size.limit, patience)
        if restored := self._assignment.restore_waiting():
            polled = polled.without(restored)  # it is from before: all behind the restored offsets is delivered again
        records, gaps = self._tasks.accept(polled.records)
        gaps += self._tasks.reached(polled.ends)
        self._show_lag()
        due = self._wake_time.due(self._clock())
        if any(map(self._assignment.left_out, gaps)):
            self._assignment.start_over()
        elif records:
            self._process(records)
        elif due and self._wake():
            pass
        elif self._ticked - self._worked_at >= self._kafka.marker_commit_ms / 1000 and self._tasks.uncommitted():
            self._attempts.through(self._transactions.offsets_only)
        else:
            return due
        return True

    def _restored(self) -> None:
        """A partition has its state back: its core is to state its wish again, and that took its time."""
        self._wake_time.set(self._clock())
        self._ticked = time.monotonic()

    # -- a batch --------------------------------------------------------------------------------

    def _process(self, records: list[Record]) -> None:
        now, self._worked_at = self._clock(), self._ticked
        self._tracer.take(records)
        taken, misplaced = in_place(records, self._settings.keyed, self._partition_count)
        try:
            effects = self._with_tables(partial(self._processor.process, taken, now)) if taken else Effects()
        except AwayError:
            raise  # what the core needs is away (a full disk, a store): no record is to blame
        except Exception as error:  # noqa: BLE001  (whatever a record does to a core, the service lives)
            self._isolation.isolate(records, error)
            return
        if self._write(
            effects + Effects(dead_letters=misplaced) if misplaced else effects,
            records,
            partial(self._isolation.isolate, records),
        ):
            self._isolation.went_well()
        elif self._aborts.unable and self._size.limit >= len(records):
            self._size.halve(len(records))  # a transaction that takes too long is aborted however often it is tried

    def _wake(self) -> bool:
        """Let the core say what it has to say by itself; whether that was anything."""
        self._wake_time.set(None)
        now = self._clock()
        self._tracer.take([])  # what it says by itself is not of the batch before
        effects = self._processor.wake(now)
        if effects.says_nothing:
            self._wake_time.ask(effects.wake_at)
            return False
        if not effects.only_tells and (effects.outgoing or effects.state_changes or effects.dead_letters):
            self._transactions.write_down_all()
        self._write(effects, [], self._wake_later)
        return True

    def _wake_later(self, error: TooLargeError) -> None:
        """What the core wished for by itself can never be written: go on with the records, and try it now and then."""
        self._log.error("what the core wished for cannot be written", reason=str(error))
        self._assignment.start_over()
        self._wake_time.set(self._clock() + _WAKE_AGAIN_AFTER)

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

    def _write(self, effects: Effects, records: Sequence[Record], too_large: TooLarge) -> bool:
        """Commit what a core wants; where it was aborted, go back to the last commit."""
        self._wake_time.ask(effects.wake_at)
        transaction = partial(self._transactions.effects, effects, len(records))
        done = self._attempts.through(transaction, too_large, len(records))
        if done:
            self._count(records, effects.dead_letters)
        return done

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

    def _show_lag(self) -> None:
        if self._ticked - self._lag_at > _LAG_EVERY_S:
            self._lag_at = self._ticked
            for (topic, number), records in self._watched.lag(self._tasks.safe()).items():
                self.metrics.lag(topic, number, records)
