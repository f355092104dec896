"""The betting detector over blocks of losses: for forecasts, whose neighbours share most of their truths."""

import numpy as np

from drift_detection.core.detectors.betting_cusum import BettingCusum
from drift_detection.core.detectors.protocol import Floats, LossReference, State
from drift_detection.core.detectors.watch import STRIDE

FEWEST_BLOCKS = 2
"""Reference blocks before anything is judged; how uncertain so few are is counted in."""
STRIDE_BLOCKS = 10
"""Blocks between two looks at the reference where a block is long; of short ones, as many as rows would be."""
_MOST_RATE = 0.09


class BlockedBetting(BettingCusum):
    """Judges the mean of each `block_rows` losses in place of each loss.

    Why: a forecast made a minute after another is judged by almost the same truths, so its loss is almost the same
    loss, and a bet on every one of them wins by repetition. Blocks that are longer than the horizon share little.
    `reference` is of blocks: its rows count them, its variance is that of their means. `false_alarm_rate` is per row,
    as of any detector. An alarm goes off at the row that closes a block.

    Examples
    --------
    >>> losses = np.random.default_rng(1).exponential(size=4000)
    >>> detector = BlockedBetting(LossReference(rows=20, mean=1.0, variance=0.1, bound=10.0), block_rows=10)
    >>> detector.update_many(losses), detector.update_many(losses + 2)
    (None, 49)
    """

    def __init__(
        self, reference: LossReference, *, block_rows: int, false_alarm_rate: float = 1e-6, **parameters: float
    ) -> None:
        self.block_rows = block_rows
        self.least_stride = max(STRIDE // block_rows, STRIDE_BLOCKS)
        self._open = np.empty(0, dtype=np.float64)
        parameters.setdefault("learning_rows", FEWEST_BLOCKS)
        super().__init__(reference, false_alarm_rate=false_alarm_rate, **parameters)

    def _of_blocks(self, false_alarm_rate: float) -> float:
        return min(false_alarm_rate * self.block_rows, _MOST_RATE)

    def declare(self, false_alarm_rate: float) -> None:
        """From here on, accept so many false alarms per row; the evidence so far stays."""
        super().declare(self._of_blocks(false_alarm_rate))

    @property
    def average_run_length(self) -> float | None:
        """Rows between false alarms."""
        return self.block_rows / self._rate

    @property
    def onset_rows_ago(self) -> int:
        """Rows since the block with which the evidence began."""
        return super().onset_rows_ago * self.block_rows + len(self._open)

    @property
    def reference_level(self) -> tuple[float, int]:
        """Mean loss of the reference, and its rows."""
        mean, blocks = super().reference_level
        return mean, blocks * self.block_rows

    @property
    def first_level(self) -> tuple[float, int] | None:
        """The same of the first reference."""
        first = super().first_level
        return None if first is None else (first[0], first[1] * self.block_rows)

    def update_many(self, values: Floats) -> int | None:
        """Take in losses up to and including the first alarm; its index, or None."""
        given = np.asarray(values, dtype=np.float64)
        if not np.isfinite(given).all():
            raise ValueError("a detector takes finite losses")
        held = np.concatenate((self._open, given))
        full = len(held) // self.block_rows
        means = held[: full * self.block_rows].reshape(full, self.block_rows).mean(axis=1)
        found = super().update_many(means)
        if found is None:
            self._open = held[full * self.block_rows :]
            return None
        taken = (found + 1) * self.block_rows - len(self._open)
        self._open = np.empty(0, dtype=np.float64)
        return taken - 1

    def snapshot(self) -> State:
        """All that changes, as JSON."""
        return {**super().snapshot(), "open": self._open.tolist()}

    def restore(self, state: State) -> None:
        """Take up where `snapshot` left off."""
        super().restore(state)
        self._open = np.array(state["open"], dtype=np.float64)
