"""Where a model's rows were: enough of them kept to name the row at which something began."""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

STRIDES = (25, 250, 2500)
KEPT = 60


@dataclass(frozen=True, slots=True)
class Step:
    """A row: its number, its prediction id, its time in milliseconds."""

    row: int
    prediction_id: str
    at: int


class Trail:
    """Every 25th row of late, every 250th and every 2,500th further back: a bounded memory of a stream.

    >>> trail = Trail()
    >>> for row in range(1000):
    ...     if trail.wants(row):
    ...         trail.add(Step(row, f"p{row}", row))
    >>> trail.at_or_before(999).row, trail.at_or_before(110).row
    (975, 100)
    """

    def __init__(self) -> None:
        self._steps: list[list[Step]] = [[] for _ in STRIDES]

    @staticmethod
    def wants(row: int) -> bool:
        """Whether a row is one of those kept."""
        return row % STRIDES[0] == 0

    def add(self, step: Step) -> None:
        """Keep a row; rows come in order."""
        for level, stride in enumerate(STRIDES):
            if step.row % stride == 0:
                self._steps[level] = [*self._steps[level], step][-KEPT:]

    def at_or_before(self, row: int) -> Step | None:
        """The last row kept that is no later than `row`, else the first one known; None where none is."""
        kept = sorted({step.row: step for steps in self._steps for step in steps}.items())
        if not kept:
            return None
        return kept[max(bisect_right([number for number, _ in kept], row) - 1, 0)][1]

    def snapshot(self) -> list[list[list[Any]]]:
        """The rows kept."""
        return [[[step.row, step.prediction_id, step.at] for step in steps] for steps in self._steps]

    def restore(self, state: list[list[list[Any]]]) -> None:
        """Take them up again."""
        self._steps = [[Step(*step) for step in steps] for steps in state]
