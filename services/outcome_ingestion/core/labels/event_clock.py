"""How far a model's records have come in event time: what most of them say, never what one says.

Why not the latest time: one host whose clock is ahead, or one row of the year 2062, would give up on
whatever waits. The clock is a time that a third of the newest records have reached, once of the newest 31
and once of 63 that stand 32 apart: a run of odd records moves the first, and scattered ones neither. So up
to a tenth of the records may carry any time whatever, and what becomes of the others does not change.
Times that stay behind never matter. It costs some hundred records of delay, which is nothing to lose:
what waits is given up a little later.

A function of the records and their order alone: neither batches nor restarts show.

What waits is looked through at *points*: at each of a clock's first records, and then at each that stands apart. So
when something is given up does not depend on where a batch ends either, and nobody asks the clock at every record.
"""

from typing import NamedTuple

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
        self.value = _said(self._newest, self._apart, trusted=trusted)

    def ahead(self, times: Ints, *, trusted: bool) -> "ClockAhead":
        """What it will say while these records come; it takes none of them."""
        seconds, first = times // _SECOND, -self._place % _EVERY
        newest = np.concatenate([self._newest, seconds]) if len(seconds) else self._newest
        apart = np.concatenate([self._apart, seconds[first::_EVERY]]) if len(seconds) > first else self._apart
        return ClockAhead(newest, len(self._newest), apart, len(self._apart), first, trusted=trusted)

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


class ClockAhead(NamedTuple):
    """A clock and the records that are to come: times in seconds, those `before` are in the clock already.

    `first` is the place of the first record that stands apart.
    """

    newest: Ints
    before: int
    apart: Ints
    apart_before: int
    first: int
    trusted: bool

    def after(self, count: int) -> int:
        """What the clock says when `count` of the records have come, in microseconds.

        >>> EventClock().ahead(np.arange(100) * 1_000_000, trusted=False).after(100) // 1_000_000
        89
        """
        stand = self.apart_before + max(0, -(-(count - self.first) // _EVERY))
        return _said(self.newest[: self.before + count][-_NEWEST:], self.apart[:stand][-_APART:], trusted=self.trusted)

    @property
    def latest(self) -> int:
        """The latest of all times, in microseconds: a bound that costs a tenth of `most`, and never a smaller one."""
        return int(self.newest.max(initial=0)) * _SECOND

    @property
    def most(self) -> int:
        """A bound of what it says, now and after any of the records, in microseconds."""
        most = _most(self.newest, min(_NEWEST, self.before))
        if self.apart_before >= _FEW:
            most = min(most, _most(self.apart, min(_APART, self.apart_before)))
        return most * _SECOND

    @property
    def newest_after(self) -> Ints:
        """The time that a third of the newest few have reached after each of the records, in microseconds.

        >>> EventClock().ahead(np.arange(40) * 1_000_000, trusted=False).newest_after[[0, 1, 39]] // 1_000_000
        array([ 0,  0, 29])
        """
        early = range(self.before + 1, min(_NEWEST, len(self.newest) + 1))
        said = [time_reached(self.newest[:end], trusted=self.trusted) for end in early]
        if len(self.newest) >= _NEWEST:
            windows = np.lib.stride_tricks.sliding_window_view(self.newest, _NEWEST)
            at = _NEWEST - 1 - _NEWEST // _SHARE
            said += np.partition(windows, at, axis=1)[:, at].tolist()
        return np.array(said, dtype=np.int64)[-self._records :] * _SECOND

    @property
    def _records(self) -> int:
        return len(self.newest) - self.before

    @property
    def points(self) -> list[int]:
        """After how many of the records what waits is looked through."""
        records = self._records
        begin = min(records, max(0, _NEWEST - self.before))
        later = range(self.first + 1, records + 1, _EVERY)
        return [*range(1, begin + 1), *(count for count in later if count > begin)]


def _most(times: Ints, fewest: int) -> int:
    """A time that a third of no `fewest` or more of them which follow one another have gone past."""
    at = len(times) - 1 - fewest // _SHARE
    return int(np.partition(times, at)[at]) if at >= 0 else 0


def _said(newest: Ints, apart: Ints, *, trusted: bool) -> int:
    reached = time_reached(newest, trusted=trusted)
    if len(apart) >= _FEW:
        reached = min(reached, time_reached(apart, trusted=trusted))
    return reached * _SECOND


def time_reached(times: Ints, *, trusted: bool = True) -> int:
    """The time that a third of them have reached; 0 where there are too few to say so."""
    rank = (len(times) if trusted else max(len(times), _SHARE)) // _SHARE
    at = len(times) - 1 - rank
    return int(np.partition(times, at)[at]) if at >= 0 else 0
