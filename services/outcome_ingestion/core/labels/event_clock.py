"""How far a model's records have come in event time: what most of them say, never what one says.

Why not the latest time: one host whose clock is ahead, or one row of the year 2062, would give up on
whatever waits. The clock is a time that a third of the newest records have reached, once of the newest 31
and once of 63 that stand 32 apart: a run of odd records moves the first, and scattered ones neither. So up
to a tenth of the records may carry any time whatever, and what becomes of the others does not change.
Times that stay behind never matter. It costs some hundred records of delay, which is nothing to lose:
what waits is given up a little later.

A function of the records and their order alone: batches do not show, and neither do restarts, except that a restart
forgets labels which changed nothing and which no other label followed.
"""

import numpy as np

from outcome_ingestion.core.frames.blocks import Ints

_NEWEST, _APART, _EVERY = 31, 63, 32
_FEW = 9
"""Fewer that stand apart say nothing."""
_SHARE = 3
_SECOND = 1_000_000


class EventClock:
    """Takes times in microseconds, as records arrive; whole seconds are kept.

    `trusted`: the times are bounded by the log's own, so that the first records count before there are many.

    >>> clock = EventClock()
    >>> clock.take(np.arange(100) * 1_000_000, trusted=False)
    >>> clock.value // 1_000_000
    89
    """

    def __init__(self) -> None:
        self._newest = np.empty(0, dtype=np.int64)
        self._apart = np.empty(0, dtype=np.int64)
        self._place = 0
        """Of the next record among those that stand apart."""
        self.value = 0

    def take(self, times: Ints, *, trusted: bool) -> None:
        """These records have come, in this order."""
        if not len(times):
            return
        seconds = times // _SECOND
        first = -self._place % _EVERY
        self._apart = np.concatenate([self._apart, seconds[first::_EVERY]])[-_APART:]
        self._newest = np.concatenate([self._newest, seconds[-_NEWEST:]])[-_NEWEST:]
        self._place = (self._place + len(times)) % _EVERY
        self._set(trusted=trusted)

    def _set(self, *, trusted: bool) -> None:
        reached = time_reached(self._newest, trusted=trusted)
        if len(self._apart) >= _FEW:
            reached = min(reached, time_reached(self._apart, trusted=trusted))
        self.value = reached * _SECOND

    def dump(self) -> bytes:
        """What `load` takes up again."""
        sizes = [self._place, len(self._newest), self.value // _SECOND]
        return np.concatenate([sizes, self._newest, self._apart]).astype("<u4").tobytes()

    def load(self, value: bytes) -> None:
        """As it was when it was dumped; nothing where state is of a version that kept no times."""
        if not value:
            return
        parts = np.frombuffer(value, dtype="<u4").astype(np.int64)
        self._place, newest, seconds = parts[:3].tolist()
        self._newest, self._apart = parts[3 : 3 + newest], parts[3 + newest :]
        self.value = seconds * _SECOND


def time_reached(times: Ints, *, trusted: bool = True) -> int:
    """The time that a third of them have reached; 0 where there are too few to say so."""
    rank = (len(times) if trusted else max(len(times), _SHARE)) // _SHARE
    at = len(times) - 1 - rank
    return int(np.partition(times, at)[at]) if at >= 0 else 0
