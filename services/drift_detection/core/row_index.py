"""Where a model's rows were: enough of them kept to name the row at which something began."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.kept.narrow import short_integers, wide_integers
from drift_detection.core.kept.texts import KeptTexts

Ints = NDArray[np.int64]

STRIDES = (25, 250, 2500)
KEPT = 60
"""Rows are named to the nearest 25 up to 60 × 25 rows back, to the nearest 250 up to 60 × 250, and so on."""
MOST_FRESH, MOST_FRESH_ROWS = 16, 64
"""Frames and rows that are named before they are put to the others."""


class Step(NamedTuple):
    """A row: its number, its prediction id, its time in milliseconds."""

    row: int
    prediction_id: str
    at: int


class Steps(Sequence[Step]):
    """Rows as columns: some thirty bytes a row, where a list of them takes four hundred."""

    __slots__ = ("_after", "_earliest", "_rows", "ids")

    def __init__(self, rows: Ints, ids: KeptTexts, at: Ints) -> None:
        self._rows, self.ids = short_integers(rows), ids
        self._earliest = int(at.min()) if len(at) else 0
        self._after = short_integers(at - self._earliest)

    @classmethod
    def of(cls, steps: Sequence[Step]) -> "Steps":
        """These steps, as columns if they are not."""
        if isinstance(steps, Steps):
            return steps
        rows, ids, at = zip(*steps, strict=True) if steps else ((), (), ())
        return cls(np.array(rows, np.int64), KeptTexts.of(ids), np.array(at, np.int64))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        return self.step(index)

    @property
    def rows(self) -> Ints:
        """Their numbers."""
        return wide_integers(self._rows)

    @property
    def at(self) -> Ints:
        """Their times, in milliseconds."""
        return wide_integers(self._after) + self._earliest

    def step(self, index: int) -> Step:
        """One of the rows."""
        return Step(int(self._rows[index]), self.ids.text(int(index)), self._earliest + int(self._after[index]))

    def joined(self, other: "Steps") -> "Steps":
        """These rows and `other`'s after them."""
        rows, at = np.concatenate((self.rows, other.rows)), np.concatenate((self.at, other.at))
        return Steps(rows, self.ids.joined(other.ids), at)

    def since(self, row: int) -> "Steps":
        """Those from this row on; rows must ascend."""
        rows = self.rows
        first = int(np.searchsorted(rows, row))
        return Steps(rows[first:], self.ids.since(first), self.at[first:])

    @classmethod
    def all_of(cls, parts: "Sequence[tuple[Steps, int, int]]") -> "Steps":
        """Of each of some steps those at the places from the first on and before the second, one after the other."""
        if not parts:
            return cls.of(())
        rows = np.concatenate([wide_integers(steps._rows[first:last]) for steps, first, last in parts])
        at = np.concatenate([wide_integers(steps._after[first:last]) + steps._earliest for steps, first, last in parts])
        return cls(rows, KeptTexts.all_of([(steps.ids, first, last) for steps, first, last in parts]), at)

    def picked(self, which: NDArray[np.bool_]) -> "Steps":
        """Those of the rows that are marked."""
        return Steps(self.rows[which], self.ids.picked(np.flatnonzero(which)), self.at[which])


Namer = Callable[[Sequence[int]], Sequence[Step]]
"""Gives the steps of rows of the frame in hand; of rows that it does not hold, none."""


class RowIndex:
    """A bounded memory of a stream's rows: every 25th of late, every 250th and 2,500th further back.

    Which row is named depends on how far back it lies from the row that asks, never on frames.

    >>> trail, names = RowIndex(), lambda rows: [Step(row, f"p{row}", row) for row in rows]
    >>> trail.begin(0, names)
    >>> trail.end(1000)
    >>> trail.begin(1000, names)
    >>> trail.at_or_before(990, 1010).row, trail.at_or_before(1007, 1010).row
    (975, 1000)
    """

    def __init__(self) -> None:
        self._kept = [Steps.of(()) for _ in STRIDES]
        self._fresh: list[Steps] = []
        """Rows of the newest frames that are not among the kept ones yet: few cost as much to put there as many."""
        self._next = self._first = 0
        self._names: Namer = _nameless

    def begin(self, first_row: int, names: Namer) -> None:
        """A frame is in hand whose first labelled row is `first_row`."""
        self._first, self._names = first_row, names

    def end(self, next_row: int) -> None:
        """The frame has been dealt with: keep those of its rows that may be asked for later."""
        self._next = next_row
        wanted: set[int] = set()
        for stride in STRIDES:
            wanted.update(range(max(-(-self._first // stride) * stride, self._oldest(stride)), next_row, stride))
        if wanted:
            self._fresh.append(Steps.of(self._names(sorted(wanted))))
            if len(self._fresh) >= MOST_FRESH or sum(map(len, self._fresh)) >= MOST_FRESH_ROWS:
                self._put_together()
        self._names = _nameless

    def _oldest(self, stride: int) -> int:
        """The first row, of those that are kept at this stride, that may still be asked for."""
        return (self._next // stride - KEPT - 1) * stride

    def _put_together(self) -> None:
        fresh = Steps.all_of([(steps, 0, len(steps)) for steps in self._fresh])
        self._fresh, rows = [], fresh.rows
        for level, stride in enumerate(STRIDES):
            oldest = self._oldest(stride)
            kept = self._kept[level].since(oldest)
            which = (rows % stride == 0) & (rows >= oldest)
            self._kept[level] = kept.joined(fresh.picked(which)) if which.any() else kept

    @property
    def _steps(self) -> list[Steps]:
        """The rows that are kept at each stride, as of the last frame."""
        self._put_together()
        return self._kept

    def at_or_before(self, row: int, asking: int) -> Step | None:
        """A row no later than `row`, as near as is kept for a look back from `asking`; None if none is known."""
        kept: list[Steps] | None = None
        for level, stride in enumerate(STRIDES):
            wanted = max(row, 0) // stride * stride
            if asking - wanted > KEPT * stride and level + 1 < len(STRIDES):
                continue
            if wanted >= self._first and (found := self._names([wanted])):
                return found[0]
            kept = self._steps if kept is None else kept
            place = int(np.searchsorted(kept[level].rows, wanted))
            if place < len(kept[level]) and kept[level].rows[place] == wanted:
                return kept[level].step(place)
        return next(iter(self._steps[-1]), None)

    def snapshot(self) -> list[list[list[Any]]]:
        """The rows kept."""
        columns = ((steps.rows.tolist(), steps.ids.to_list(), steps.at.tolist()) for steps in self._steps)
        return [[list(step) for step in zip(*of, strict=True)] for of in columns]

    def restore(self, state: list[list[list[Any]]]) -> None:
        """Take them up again."""
        self._kept = [Steps.of([Step(*step) for step in steps]) for steps in state]
        self._fresh, self._next = [], 0


def _nameless(rows: Sequence[int]) -> list[Step]:
    return [Step(row, "", 0) for row in rows]
