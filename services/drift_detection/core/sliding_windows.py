"""Windows of several lengths over one stream of rows, kept as tallies.

A stream is cut into blocks, by count of rows or by the rows' own time. Sliding: level −1 is the newest
block, a quarter of level 0, for what has changed just now; level 0 is the last four blocks. Tumbling:
a block is a window, and no row is in two windows of a level. Level k ≥ 1 is two closed halves of 2^(k−1)
windows each: long enough to find a small shift, and no longer than needed. Where windows close
depends on the stream alone, never on how its rows were batched.
"""

import base64
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from drift_detection.core.kept.narrow import narrow_integers

Counts = NDArray[np.int64]
Milliseconds = NDArray[np.int64]

QUARTERS = 4
_MANY = 4
"""Blocks that are closed in one go."""
LEVELS = 5
_HELD = np.zeros(0, dtype=np.int64)
"""Stands for the open block while tallies are held packed."""


class Window(msgspec.Struct, frozen=True, eq=False):
    """A window that has just closed: with which block of the stream, at which level, over how many rows."""

    block: int
    level: int
    rows: int
    tally: Counts


@dataclass(frozen=True, slots=True)
class Cut:
    """How some rows fall into the blocks of a stream.

    `numbers` is the number of each row's block, ascending; `open` that of the block that was open before
    them. `places` counts the blocks that have rows: the open one is 0, whether or not rows fall into it.
    """

    numbers: Counts
    places: Counts
    open: int
    closed_by_next: bool
    """Blocks of time close with the first row after them; those of rows with their own last row."""

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def blocks(self) -> int:
        """How many places there are."""
        return int(self.places[-1]) + 1 if len(self.places) else 0

    def block_of_places(self) -> list[int]:
        """The block that each place stands for."""
        fresh = np.flatnonzero(np.diff(self.places, prepend=0))
        return [self.open, *self.numbers[fresh].tolist()]

    def closing_row(self, block: int) -> int:
        """Which of the rows closed a block."""
        return int(np.searchsorted(self.numbers, block, side="right")) - (not self.closed_by_next)


