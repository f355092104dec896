"""Loss blocks: the mean loss of each run of so many labelled rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.moments import moment
from driftloop.contracts.drift_status import LossBlock

FRACTION = 1 << 20
"""Losses are summed in 2⁻²⁰ths: whole, so a sum does not depend on how rows were batched."""


class LossBlocks:
    """Closes a block after `rows` rows of one version, or where the version changes."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._index = 0
        self._first = 0
        self._count = 0
        self._sum = 0
        self._last_at = 0
        self._version: str | None = None

    def change(self, version: str) -> list[LossBlock]:
        """A new version's losses follow: what is open closes."""
        closed = [self._close()] if self._count else []
        self._version = version
        return closed

    def push(self, losses: NDArray[np.float64], rows: NDArray[np.int64], at: NDArray[np.int64]) -> list[LossBlock]:
        """Add losses with their row numbers and moments (milliseconds); gives the blocks that closed."""
        whole = np.rint(losses * FRACTION)
        closed: list[LossBlock] = []
        start = 0
        while start < len(losses):
            stop = min(start + self._rows - self._count, len(losses))
            if not self._count:
                self._first = int(rows[start])
            self._sum += int(whole[start:stop].sum())
            self._count += stop - start
            self._last_at = max(self._last_at, int(at[start:stop].max()))
            if self._count == self._rows:
                closed.append(self._close())
            start = stop
        return closed

    def _close(self) -> LossBlock:
        block = LossBlock.model_construct(
            index=self._index,
            first_row=self._first,
            rows=self._count,
            model_version=self._version or "0.0.0",
            loss=self._sum / FRACTION / self._count,
            last_at=moment(self._last_at),
        )
        self._index, self._count, self._sum = self._index + 1, 0, 0
        return block

    def snapshot(self) -> list[Any]:
        """The open block."""
        return [self._index, self._first, self._count, self._sum, self._last_at, self._version]

    def restore(self, state: list[Any]) -> None:
        """Take it up again."""
        self._index, self._first, self._count, self._sum, self._last_at, self._version = state
