"""Performance of the newest rows: sums over blocks of 50, from which every metric is read.

Why a block is summed only when it is full: sums of floats depend on their order, and rows must count
the same however frames cut them. Open rows wait as they are.
"""

import base64
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.losses.measures import CLASSES, OPERATIONS, ClassNames

Floats = NDArray[np.float64]
Gaps = NDArray[np.bool_]

BLOCK = 50
BLOCKS = 20
CALIBRATION = 10
LATENCIES = 64
LATENCY_FLOOR, LATENCY_STEP = 0.5, 1.2
"""Latencies are counted in bins that grow by a fifth: a percentile is right to within 10 %."""


_NO_BLOCKS = np.zeros(0, np.int16), np.zeros(0, np.bool_), np.zeros((0, 0), np.uint8), np.zeros((0, 0))
"""What is kept before the first block."""


class Recent:
    """The last 20 blocks of some measures; what kind of counts go with them, a subclass says."""

    measures: tuple[str, ...]
    extra: int

    def __init__(self) -> None:
        self._open = np.empty((len(self.measures), 0))
        self._keep(np.empty((0, 2 * len(self.measures) + self.extra)))
        self.first: Floats | None = None
        """The first ten blocks together: what a ratio to the beginning compares with."""
        self.rows = 0
        """Rows so far: a row's place among them says which block it is in."""
        self._revised: dict[int, Floats] = {}
        """What corrections have changed, by number of the block."""

    def push(self, values: Floats) -> None:
        """Add rows (measures × rows)."""
        push_each([(self, values)])

    def full_blocks(self, values: Floats) -> Floats:
        """Add rows; gives the blocks (measures × blocks × rows) that are full with them, to be tallied."""
        self.rows += values.shape[1]
        waiting = self._open.shape[1]
        full = (waiting + values.shape[1]) // BLOCK
        if not full:
            self._open = np.concatenate((self._open, values), axis=1)
            return values[:, :0].reshape(len(self.measures), 0, BLOCK)
        passed = max(full - BLOCKS, 0) * BLOCK if self.first is not None else 0
        held = np.concatenate((self._open[:, passed:], values[:, max(passed - waiting, 0) :]), axis=1)
        full -= passed // BLOCK
        self._open = held[:, full * BLOCK :].copy()
        return held[:, : full * BLOCK].reshape(len(self.measures), full, BLOCK)

    def take_tallies(self, tallies: Floats) -> None:
        """Add what was counted of full blocks (blocks × sums and counts)."""
        # in rows, not in columns as a lone transposed table would stay: sums of floats depend on the layout
        known = np.ascontiguousarray(np.concatenate((self._blocks(), tallies)))
        if self.first is None and len(known) >= BLOCKS // 2:
            self.first = known[: BLOCKS // 2].sum(axis=0)
        self._keep(known[-BLOCKS:])
        if self._revised:
            self._revised = {block: change for block, change in self._revised.items() if block >= self._oldest}

    def _keep(self, blocks: Floats) -> None:
        """Remember the blocks: of the counts by class, most are 0 in all of them."""
        self._count = len(blocks)
        if not self._count:
            self._used, self._whole, self._counted, self._summed = _NO_BLOCKS
            return
        self._used = np.flatnonzero(blocks.view(np.int64).any(axis=0)).astype(np.int16)
        held = blocks[:, self._used]
        bytes_, self._whole = _as_bytes(held)
        self._counted, self._summed = bytes_[:, self._whole], held[:, ~self._whole]

    def _blocks(self) -> Floats:
        blocks = np.zeros((self._count, 2 * len(self.measures) + self.extra))
        blocks[:, self._used[self._whole]] = self._counted
        blocks[:, self._used[~self._whole]] = self._summed
        return blocks

    def revise(self, places: NDArray[np.int64], before: Floats, now: Floats) -> None:
        """Count rows (measures × rows) otherwise than they were counted before, by their places among all rows.

        Their blocks' sums stay what they were and the differences are kept beside them, so what is read does
        not depend on whether a block was full when the correction came. Rows in no block any more change nothing.
        """
        changes = (self.tallies(now[:, :, None]) - self.tallies(before[:, :, None])).T
        for block, change in zip((places // BLOCK).tolist(), changes, strict=True):
            if block >= self._oldest:
                self._revised[block] = self._revised.get(block, 0.0) + change

    @property
    def _oldest(self) -> int:
        """Number of the oldest block that is kept."""
        return self.rows // BLOCK - self._count

    def _read(self) -> Floats:
        """The blocks with their corrections."""
        if not self._revised:
            return self._blocks()
        places = {block - self._oldest: change for block, change in self._revised.items()}
        blocks = self._blocks()
        for place in (place for place in places if place < self._count):
            blocks[place] += places[place]
        return blocks

    def tallies(self, blocks: Floats) -> Floats:
        """A column of sums and counts for each of the blocks (measures × blocks × rows)."""
        gaps = np.isnan(blocks)
        filled = np.where(gaps, 0.0, blocks)
        return np.concatenate((blocks.shape[2] - gaps.sum(axis=2), filled.sum(axis=2), self._counts(filled, gaps)))

    def _counts(self, blocks: Floats, gaps: Gaps) -> Floats:
        """Further counts (extra × blocks) of blocks in which gaps are filled with 0."""
        raise TypeError(f"{type(self).__name__} must say what it counts of {blocks.shape}, gaps {gaps.shape}")

    def blocks(self) -> Floats | None:
        """The blocks that there are (blocks × sums and counts), corrections in them; None before the first."""
        return self._read() if self._count else None

    def total(self) -> Floats | None:
        """The blocks together; None before the first."""
        blocks = self.blocks()
        return None if blocks is None else blocks.sum(axis=0)

    def mean(self, measure: str, total: Floats) -> float | None:
        """Mean of a measure; None if no row had it."""
        place = self.measures.index(measure)
        rows = float(total[place])
        return float(total[len(self.measures) + place]) / rows if rows else None

    def block_means(self, measure: str, blocks: Floats) -> list[float]:
        """The measure's mean in each of the `blocks` that has it, oldest first."""
        place = self.measures.index(measure)
        rows, sums = blocks[:, place], blocks[:, len(self.measures) + place]
        there = rows > 0
        means: list[float] = (sums[there] / rows[there]).tolist()
        return means

    def snapshot(self) -> dict[str, Any]:
        """Blocks and open rows, compressed, as text."""
        known = self._blocks()
        blocks = known if self.first is None else np.concatenate((self.first[None, :], known))
        return {
            "open": _packed(self._open),
            "blocks": _packed(blocks),
            "first": self.first is not None,
            "rows": self.rows,
            "revised": [[block, change.tolist()] for block, change in self._revised.items()],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up where `snapshot` left off."""
        width = 2 * len(self.measures) + self.extra
        self._open = _unpacked(state["open"]).reshape(-1, len(self.measures)).T
        blocks = np.ascontiguousarray(_unpacked(state["blocks"]).reshape(width, -1).T)
        self.first, blocks = (blocks[0].copy(), blocks[1:]) if state["first"] else (None, blocks)
        self._keep(blocks)
        self.rows = state["rows"]
        self._revised = {block: np.array(change) for block, change in state["revised"]}


def push_each(parts: Sequence[tuple[Recent, Floats]]) -> None:
    """Add rows (measures × rows) to several of one kind and the same measures: their blocks are counted in one go."""
    full = [recent.full_blocks(values) for recent, values in parts]
    if not any(blocks.shape[1] for blocks in full):
        return
    tallies = parts[0][0].tallies(np.ascontiguousarray(np.concatenate(full, axis=1))).T
    begin = 0
    for (recent, _), blocks in zip(parts, full, strict=True):
        end = begin + blocks.shape[1]
        if end > begin:
            recent.take_tallies(tallies[begin:end])
        begin = end


def _as_bytes(table: Floats) -> tuple[NDArray[np.uint8], Gaps]:
    """A table with a byte for each number, and the columns in which these are the numbers themselves."""
    fits = (table >= 0.0) & (table <= 255.0) & ~np.signbit(table)
    held = np.where(fits, table, 0.0).astype(np.uint8)
    return held, (fits & (held == table)).all(axis=0)


def _packed(values: Floats) -> str:
    return base64.b64encode(zlib.compress(np.ascontiguousarray(values.T, dtype="<f8").tobytes(), 6)).decode("ascii")


def _unpacked(text: str) -> Floats:
    """What `_packed` packed, still turned by a quarter: the caller knows the shape."""
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype="<f8").astype(np.float64)


class RecentQuality(Recent):
    """Recent measures of labelled rows: sums, calibration bins and, by target, counts by class."""

    def __init__(self, measures: tuple[str, ...], classes: ClassNames) -> None:
        self.measures = measures
        self.class_targets = tuple(name.removeprefix("said") for name in measures if name.split(":")[0] == "said")
        """Targets that are classes, as their measures end: empty for the first target, `:NAME` for another."""
        self.calibration = 3 * CALIBRATION if "correct" in measures else 0
        self.extra = self.calibration + len(self.class_targets) * 3 * (CLASSES + 1)
        self.classes = classes
        super().__init__()

    def snapshot(self) -> dict[str, Any]:
        """As of any measures; of several targets, with their names."""
        kept = super().snapshot()
        return {**kept, "measures": [*self.measures]} if self._of_several_targets else kept

    def restore(self, state: dict[str, Any]) -> None:
        """Take up where `snapshot` left off. What a release measured that looked at the first target only is let go:
        the next rows are counted from the next block on, as if these had been long ago."""
        if self._of_several_targets and state.get("measures") != [*self.measures]:
            self.rows = -(-state["rows"] // BLOCK) * BLOCK
            return
        super().restore(state)

    @property
    def _of_several_targets(self) -> bool:
        return any(":" in measure for measure in self.measures)

    def by_class(self, target: str, total: Floats) -> tuple[Floats, Floats, Floats]:
        """Of one of `class_targets`: rows by class that were said and true, that were said, that were true."""
        size = 3 * (CLASSES + 1)
        begin = 2 * len(self.measures) + self.calibration + self.class_targets.index(target) * size
        both, said, true = np.split(total[begin : begin + size], 3)
        return both, said, true

    def _counts(self, blocks: Floats, gaps: Gaps) -> Floats:
        if not self.extra:
            return np.empty((0, blocks.shape[1]))
        table = dict(zip(self.measures, blocks, strict=True))
        absent = dict(zip(self.measures, gaps, strict=True))
        counts = []
        if self.calibration:
            confidence = table["confidence"]
            bins = np.minimum(confidence * CALIBRATION, CALIBRATION - 1)
            bins[absent["confidence"]] = -1.0
            counts += [_by_bin(bins, CALIBRATION, weights) for weights in (None, confidence, table["correct"])]
        for target in self.class_targets:
            said, true = (np.where(absent[name], -1.0, table[name]) for name in ("said" + target, "true" + target))
            both = np.where(said == true, true, -1.0)
            counts += [_by_bin(codes, CLASSES + 1) for codes in (both, said, true)]
        return np.concatenate(counts)


class RecentOperations(Recent):
    """Recent measures of predicted rows: sums and counts of latencies."""

    measures = OPERATIONS
    extra = LATENCIES

    def _counts(self, blocks: Floats, gaps: Gaps) -> Floats:
        place = self.measures.index("latency_ms")
        steps = np.floor(np.log(np.maximum(blocks[place], LATENCY_FLOOR) / LATENCY_FLOOR) / np.log(LATENCY_STEP)) + 1
        return _by_bin(np.where(gaps[place], -1.0, np.minimum(steps, LATENCIES - 1)), LATENCIES)


def _by_bin(bins: Floats, count: int, weights: Floats | None = None) -> Floats:
    """(count × blocks) sums by bin of each block; a negative bin counts nowhere."""
    blocks = bins.shape[0]
    flat = bins.astype(np.int64) + np.arange(0, blocks * count, count)[:, None]
    flat[bins < 0] = blocks * count
    given = None if weights is None else weights.ravel()
    found = np.bincount(flat.ravel(), weights=given, minlength=blocks * count + 1)
    return found[: blocks * count].reshape(blocks, count).T.astype(np.float64)
