"""How much the rows of a stream hang together, from sums of blocks of doubling length.

Why: a test that multiplies bets row by row believes that every row is news. Losses often come in
runs (a storm, a bad batch), and then a champion and a challenger that are equal in the long run
look different for hundreds of rows. The variance of block sums tells: over independent rows it
grows with the block's length; where it grows faster, by a factor k, only every k-th row is news.
"""

from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

SCALES = 10
"""Block lengths 1, 2, 4 … 512."""
_FEWEST_BLOCKS = 8

Floats = NDArray[np.float64]


class Dependence(BaseModel):
    """Sums over whole blocks of 2^k rows, for each scale k, and the block that is still open."""

    model_config = ConfigDict(frozen=True)

    open_sum: tuple[float, ...] = Field(default=(0.0,) * SCALES)
    blocks: tuple[int, ...] = Field(default=(0,) * SCALES)
    total: tuple[float, ...] = Field(default=(0.0,) * SCALES)
    squares: tuple[float, ...] = Field(default=(0.0,) * SCALES)

    def after(self, values: Floats, rows_before: int) -> Self:
        """The sums with `values` added, which follow `rows_before` others."""
        open_sum, blocks, total, squares = (list(part) for part in self._parts())
        cumulated = np.concatenate([[0.0], np.cumsum(values)])
        for scale in range(SCALES):
            length = 1 << scale
            first_end = length - rows_before % length
            ends = np.arange(first_end, len(values) + 1, length)
            if len(ends) == 0:
                open_sum[scale] += float(cumulated[-1])
                continue
            sums = np.diff(cumulated[ends], prepend=0.0)
            sums[0] += open_sum[scale]
            open_sum[scale] = float(cumulated[-1] - cumulated[ends[-1]])
            blocks[scale] += len(sums)
            total[scale] += float(sums.sum())
            squares[scale] += float(np.square(sums).sum())
        return type(self)(open_sum=tuple(open_sum), blocks=tuple(blocks), total=tuple(total), squares=tuple(squares))

    def inflation(self) -> float:
        """Rows that count as one: at least 1, and 1 while too few blocks are there to tell.

        Each scale's ratio of variances is lowered by one standard error of its own, so that
        independent rows are not held back by noise.
        """
        counts = np.array(self.blocks, dtype=np.float64)
        if counts[0] < 2 * _FEWEST_BLOCKS:
            return 1.0
        usable = counts >= _FEWEST_BLOCKS
        counts, lengths = counts[usable], 2.0 ** np.arange(SCALES)[usable]
        total, squares = np.array(self.total)[usable], np.array(self.squares)[usable]
        variances = np.maximum(squares - np.square(total) / counts, 0.0) / (counts - 1.0)
        if variances[0] <= 0.0:
            return 1.0
        ratios = variances / (lengths * variances[0])
        lowered = ratios * (1.0 - np.sqrt(2.0 / (counts - 1.0)))
        return float(max(1.0, lowered[1:].max(initial=1.0)))

    def _parts(self) -> tuple[tuple[float, ...], tuple[int, ...], tuple[float, ...], tuple[float, ...]]:
        return self.open_sum, self.blocks, self.total, self.squares