class Rings:
    """The windows of one model and segment.

    `window_rows` long; with `window_seconds`, that long in the rows' time instead. A window of time is
    judged where it has `minimum_rows`, one of level k where it has 2^k times as many.
    `first_column` is the number of counts in a tally that sum to its rows (windows of time need it). After `bins`
    counts a tally has sums; both are kept in as few bytes as hold them from one push to the next.
    """

    def __init__(
        self,
        window_rows: int,
        minimum_rows: int,
        width: int,
        *,
        tumbling: bool = False,
        window_seconds: float | None = None,
        first_column: int = 1,
        bins: int = 1,
    ) -> None:
        self.parts = 1 if tumbling else QUARTERS
        self._tumbling = tumbling
        self.block_rows = max(window_rows // self.parts, 1)
        self._block_ms = None if window_seconds is None else max(round(window_seconds * 1000 / self.parts), 1)
        self._minimum = minimum_rows if self._block_ms else min(minimum_rows, self.parts * self.block_rows)
        self._width, self._first_column, self._bins = width, first_column, bins
        self._partial = _HELD
        self._recent: list[Counts] = []
        self._halves: list[list[Counts]] = []
        self._lengths = [1] + [0] * (1 + LEVELS)
        """How many of the tallies that are held are the open block's (one), recent ones, and halves of each level."""
        self._held: tuple[NDArray[Any], ...] = np.zeros((1, bins), np.uint8), np.zeros((1, width - bins), np.uint8)
        self.blocks = 0
        self.offset = 0

    def cut(self, rows: int, at: Milliseconds | None = None) -> Cut:
        """Where the next `rows` rows fall; `at`, their times, is needed where windows are of time.

        A row that is older than the block that is open counts in that one.
        """
        if self._block_ms is None:
            places = (self.offset + np.arange(rows)) // self.block_rows
            return Cut(self.blocks + 1 + places, places, self.blocks + 1, closed_by_next=False)
        assert at is not None
        began = self.blocks or self.offset or not rows
        first = self.blocks + 1 if began else int(at[0]) // self._block_ms
        numbers = np.maximum.accumulate(np.maximum(at // self._block_ms, first))
        return Cut(numbers, np.cumsum(np.diff(numbers, prepend=first) > 0), first, closed_by_next=True)

    def push(self, tallies: Counts, cut: Cut) -> list[Window]:
        """Add rows by the tallies of the blocks they fall into; gives the windows that closed."""
        if self._block_ms is not None or cut.blocks < _MANY:
            return [window for closed in self.closing(tallies, cut) for window in closed]
        self._open()
        self.offset = (self.offset + len(cut)) % self.block_rows
        full = len(tallies) - (self.offset > 0)
        blocks = tallies[:full].copy()
        blocks[0] += self._partial
        windows = self._close_each(blocks)
        self._partial = tallies[full] if self.offset else np.zeros(self._width, dtype=np.int64)
        self._hold([self._partial], self._recent, *self._halves)
        return windows

    def _close_each(self, blocks: Counts) -> list[Window]:
        """`_close` of several blocks: what is of the newest of each is added up in one go."""
        before, first = len(self._recent), self.blocks
        every = np.concatenate((np.array(self._recent, np.int64).reshape(before, self._width), blocks))
        sums = every.cumsum(axis=0)
        sums[self.parts :] -= every.cumsum(axis=0)[: -self.parts]
        windows: list[Window] = []
        for place, block in enumerate(blocks):
            self.blocks, recent = first + place + 1, sums[before + place]
            windows += self._judged(-1, block, 1)
            windows += self._judged(0, recent, min(before + place + 1, self.parts))
            windows += self._halve(recent)
        self._recent = list(every[-self.parts :])
        return windows

    def closing(self, tallies: Counts, cut: Cut) -> Iterator[list[Window]]:
        """The same, the windows of each block that closes by themselves. To be read to its end."""
        if not len(cut):
            return
        self.blocks = cut.open - 1
        self.offset = 1 if self._block_ms else (self.offset + len(cut)) % self.block_rows
        if cut.blocks == 1 and self.offset and self._add(tallies[0]):
            return
        self._open()
        of_places = cut.block_of_places()
        if not self.offset:
            of_places.append(of_places[-1] + 1)
        for place, following in enumerate(of_places[1:]):
            block = tallies[place] + self._partial if place == 0 else tallies[place].copy()
            yield self._close(block)
            yield from self._close_empty(following - 1)
        if len(of_places) > 1:
            self._partial = np.zeros(self._width, dtype=np.int64)
        if self.offset:
            self._partial = self._partial + tallies[-1]
        self._hold([self._partial], self._recent, *self._halves)

    def _add(self, tally: Counts) -> bool:
        """Add rows to the open block where it is held; false if they do not fit there."""
        totals = self._held[0][0] + tally[: self._bins], self._held[1][0] + tally[self._bins :]
        kept = [total.astype(held.dtype) for held, total in zip(self._held, totals, strict=True)]
        if not all((one == total).all() for one, total in zip(kept, totals, strict=True)):
            return False
        for held, one in zip(self._held, kept, strict=True):
            held[0] = one
        return True

    def _hold(self, *groups: list[Counts]) -> None:
        table = np.array([tally for group in groups for tally in group])
        self._lengths = [len(group) for group in groups]
        self._held = narrow_integers(table[:, : self._bins]), narrow_integers(table[:, self._bins :])
        self._partial, self._recent, self._halves = _HELD, [], []

    def _groups(self) -> list[list[Counts]]:
        """The open block, the recent ones, and the halves of each level."""
        table = iter(np.concatenate(self._held, axis=1, dtype=np.int64))
        return [[next(table) for _ in range(length)] for length in self._lengths]

    def _open(self) -> None:
        (self._partial,), self._recent, *self._halves = self._groups()

    def _close_empty(self, until: int) -> Iterator[list[Window]]:
        """Close the blocks of time that had no row; after so many that every window is empty, begin anew."""
        if until - self.blocks > self.parts << LEVELS:
            self.forget()
            self.blocks = until
        while self.blocks < until:
            yield self._close(np.zeros(self._width, dtype=np.int64))

    def _rows(self, tally: Counts, blocks: int) -> int:
        return blocks * self.block_rows if self._block_ms is None else int(tally[: self._first_column].sum())

    def _close(self, block: Counts) -> list[Window]:
        self.blocks += 1
        self._recent = [*self._recent, block][-self.parts :]
        recent = reduce(np.add, self._recent)
        windows = self._judged(-1, block, 1)
        windows += self._judged(0, recent, len(self._recent))
        return windows + self._halve(recent)

    def _halve(self, recent: Counts) -> list[Window]:
        """The windows beyond level 0 that close with a block, by the tally of level 0."""
        windows: list[Window] = []
        half_blocks, half = self.parts, recent
        for level in range(LEVELS):
            if self.blocks % half_blocks:
                break
            halves = self._halves[level] = [*self._halves[level], half][-2:]
            if len(halves) < 2:
                break
            half = halves[0] + halves[1]
            windows += self._judged(level + 1, half, 2 * half_blocks)
            if self._tumbling:
                self._halves[level] = []
            half_blocks *= 2
        return windows

    def _judged(self, level: int, tally: Counts, blocks: int) -> list[Window]:
        """The window, where it has rows enough to be judged."""
        rows = self._rows(tally, blocks)
        needed = self._minimum << level if level >= 0 else max(self._minimum // self.parts, 1)
        return [Window(self.blocks, level, rows, tally)] if rows >= needed else []

    def forget(self) -> None:
        """Begin windows anew; blocks go on being counted."""
        nothing: list[list[Counts]] = [[] for _ in range(LEVELS)]
        if self._partial is _HELD:
            self._hold(self._groups()[0], [], *nothing)
        else:
            self._recent, self._halves = [], nothing

    def latest(self) -> tuple[Counts, int] | None:
        """The tally of level 0 as it last closed and its rows; None before the first block, or where it had no row."""
        count = self._lengths[1]
        if not count:
            return None
        tally = np.concatenate([part[1 : 1 + count].sum(axis=0, dtype=np.int64) for part in self._held])
        rows = self._rows(tally, count)
        return (tally, rows) if rows else None

    def latest_counts(self, bins: slice) -> Counts | None:
        """Of that tally, some of its counts of bins; None as there."""
        count, counts = self._lengths[1], self._held[0]
        if not count or (self._block_ms is not None and not counts[1 : 1 + count, : self._first_column].any()):
            return None
        found: Counts = counts[1 : 1 + count, bins].sum(axis=0, dtype=np.int64)
        return found

    def snapshot(self) -> dict[str, Any]:
        """The tallies, compressed, as text."""
        return {
            "blocks": self.blocks,
            "offset": self.offset,
            "recent": self._lengths[1],
            "halves": self._lengths[2:],
            "tallies": pack_tallies(np.concatenate(self._held, axis=1, dtype=np.int64)),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up where `snapshot` left off."""
        kept = list(unpack_tallies(state["tallies"], self._width))
        self.blocks, self.offset = state["blocks"], state["offset"]
        groups = []
        for count in (1, state["recent"], *state["halves"]):
            groups.append(kept[:count])
            kept = kept[count:]
        self._hold(*groups)


def pack_tallies(tallies: Counts) -> str:
    """Rows of tallies, compressed, as text."""
    return base64.b64encode(zlib.compress(tallies.astype("<i8").T.tobytes(), 6)).decode("ascii")


def unpack_tallies(text: str, width: int) -> Counts:
    """The rows of `width` counts each that `pack_tallies` packed."""
    raw = np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype="<i8").astype(np.int64)
    return raw.reshape(width, -1).T.copy()
