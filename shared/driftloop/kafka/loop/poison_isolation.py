"""Finds the record that a core cannot take, or whose effects no broker takes, and buries it."""

from collections.abc import Callable, Sequence

import structlog

from driftloop.errors import ExitCode, UserError
from driftloop.kafka.loop.assignment import Assignment
from driftloop.kafka.loop.attempts import Attempts
from driftloop.kafka.loop.batch_size import BatchSize
from driftloop.kafka.loop.tasks import Tasks
from driftloop.kafka.loop.transactions import Transactions
from driftloop.kafka.loop.transport import Position, TooLargeError
from driftloop.kafka.settings import LoopSettings
from driftloop.processor import DeadLetter, Record

MOST_SAID = 300
"""Characters of an error that are logged: some hold the whole record."""

BeginAt = Callable[[dict[Position, int]], None]
Count = Callable[[Sequence[Record], Sequence[DeadLetter]], None]


class PoisonIsolation:
    """A batch that failed comes again in ever smaller parts, until the culprit stands alone.

    A record alone is buried once it failed `settings.attempts` times. `buried` is called after that commit.
    """

    def __init__(
        self,
        settings: LoopSettings,
        *,
        assignment: Assignment,
        tasks: Tasks,
        transactions: Transactions,
        attempts: Attempts,
        size: BatchSize,
        log: structlog.typing.FilteringBoundLogger,
        begin_at: BeginAt,
        buried: Count,
    ) -> None:
        self._settings, self._assignment, self._tasks = settings, assignment, tasks
        self._transactions, self._attempts, self._size, self._log = transactions, attempts, size, log
        self._begin_at, self._buried = begin_at, buried
        self._failures: dict[tuple[str, int, int], int] = {}

    def went_well(self) -> None:
        """A batch was committed."""
        self._size.went_well()
        self._failures.clear()

    def isolate(self, records: Sequence[Record], error: Exception) -> None:
        """Halve the batch, or bury its only record if it failed often enough."""
        self._log.warning("a batch failed", records=len(records), error=repr(error)[:MOST_SAID])
        self._assignment.start_over()
        if len(records) > 1:
            self._size.halve(len(records), too_large=isinstance(error, TooLargeError))
            return
        record = records[0]
        place = record.topic(), record.partition(), record.offset()
        self._failures[place] = self._failures.get(place, 0) + 1
        if self._failures[place] >= self._settings.attempts:
            self._bury(record, error, self._failures.pop(place))

    def _bury(self, record: Record, error: Exception, attempts: int) -> None:
        """Step over a record. State is written down with it so that no replay meets the record again."""
        letter = _letter(record, error)
        topic, number, after = record.topic(), record.partition(), record.offset() + 1
        task = self._tasks.get(number)
        if task is None:
            return
        task.next[topic] = after
        task.since_snapshot = self._settings.snapshot_every
        if self._attempts.through(lambda: self._transactions.buried(letter, attempts), self._no_way_on, 1):
            self._begin_at({(topic, number): after})
            self._buried([record], [letter])

    def _no_way_on(self, error: TooLargeError) -> None:
        """Not even the dead letter and the state beside it can be written."""
        raise UserError(
            f"{self._settings.service} stops: a dead letter, or the state on {self._settings.changelog}, is larger "
            f"than the broker takes ({error}): raise `max.message.bytes` of that topic and start it again",
            ExitCode.ERROR,
        ) from error


def _letter(record: Record, error: Exception) -> DeadLetter:
    """Why a record is buried."""
    if isinstance(error, TooLargeError):
        return DeadLetter(record, "commit", "TooLargeError", f"what this record leads to can never be written: {error}")
    return DeadLetter(record, "process", type(error).__name__, str(error))
