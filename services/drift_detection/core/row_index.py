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

    def part(self, first: int, last: int) -> "Steps":
        """Those at the places from `first` on and before `last`."""
        at = wide_integers(self._after[first:last]) + self._earliest
        return Steps(self._rows[first:last], self.ids.part(first, last), at)

    def since(self, row: int) -> "Steps":
        """Those from this row on; rows must ascend."""
        rows = self.rows
        first = int(np.searchsorted(rows, row))
        return Steps(rows[first:], self.ids.since(first), self.at[first:])

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
        self._steps = [Steps.of(()) for _ in STRIDES]
        self._first = 0
        self._names: Namer = _nameless

    def begin(self, first_row: int, names: Namer) -> None:
        """A frame is in hand whose first labelled row is `first_row`."""
        self._first, self._names = first_row, names

    def end(self, next_row: int) -> None:
        """The frame has been dealt with: keep those of its rows that may be asked for later."""
        for level, stride in enumerate(STRIDES):
            oldest = (next_row // stride - KEPT - 1) * stride
            kept = self._steps[level]
            fresh = range(max(-(-self._first // stride) * stride, oldest), next_row, stride)
            if fresh:
                self._steps[level] = kept.since(oldest).joined(Steps.of(self._names(fresh)))
            elif len(kept) and kept.rows[0] < oldest:
                self._steps[level] = kept.picked(kept.rows >= oldest)
        self._names = _nameless

    def at_or_before(self, row: int, asking: int) -> Step | None:
        """A row no later than `row`, as near as is kept for a look back from `asking`; None if none is known."""
        for level, stride in enumerate(STRIDES):
            wanted = max(row, 0) // stride * stride
            if asking - wanted > KEPT * stride and level + 1 < len(STRIDES):
                continue
            if wanted >= self._first and (found := self._names([wanted])):
                return found[0]
            place = int(np.searchsorted(self._steps[level].rows, wanted))
            if place < len(self._steps[level]) and self._steps[level].rows[place] == wanted:
                return self._steps[level].step(place)
        return next(iter(self._steps[-1]), None)

    def snapshot(self) -> list[list[list[Any]]]:
        """The rows kept."""
        columns = ((steps.rows.tolist(), steps.ids.to_list(), steps.at.tolist()) for steps in self._steps)
        return [[list(step) for step in zip(*of, strict=True)] for of in columns]

    def restore(self, state: list[list[list[Any]]]) -> None:
        """Take them up again."""
        self._steps = [Steps.of([Step(*step) for step in steps]) for steps in state]


def _nameless(rows: Sequence[int]) -> list[Step]:
    return [Step(row, "", 0) for row in rows]
