"""The level of the losses: sums that are exact in any order, and what they say about the mean."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from drift_detection.core.detectors.cusum import Integers


@dataclass(frozen=True, slots=True)
class Level:
    """Sums over a run of whole-numbered losses: of the losses, their squares, and neighbours' products."""

    rows: int = 0
    total: int = 0
    squares: int = 0
    products: int = 0

    @classmethod
    def of(cls, losses: Integers, previous: int) -> Self:
        """The sums of `losses`; `previous` is the loss before the first."""
        if not len(losses):
            return cls()
        products = int(np.dot(losses[1:], losses[:-1])) + int(losses[0]) * previous
        return cls(len(losses), int(losses.sum()), int(np.dot(losses, losses)), products)

    def __add__(self, other: "Level") -> "Level":
        return Level(
            self.rows + other.rows,
            self.total + other.total,
            self.squares + other.squares,
            self.products + other.products,
        )

    @property
    def mean(self) -> float:
        """Mean of 0/1 losses; half an error is added so that a run without any is not taken for certain."""
        return (self.total + 0.5) / (self.rows + 1)

    @property
    def variance(self) -> float:
        """Variance of the losses, never negative."""
        if self.rows < 2:
            return 0.0
        return max(self.squares - self.total * self.total / self.rows, 0.0) / (self.rows - 1)

    @property
    def lag_correlation(self) -> float:
        """Correlation of neighbours in 0…0.95 (a negative one is not counted on)."""
        power = self.squares - self.total * self.total / max(self.rows, 1)
        if self.rows < 20 or power <= 0:
            return 0.0
        return min(max((self.products - self.total * self.total / self.rows) / power, 0.0), 0.95)

    def scaled(self, rows: int) -> "Level":
        """The same level, scaled to `rows` rows."""
        if not self.rows:
            return self
        share = rows / self.rows
        return Level(rows, round(self.total * share), round(self.squares * share), round(self.products * share))
