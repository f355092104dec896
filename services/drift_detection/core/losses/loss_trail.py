"""The losses of one version in one segment, kept so that an alarm says what is true of the rows since its onset.

Why sums and not losses: an onset may lie a hundred thousand rows back. Sums of 5 rows are kept of late, sums
of 25, 125, 625 and 3,125 further back, each with the row that it begins at. An onset is moved back to the
nearest of these rows, by at most a sixth of the rows since it; mean, number of rows, row and time are all of
the rows from there on.

Why sums of five times five: sums of floats depend on their order. A sum is of its five parts, one after the
other, so it does not depend on how rows were batched.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.kept.narrow import narrow_floats, short_integers, wide_floats, wide_integers
from drift_detection.core.kept.texts import KeptTexts
from drift_detection.core.row_index import Namer, Step, Steps

Floats = NDArray[np.float64]

RATIO = 5
STRIDES = tuple(RATIO**power for power in range(1, 6))
KEPT = 30
"""Sums of a length that are looked back on, before the next longer ones are."""
MOST_STEPS = 1_500
"""Rows that are named before those that nobody can ask for any more are let go."""
MOST_FRESH, MOST_NAMED = 100, 8
"""Losses, and frames with names, that wait to be put to the others."""
_HELD = KEPT + RATIO + 1
_NO_LOSSES = np.zeros(0)


class LossTrail:
    """Counts its rows from 0; bounded, whatever their number.

    >>> trail = LossTrail()
    >>> trail.begin(lambda places: [Step(10 * place, f"p{place}", 0) for place in places])
    >>> trail.push(np.r_[np.zeros(1000), np.ones(50)])
    >>> trail.since(52)
    (55, 0.9090909090909091)
    >>> trail.at_or_before(995).row
    9950
    >>> trail.end()
    >>> trail.at_or_before(997).row
    9950
    """

    def __init__(self) -> None:
        self.rows = 0
        self._open = _NO_LOSSES
        self._fresh: list[Floats] = []
        """The newest losses, which are in no sum yet: to add a few costs as much as to add a hundred."""
        self._sums: list[NDArray[Any]] = [_NO_LOSSES for _ in STRIDES]
        self._closed = [0 for _ in STRIDES]
        self._held_places, self._kept_steps = short_integers(np.zeros(0, np.int64)), Steps.of(())
        """Rows that may be asked for: their places, ascending, and what they are named."""
        self._named: list[tuple[NDArray[np.int64], Steps, int, int]] = []
        """More of them, by frame: their places, and between which places of some steps they are named."""
        self._first = 0
        self._names: Namer = _nameless

    @property
    def _places(self) -> NDArray[np.int64]:
        self._put_together()
        return wide_integers(self._held_places)

    @property
    def _steps(self) -> Steps:
        self._put_together()
        return self._kept_steps

    def _put_together(self) -> None:
        if not self._named:
            return
        named, self._named = self._named, []
        known = self._kept_steps
        self._kept_steps = Steps.all_of([(known, 0, len(known)), *(part[1:] for part in named)])
        places = np.concatenate([wide_integers(self._held_places), *(part[0] for part in named)])
        self._held_places = short_integers(places)
        if len(places) > MOST_STEPS:
            kept = self._may_be_asked_for()
            self._held_places, self._kept_steps = self._held_places[kept], self._kept_steps.picked(kept)

    def begin(self, names: Namer) -> None:
        """Rows follow that `names` can name, by their places among all rows."""
        self._first, self._names = self.rows, names

    def push(self, losses: Floats) -> None:
        """Take in losses."""
        self.rows += len(losses)
        self._fresh.append(losses)
        if len(losses) >= MOST_FRESH or sum(map(len, self._fresh)) >= MOST_FRESH:
            self._add_up()

    def _add_up(self) -> None:
        """Bring all losses into sums, but for those that make no five yet."""
        if not self._fresh:
            return
        held, self._fresh = np.concatenate((self._open, *self._fresh)), []
        whole = len(held) // RATIO * RATIO
        self._open = held[whole:].copy()
        if whole:
            self._close(_by_five(held[:whole]))

    def _close(self, fresh: Floats) -> None:
        """Add sums of five rows, and the longer ones that they complete."""
        for level in range(len(STRIDES)):
            held = np.concatenate((self._sums[level], fresh), dtype=np.float64)
            self._closed[level] += len(fresh)
            self._sums[level] = narrow_floats(held[-_HELD:])
            if level + 1 == len(STRIDES):
                return
            known = self._closed[level + 1]
            complete = self._closed[level] // RATIO - known
            if not complete:
                return
            begin = known * RATIO - (self._closed[level] - len(held))
            fresh = _by_five(held[begin : begin + complete * RATIO])

    def _mark(self, place: int) -> tuple[int, int]:
        """The row that is kept at or before a place, as rows are now, and the level that keeps it."""
        wanted = max(place, 0)
        for level, stride in enumerate(STRIDES):
            mark = wanted // stride * stride
            if self.rows - mark <= KEPT * stride:
                return mark, level
        return (self.rows // STRIDES[-1] - KEPT) * STRIDES[-1], len(STRIDES) - 1

    def since(self, rows: int) -> tuple[int, float]:
        """The number and the mean loss of the newest `rows` rows, rounded up to the next kept sum."""
        self._add_up()
        mark, level = self._mark(self.rows - max(rows, 1))
        place, total = mark, 0.0
        for one in range(level, -1, -1):
            stride, sums = STRIDES[one], self._sums[one]
            first = place // stride - (self._closed[one] - len(sums))
            for part in wide_floats(sums[first:]).tolist():
                total += part
            place = self._closed[one] * stride
        for loss in self._open.tolist():
            total += loss
        count = max(self.rows - mark, 1)
        return count, total / count

    def at_or_before(self, place: int) -> Step | None:
        """The row at a place, or the nearest before it that is kept; None if none is known."""
        if place >= self._first:
            return self._names([place])[0]
        places = self._places
        for stride in (1, *STRIDES):
            mark = place // stride * stride
            at = int(np.searchsorted(places, mark))
            if at < len(places) and places[at] == mark:
                return self._steps.step(at)
        return None

    def end(self) -> None:
        """Keep the names of those of the rows since `begin` that may be asked for later."""
        places = self.fresh()
        self.keep(places, Steps.of(self._names(places.tolist())) if len(places) else Steps.of(()), 0)

    def fresh(self) -> NDArray[np.int64]:
        """The places of those of the rows since `begin` that may be asked for later."""
        if self.rows - self._first <= (KEPT + 1) * RATIO:
            return np.arange(-(-self._first // RATIO) * RATIO, self.rows, RATIO)
        found: set[int] = set()
        for stride in STRIDES:
            oldest = max(self._first, self.rows - (KEPT + 1) * stride)
            found.update(range(-(-oldest // stride) * stride, self.rows, stride))
        return np.array(sorted(found), np.int64)

    def keep(self, places: NDArray[np.int64], steps: Steps, first: int) -> None:
        """`end`, where who called knows the names of the rows at these places, `fresh()`: those of `steps` from the
        place `first` on."""
        if len(places):
            self._named.append((places, steps, first, first + len(places)))
            if len(self._named) >= MOST_NAMED or len(places) >= MOST_FRESH:
                self._put_together()
        self._first, self._names = self.rows, _nameless

    def let_go_of(self, steps: Steps) -> None:
        """Hold these steps, which `keep` was given, no longer: the names that are needed of them are copied."""
        if any(part[1] is steps for part in self._named):
            self._put_together()

    def _may_be_asked_for(self) -> NDArray[np.bool_]:
        strides, places = np.array(STRIDES)[:, None], self._places
        marks = (places % strides == 0) & (self.rows - places <= _HELD * strides)
        return np.asarray(marks.any(axis=0))

    def snapshot(self) -> dict[str, Any]:
        """Sums, and the rows that they begin at."""
        self._add_up()
        kept = self._may_be_asked_for()
        steps = self._steps.picked(kept)
        return {
            "rows": self.rows,
            "open": self._open.tolist(),
            "closed": self._closed,
            "sums": [wide_floats(sums).tolist() for sums in self._sums],
            "places": self._places[kept].tolist(),
            "numbers": steps.rows.tolist(),
            "ids": steps.ids.to_list(),
            "at": steps.at.tolist(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up where `snapshot` left off."""
        self.rows = self._first = state["rows"]
        self._open, self._fresh, self._named = np.array(state["open"], dtype=np.float64), [], []
        self._closed = [*state["closed"]]
        self._sums = [narrow_floats(np.array(sums, dtype=np.float64)) for sums in state["sums"]]
        self._held_places = short_integers(np.array(state["places"], np.int64))
        at, ids = np.array(state["at"], np.int64), KeptTexts.of(state["ids"])
        self._kept_steps = Steps(np.array(state["numbers"], np.int64), ids, at)


def _by_five(values: Floats) -> Floats:
    """Sums of each five of them, added one after the other."""
    sums: Floats = np.add.accumulate(values.reshape(-1, RATIO), axis=1)[:, -1]
    return sums


def _nameless(places: Sequence[int]) -> list[Step]:
    return [Step(place, "", 0) for place in places]
