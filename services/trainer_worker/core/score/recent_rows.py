"""The newest labelled rows of a model, kept so that cheap models can be fitted to them."""

from collections import deque
from collections.abc import Sequence

import numpy as np

from driftloop.learners.protocol import Rows


class RecentRows:
    """At least the newest `limit` rows, in pieces with the offset of the frame that each came in."""

    def __init__(self) -> None:
        self._pieces: deque[tuple[int, Rows]] = deque()
        self.held = 0

    def push(self, offset: int, rows: Rows, limit: int) -> None:
        """Add rows of a frame; the oldest pieces go while `limit` rows are left without them.

        Rows of other columns (the spec has changed) begin anew: nothing is learnt across them.
        """
        if not len(rows):
            return
        if self.differ(rows):
            self._pieces.clear()
            self.held = 0
        self._pieces.append((offset, rows))
        self.held += len(rows)
        while self.held - len(self._pieces[0][1]) >= limit:
            self.held -= len(self._pieces.popleft()[1])

    def differ(self, rows: Rows) -> bool:
        """Whether rows have other columns, or columns of another kind, than those held."""
        return bool(self._pieces) and _columns(self._pieces[-1][1]) != _columns(rows)

    @property
    def oldest_frame(self) -> int | None:
        """Offset of the frame that the oldest row came in; None while there is none."""
        return self._pieces[0][0] if self._pieces else None

    def newest(self, rows: int, *, leave: int = 0) -> Rows:
        """The last `rows` rows (or all there are) before the `leave` newest ones."""
        whole = joined([piece for _, piece in self._pieces])
        end = len(whole) - leave
        return whole.take(slice(max(0, end - rows), end))


def _columns(rows: Rows) -> list[tuple[str, bool]]:
    both = (*rows.features.items(), *rows.labels.items())
    return [(name, column.dtype == object) for name, column in both]


def joined(pieces: Sequence[Rows]) -> Rows:
    """Rows of the same columns, one after the other; weights are left out.

    >>> piece = Rows({"x": np.array([1.0])}, {"y": np.array([0.0])})
    >>> len(joined([piece, piece]))
    2
    """
    first = pieces[0]
    return Rows(
        {name: np.concatenate([piece.features[name] for piece in pieces]) for name in first.features},
        {name: np.concatenate([piece.labels[name] for piece in pieces]) for name in first.labels},
    )
