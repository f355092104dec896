"""Where a model's rows were: enough of them kept to name the row at which something began."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

STRIDES = (25, 250, 2500)
KEPT = 60
"""Rows are named to the nearest 25 up to 60 × 25 rows back, to the nearest 250 up to 60 × 250, and so on."""


class Step(NamedTuple):
    """A row: its number, its prediction id, its time in milliseconds."""

    row: int
    prediction_id: str
    at: int


Namer = Callable[[Sequence[int]], list[Step]]
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
        self._steps: list[dict[int, Step]] = [{} for _ in STRIDES]
        self._first = 0
        self._names: Namer = _nameless

    def begin(self, first_row: int, names: Namer) -> None:
        """A frame is in hand whose first labelled row is `first_row`."""
        self._first, self._names = first_row, names

    def end(self, next_row: int) -> None:
        """The frame has been dealt with: keep those of its rows that may be asked for later."""
        for level, stride in enumerate(STRIDES):
            oldest = (next_row // stride - KEPT - 1) * stride
            kept = {row: step for row, step in self._steps[level].items() if row >= oldest}
            fresh = range(max(-(-self._first // stride) * stride, oldest), next_row, stride)
            if fresh:
                kept.update((step.row, step) for step in self._names(fresh))
            self._steps[level] = kept
        self._names = _nameless

    def at_or_before(self, row: int, asking: int) -> Step | None:
        """A row no later than `row`, as near as is kept for a look back from `asking`; None if none is known."""
        for level, stride in enumerate(STRIDES):
            wanted = max(row, 0) // stride * stride
            if asking - wanted > KEPT * stride and level + 1 < len(STRIDES):
                continue
            if wanted >= self._first and (found := self._names([wanted])):
                return found[0]
            known = self._steps[level].get(wanted)
            if known is not None:
                return known
        return min(self._steps[-1].values(), key=lambda step: step.row, default=None)

    def snapshot(self) -> list[list[list[Any]]]:
        """The rows kept."""
        return [[[step.row, step.prediction_id, step.at] for step in steps.values()] for steps in self._steps]

    def restore(self, state: list[list[list[Any]]]) -> None:
        """Take them up again."""
        self._steps = [{step[0]: Step(*step) for step in steps} for steps in state]


def _nameless(rows: Sequence[int]) -> list[Step]:
    return [Step(row, "", 0) for row in rows]
