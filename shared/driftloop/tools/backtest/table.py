"""The table of what each possible model loses in each later block: all that costs are made of."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from driftloop.tools.backtest.fits import Fits
from driftloop.tools.backtest.layout import Layout

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, order=True)
class Fit:
    """A model by what it learnt: the rows `start` … `end` - 1."""

    start: int
    end: int

    @property
    def rows(self) -> int:
        """How many it learnt."""
        return self.end - self.start


@dataclass(frozen=True)
class LossTable:
    """Losses of the models that could be trained at block ends, over the windows of a layout.

    With labels `delay` rows late, the model that serves from a block on has learnt rows up to
    `delay` before it, and decisions know no later losses.
    """

    fits: Fits
    layout: Layout
    delay: int = 0

    @cached_property
    def edges(self) -> tuple[int, ...]:
        """Where blocks begin, and last where the stream ends."""
        return self.layout.edges(len(self.fits.stream.rows))

    @property
    def blocks(self) -> int:
        """How many blocks are predicted."""
        return len(self.edges) - 1

    @property
    def rows(self) -> int:
        """How many rows are predicted."""
        return self.edges[-1] - self.edges[0]

    @property
    def first(self) -> Fit:
        """The model that every policy begins with."""
        return Fit(0, self.layout.first)

    def labelled(self, block: int) -> int:
        """How many rows of the stream have labels when block `block` begins."""
        return max(self.layout.first, self.edges[block] - self.delay)

    def trained_before(self, block: int, window: int) -> Fit:
        """The model of the last `window` labelled rows when `block` begins."""
        end = self.labelled(block)
        return Fit(max(0, end - window), end)

    def losses(self, model: Fit, first: int, last: int) -> Floats:
        """What `model` loses on rows `first` … `last` - 1."""
        return self.fits.get(model.start, model.end).on(first, last).astype(np.float64)

    def block_losses(self, model: Fit, block: int) -> Floats:
        """What `model` loses on the rows of a block."""
        return self.losses(model, self.edges[block], self.edges[block + 1])

    def block_totals(self, model: Fit, since: int) -> Floats:
        """The total loss of `model` in each block from `since` on."""
        losses = self.losses(model, self.edges[since], self.edges[-1])
        starts = np.asarray(self.edges[since:-1]) - self.edges[since]
        return np.add.reduceat(losses, starts)

    @cached_property
    def never(self) -> float:
        """The total loss of never retraining."""
        return float(self.block_totals(self.first, 0).sum())

    @cached_property
    def unit(self) -> float:
        """What counts as one error: 1, or for numbers the first model's mean loss in the first block."""
        if not self.fits.stream.is_regression:
            return 1.0
        return float(self.block_losses(self.first, 0).mean()) or 1.0
