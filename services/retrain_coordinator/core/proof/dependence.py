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

CHUNK_ROWS = 32
"""Sums are brought up to date after each so many rows, counted from the first: never by frame."""
SCALES = 10
"""Block lengths 1, 2, 4 … 512."""
_FEWEST_BLOCKS = 8
_MOST_CORRELATION = 0.99
_LENGTHS = 2.0 ** np.arange(SCALES)

Floats = NDArray[np.float64]


class Dependence(BaseModel):
    """Sums over whole blocks of 2^k rows, for each scale k. Small and JSON both ways.

    `waiting` are the rows since the last whole chunk, `open_sum` those of the blocks that are still
    open, for the scales that are longer than a chunk.
    """

    model_config = ConfigDict(frozen=True)

    chunks: int = 0
    waiting: tuple[float, ...] = ()
    open_sum: tuple[float, ...] = Field(default=(0.0,) * SCALES)
    total: tuple[float, ...] = Field(default=(0.0,) * SCALES)
    squares: tuple[float, ...] = Field(default=(0.0,) * SCALES)
    inflation: float = 1.0
    """Rows that count as one: at least 1, and 1 while too few blocks are there to tell."""

    def after(self, values: Floats) -> tuple[Self, Floats]:
        """The sums with more rows, and the inflation after each chunk that became whole."""
        rows = np.concatenate([self.waiting, values])
        whole = len(rows) // CHUNK_ROWS
        waiting = tuple(rows[whole * CHUNK_ROWS :].tolist())
        if not whole:
            return self.model_copy(update={"waiting": waiting}), np.empty(0)
        total, squares, open_sum = self._sums(rows[: whole * CHUNK_ROWS].reshape(whole, CHUNK_ROWS))
        inflations = _inflations(self.chunks + 1 + np.arange(whole), total, squares)
        update = {
            "chunks": self.chunks + whole,
            "waiting": waiting,
            "open_sum": tuple(open_sum),
            "total": tuple(total[-1].tolist()),
            "squares": tuple(squares[-1].tolist()),
            "inflation": float(inflations[-1]),
        }
        return self.model_copy(update=update), inflations

    def _sums(self, chunks: Floats) -> tuple[Floats, Floats, list[float]]:
        """Totals and squares of block sums after each chunk, a column a scale, and the open blocks' sums."""
        whole = len(chunks)
        total, squares = np.zeros((whole, SCALES)), np.zeros((whole, SCALES))
        open_sum = list(self.open_sum)
        cumulated = np.concatenate([[0.0], np.cumsum(chunks.sum(axis=1))])
        for scale in range(SCALES):
            length = 1 << scale
            if length <= CHUNK_ROWS:
                sums = chunks.reshape(whole, -1, length).sum(axis=2)
                total[:, scale], squares[:, scale] = sums.sum(axis=1), np.square(sums).sum(axis=1)
                continue
            every = length // CHUNK_ROWS
            ends = np.arange(every - self.chunks % every, whole + 1, every)
            closed = np.diff(cumulated[ends], prepend=0.0)
            if len(ends):
                closed[0] += open_sum[scale]
                total[ends - 1, scale], squares[ends - 1, scale] = closed, np.square(closed)
                open_sum[scale] = float(cumulated[-1] - cumulated[ends[-1]])
            else:
                open_sum[scale] += float(cumulated[-1])
        return np.cumsum(total, axis=0) + self.total, np.cumsum(squares, axis=0) + self.squares, open_sum

    @property
    def variance(self) -> float:
        """The variance of a row, over the whole chunks so far; 0 before the first."""
        rows = self.chunks * CHUNK_ROWS
        return max(0.0, self.squares[0] - self.total[0] ** 2 / rows) / (rows - 1) if rows else 0.0


def _inflations(chunks: NDArray[np.intp], total: Floats, squares: Floats) -> Floats:
    """The inflation after each chunk: the largest over the scales of what each says.

    A scale says two things: the ratio of its variance to that of independent rows, and that ratio
    carried on to all lengths as if blocks hung together as those of an AR(1) process with the
    correlation that neighbours show (few rows are enough for that). Both are lowered by one standard
    error, so that independent rows are not held back by noise.
    """
    blocks = np.floor(chunks[:, None] * CHUNK_ROWS / _LENGTHS)
    usable = blocks >= _FEWEST_BLOCKS
    counted = np.where(usable, blocks, 2.0)
    variances = np.maximum(squares - np.square(total) / counted, 0.0) / (counted - 1.0)
    noise = np.sqrt(2.0 / (counted - 1.0))
    ratios = _divided(variances, _LENGTHS * variances[:, :1])
    lowered = np.where(usable, np.maximum(1.0, ratios * (1.0 - noise)), 1.0)
    neighbours = _divided(ratios[:, 1:], ratios[:, :-1]) - 1.0
    correlation = np.clip(neighbours - noise[:, 1:], 0.0, _MOST_CORRELATION)
    shorter = np.where(np.arange(SCALES - 1) == 0, 1.0, lowered[:, :-1])
    carried_on = np.where(usable[:, 1:], shorter * (1.0 + correlation) / (1.0 - correlation), 1.0)
    found: Floats = np.maximum(lowered[:, 1:], carried_on).max(axis=1)
    return found


def _divided(upper: Floats, lower: Floats) -> Floats:
    """The quotients; 1 where nothing varies."""
    lower = np.broadcast_to(lower, upper.shape)
    quotients: Floats = np.divide(upper, lower, out=np.ones_like(upper), where=lower > 0.0)
    return quotients
