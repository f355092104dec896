"""Windows of several lengths over one stream of rows, kept as tallies.

Level −1 is the newest quarter of level 0, for what has changed just now. Level 0 slides: the last
`window_rows` rows, in steps of a quarter. Level k ≥ 1 is two closed halves of window_rows · 2^(k−1)
rows each: long enough to find a small shift, and no longer than needed. All steps are at fixed row
counts of the stream.
"""

import base64
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]

QUARTERS = 4
LEVELS = 5


@dataclass(frozen=True, slots=True)
class Window:
    """A window that has just closed: after how many blocks of the stream, at which level, over how many rows."""

    block: int
    level: int
    rows: int
    tally: Counts


class Rings:
    """The windows of one model and segment."""

    def __init__(self, window_rows: int, minimum_rows: int, width: int) -> None:
        self.block_rows = max(window_rows // QUARTERS, 1)
        self._least = -(-min(minimum_rows, window_rows) // self.block_rows)
        self._width = width
        self._partial = np.zeros(width, dtype=np.int64)
        self._recent: list[Counts] = []
        self._halves: list[list[Counts]] = [[] for _ in range(LEVELS)]
        self.blocks = 0
        self.offset = 0

    def push(self, tallies: Counts, rows: int) -> list[Window]:
        """Add the tallies of `rows` more rows, cut at this stream's blocks; gives the windows that closed."""
        if not rows:
            return []
        closing, self.offset = divmod(self.offset + rows, self.block_rows)
        closed: list[Window] = []
        for index in range(closing):
            block = tallies[index] + self._partial if index == 0 else tallies[index]
            closed.extend(self._close(block))
        if closing:
            self._partial = np.zeros(self._width, dtype=np.int64)
        if self.offset:
            self._partial = self._partial + tallies[-1]
        return closed

    def _close(self, block: Counts) -> list[Window]:
        self.blocks += 1
        self._recent = [*self._recent, block][-QUARTERS:]
        windows = [Window(self.blocks, -1, self.block_rows, block)]
        if len(self._recent) >= self._least:
            rows = len(self._recent) * self.block_rows
            windows.append(Window(self.blocks, 0, rows, np.sum(self._recent, axis=0)))
        half_blocks = QUARTERS
        if self.blocks % half_blocks == 0:
            half = np.sum(self._recent, axis=0)
            for level in range(LEVELS):
                self._halves[level] = [*self._halves[level], half][-2:]
                if len(self._halves[level]) < 2:
                    break
                both = self._halves[level][0] + self._halves[level][1]
                windows.append(Window(self.blocks, level + 1, 2 * half_blocks * self.block_rows, both))
                half_blocks *= 2
                if self.blocks % half_blocks:
                    break
                half = both
        return windows

    def forget(self) -> None:
        """Begin windows anew; blocks go on being counted."""
        self._recent, self._halves = [], [[] for _ in range(LEVELS)]

    def latest(self) -> tuple[Counts, int] | None:
        """The tally of level 0 as it last closed and its rows; None before the first block."""
        if not self._recent:
            return None
        return np.sum(self._recent, axis=0), len(self._recent) * self.block_rows

    def snapshot(self) -> dict[str, Any]:
        """The tallies, compressed, as text."""
        kept = [self._partial, *self._recent, *(half for pair in self._halves for half in pair)]
        packed = zlib.compress(np.array(kept, dtype=np.int64).astype("<i8").T.tobytes(), 6)
        return {
            "blocks": self.blocks,
            "offset": self.offset,
            "recent": len(self._recent),
            "halves": [len(pair) for pair in self._halves],
            "tallies": base64.b64encode(packed).decode("ascii"),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up where `snapshot` left off."""
        raw = np.frombuffer(zlib.decompress(base64.b64decode(state["tallies"])), dtype="<i8").astype(np.int64)
        kept = list(raw.reshape(self._width, -1).T.copy())
        self.blocks, self.offset = state["blocks"], state["offset"]
        self._partial, kept = kept[0], kept[1:]
        self._recent, kept = kept[: state["recent"]], kept[state["recent"] :]
        self._halves = []
        for count in state["halves"]:
            self._halves.append(kept[:count])
            kept = kept[count:]
