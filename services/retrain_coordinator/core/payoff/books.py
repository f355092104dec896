"""The books that the payoff rule keeps: accounts of avoidable loss, and what a cheap model is worth.

An account adds up differences of losses, row by row, and starts anew whenever it would fall below
zero: what was saved in one season is not held against a drift in the next (Page's cumulative sum).
"""

from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

Floats = NDArray[np.float64]
_FAR = 50.0
"""A loss counts for no more than so many usual ones: less than the least debt that buys a run by itself."""
_MEMORY_ROWS = 500.0
"""Losses above zero after which a level weighs 1/e."""


class Part(BaseModel):
    """A frozen piece of the rule's configuration or memory, JSON both ways."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Usual(Part):
    """How large a loss usually is where there is one: the median of a block's losses above zero, smoothed over blocks.

    Losses far beyond it are the work of an absurd label, a unit taken for another, a number that stands for
    "missing". They are cut to `cap`, so that one of them neither buys a run nor makes runs too dear for years. A loss
    that rises for good is taken in within a few blocks, because the level follows it. Losses of 0 and 1 are never cut.
    """

    level: float = 0.0

    @property
    def cap(self) -> float:
        """The largest loss that counts; infinite while none above zero was seen.

        >>> Usual(level=0.5).cap
        25.0
        """
        return _FAR * self.level if self.level > 0.0 else float("inf")

    def knowing(self, losses: Floats) -> Self:
        """The level that a first block gives where none is known yet: the median of its losses above zero."""
        if self.level > 0.0:
            return self
        some = losses[np.isfinite(losses) & (losses > 0.0)]
        return type(self)(level=_middle(some)) if len(some) else self

    def after(self, losses: Floats) -> Self:
        """With more rows, which are within the cap.

        >>> Usual(level=1.0).after(np.array([1.0, 0.0, 1.0])).level
        1.0
        """
        some = losses[losses > 0.0]
        if not len(some):
            return self
        kept = float(np.exp(-len(some) / _MEMORY_ROWS))
        return type(self)(level=kept * self.level + (1.0 - kept) * _middle(some))


def _middle(values: Floats) -> float:
    """The value in the middle, the upper one of two (a median, at a tenth of NumPy's price for a block)."""
    return float(np.sort(values)[len(values) // 2])


class Account(Part):
    """Loss that another model would have avoided, over the `rows` since the account last stood at zero.

    `squares` adds up the squares of the differences: its root is the standard error of `loss`
    where there is no difference at all.
    """

    loss: float = 0.0
    squares: float = 0.0
    rows: int = 0

    def after(self, differences: Floats) -> Self:
        """The account with more rows.

        >>> Account().after(np.array([0.5, 0.5])).after(np.array([-2.0])).rows
        0
        """
        loss = self.loss + float(differences.sum())
        if loss <= 0.0:
            return type(self)()
        squares = self.squares + float(np.square(differences).sum())
        return type(self)(loss=loss, squares=squares, rows=self.rows + len(differences))

    def stands_out(self, certainty: float) -> bool:
        """Whether the loss is more than `certainty` standard errors above zero.

        >>> Account(loss=10.0, squares=16.0, rows=30).stands_out(2.0)
        True
        """
        return self.loss > certainty * float(np.sqrt(self.squares))


class Twin(Part):
    """What the champions lost, and what their twins lost on the same rows.

    A twin is a cheap model that learned the same rows as its champion. How much worse it does tells
    how much better than the cheap model of *today's* rows a champion of today's rows would do: the
    two have the same age, so that drift and noise that no training removes cancel out.
    """

    champion: float = 0.0
    twin: float = 0.0
    rows: int = 0

    def after(self, champion: Floats, twin: Floats) -> Self:
        """With more rows."""
        return type(self)(
            champion=self.champion + float(champion.sum()),
            twin=self.twin + float(twin.sum()),
            rows=self.rows + len(champion),
        )

    @property
    def ratio(self) -> float:
        """Champion's loss for one of the twin's; 1 while nothing is known.

        >>> Twin(champion=10.0, twin=20.0, rows=100).ratio
        0.5
        """
        return self.champion / self.twin if self.twin > 0.0 else 1.0


class Recent(Part):
    """A mean loss that forgets: a row's weight falls to 1/e after `memory` rows."""

    loss: float = 0.0
    weight: float = 0.0

    def after(self, losses: Floats, memory: float) -> Self:
        """With more rows."""
        kept = float(np.exp(-len(losses) / memory))
        return type(self)(loss=self.loss * kept + float(losses.sum()), weight=self.weight * kept + len(losses))

    @property
    def mean(self) -> float:
        """The mean; infinite while no row was seen.

        >>> Recent().after(np.array([1.0, 0.0]), memory=100.0).mean
        0.5
        """
        return self.loss / self.weight if self.weight > 0.0 else float("inf")


class Settling(Part):
    """The mean loss of a champion's first rows, the level it was bought at.

    Where no cheap model tells what is attainable, that level is taken for it. A run that did not
    bring the loss back down has shown that some of the rise is noise: half of it is accepted.
    """

    loss: float = 0.0
    rows: int = 0
    before: float | None = None
    """The level that the last champion was held to."""

    def after(self, losses: Floats, enough: int) -> Self:
        """With more rows; nothing more is learnt once `enough` have been seen."""
        if self.rows >= enough:
            return self
        update = {"loss": self.loss + float(losses.sum()), "rows": self.rows + len(losses)}
        return self.model_copy(update=update)

    @property
    def level(self) -> float | None:
        """The loss a row that the champion is held to; None while no row was seen.

        >>> Settling(loss=30.0, rows=100, before=0.2).level
        0.25
        """
        if not self.rows:
            return self.before
        mean = self.loss / self.rows
        return mean if self.before is None else min(mean, self.before + 0.5 * max(0.0, mean - self.before))
