"""Loss blocks: the mean loss of each run of so many labelled rows."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

FRACTION = 1 << 20
"""Losses are summed in 2⁻²⁰ths: whole, so a sum does not depend on how rows were batched."""


class Block(msgspec.Struct, frozen=True, gc=False):
    """A closed block: the fields of `driftloop.contracts.drift_status.LossBlock`, its end in milliseconds.

    No dataclass, as `Window` is none: hundreds are made of a frame, and a frozen one takes eight times as long.
    """

    index: int
    first_row: int
    rows: int
    model_version: str
    loss: float
    last_at: int


class LossBlocks:
    """Closes a block after `rows` rows of one version, or where the version changes.

    >>> blocks = LossBlocks(rows=2)
    >>> _ = blocks.change("1.0.0")
    >>> [block.loss for block in blocks.push(np.array([0.0, 1.0, 1.0]), np.arange(3), np.arange(3))]
    [0.5]
    """

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._index = 0
        self._version = "0.0.0"
        self._open: list[list[int]] = []

    def change(self, version: str) -> list[Block]:
        """A new version's losses follow: what is open closes."""
        closed = self._closed(np.array([self._open], dtype=np.int64)) if self._open else []
        self._open, self._version = [], version
        return closed

    def begin_anew(self, rows: int) -> None:
        """Use blocks of this many rows from here on. The open block is dropped: it is of another kind or length."""
        self._rows, self._open = rows, []

    def push(self, losses: NDArray[np.float64], rows: NDArray[np.int64], at: NDArray[np.int64]) -> list[Block]:
        """Add losses with their row numbers and moments (milliseconds); gives the blocks that closed."""
        whole = np.rint(losses * FRACTION).astype(np.int64)
        fresh = np.stack((whole, rows, at), axis=1)
        held = np.concatenate((np.array(self._open, dtype=np.int64).reshape(-1, 3), fresh))
        full = len(held) // self._rows
        self._open = held[full * self._rows :].tolist()
        return self._closed(held[: full * self._rows].reshape(full, self._rows, 3)) if full else []

    def _closed(self, blocks: NDArray[np.int64]) -> list[Block]:
        sums, firsts, lasts = blocks[:, :, 0].sum(axis=1), blocks[:, 0, 1], blocks[:, :, 2].max(axis=1)
        rows, first = blocks.shape[1], self._index
        self._index += len(blocks)
        return [
            Block(first + place, number, rows, self._version, total / FRACTION / rows, last)
            for place, (total, number, last) in enumerate(
                zip(sums.tolist(), firsts.tolist(), lasts.tolist(), strict=True)
            )
        ]

    def snapshot(self) -> list[Any]:
        """The open block."""
        return [self._index, self._version, self._open]

    def restore(self, state: list[Any]) -> None:
        """Take it up again."""
        self._index, self._version, self._open = state
