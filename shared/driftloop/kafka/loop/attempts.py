"""Tries a transaction; if it is aborted, everything in memory goes back to the last commit."""

from collections.abc import Callable

import structlog

from driftloop.kafka.loop.aborts import Aborts
from driftloop.kafka.loop.transport import AbortedError, TooLargeError

TooLarge = Callable[[TooLargeError], None]
"""What is done about a transaction that can never be written, however often it is tried."""


class Attempts:
    """`start_over` goes back to the last commit, `wait` pauses for so many seconds unless the loop is to end."""

    def __init__(
        self,
        aborts: Aborts,
        start_over: Callable[[], None],
        wait: Callable[[float], object],
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._aborts, self._start_over, self._wait, self._log = aborts, start_over, wait, log

    def through(self, transaction: Callable[[], None], too_large: TooLarge | None = None, records: int = 0) -> bool:
        """Whether it went through. If not, `too_large` is told why if it never will; else all starts over."""
        try:
            transaction()
        except AbortedError as error:
            self._aborts.aborted(records)
            self._log.warning("a transaction was aborted", reason=str(error), in_a_row=self._aborts.in_a_row)
            if isinstance(error, TooLargeError) and too_large is not None:
                too_large(error)
            else:
                self._wait(self._aborts.pause_s)
                self._start_over()
            return False
        self._aborts.went_through(records)
        return True
