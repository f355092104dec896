"""How many rows a month brings, by the time of the rows themselves: what turns a budget a month into one a row.

Why looks at fixed numbers of rows: a limit that moved with frames or with a clock on the wall could not
be made again from the log. Why powers of two: limits then move seldom, and to the strict side.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

FALLBACK = 1e6
"""Rows that count as a month until a day has been seen, and for every model that is slower.

A model with a tenth of these rows could spend its budget on them and would find drifts a sixth sooner, with
ten times the false alarms per row (`driftloop bench budget`): its spec may say so by `rows_per_month`.
"""
MONTH_MS = 30 * 86_400_000
SHORTEST_MS = 86_400_000
"""Event time that must have passed before the rate of rows is believed: nights and days differ."""
FIRST_LOOK, LAST_LOOK = 1 << 10, 1 << 17
"""Looks are after 1,024 rows, 2,048 and so on, and from 131,072 rows apart that far from each other."""
MARKS = 16
"""Looks of the last month that are remembered, thinned out where there are more."""


class Traffic:
    """The rate of one stream of rows; `declared` rows a month are taken at their word.

    >>> traffic = Traffic()
    >>> traffic.push(np.arange(1024) * 1000), traffic.rows_per_month
    (False, 1000000.0)
    >>> traffic.push(np.arange(1024) * 200_000), traffic.rows_per_month
    (False, 1000000.0)
    """

    def __init__(self, declared: float | None = None) -> None:
        self._declared = declared
        self._rows = 0
        self._first: int | None = None
        self._latest = 0
        self._marks: list[tuple[int, int]] = []
        self.rows_per_month = declared or FALLBACK

    def declare(self, declared: float | None) -> None:
        """Assume this many rows a month from here on; None: estimate it from the rows that come."""
        if declared != self._declared:
            self._declared = declared
            self.rows_per_month = declared or FALLBACK

    @property
    def until_look(self) -> int:
        """Rows to the next look: no more may be pushed at once."""
        if self._rows < FIRST_LOOK:
            return FIRST_LOOK - self._rows
        stride = min(1 << (self._rows.bit_length() - 1), LAST_LOOK)
        return stride - self._rows % stride

    def push(self, at: NDArray[np.int64]) -> bool:
        """Take in the moments (milliseconds) of rows; true if `rows_per_month` has changed.

        Rows may be out of order: the latest moment so far counts.
        """
        if not len(at):
            return False
        looks = len(at) == self.until_look
        self._rows += len(at)
        if self._first is None:
            self._first = int(at[0])
            self._marks = [(0, self._first)]
        self._latest = max(self._latest, int(at.max()))
        return looks and self._look()

    def _look(self) -> bool:
        while len(self._marks) > 1 and self._latest - self._marks[1][1] >= MONTH_MS:
            del self._marks[0]
        oldest, since = self._marks[0]
        self._marks.append((self._rows, self._latest))
        if len(self._marks) > MARKS:
            del self._marks[1::2]
        span = self._latest - since
        if self._declared is not None or span < SHORTEST_MS:
            return False
        known, found = self.rows_per_month, (self._rows - oldest) * MONTH_MS / span
        if not known / 2 <= found <= known:
            self.rows_per_month = max(FALLBACK, float(2 ** np.ceil(np.log2(found))))
        return self.rows_per_month != known

    @property
    def months(self) -> float:
        """Months of event time between the first row and the latest."""
        return 0.0 if self._first is None else max(self._latest - self._first, 0) / MONTH_MS

    def snapshot(self) -> list[Any]:
        """All that changes."""
        return [self._rows, self._first, self._latest, self._marks, self.rows_per_month]

    def restore(self, state: list[Any]) -> None:
        """Take up where `snapshot` left off."""
        self._rows, self._first, self._latest, marks, self.rows_per_month = state
        self._marks = [(row, at) for row, at in marks]
