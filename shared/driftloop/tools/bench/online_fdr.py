"""Rules that say at which level the next of an endless row of tests is made: for comparison only.

Each is a function of p-values in the order of the tests. References: Ramdas, Yang, Wainwright, Jordan
2017 (LORD++); Ramdas, Zrnic, Wainwright, Jordan 2018 (SAFFRON); Tian, Ramdas 2019 (ADDIS).
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
CHUNK = 8192
_LORD_SUM, _POWER_SUM = 12.6452, 2.2858
"""Sums of the two kinds of weights below over 1, 2, 3 …, so that they add up to 1."""


@dataclass(frozen=True)
class OnlineRule:
    """LORD++, or with `candidate` SAFFRON, or with `discard` too ADDIS; FDR at most `alpha` for independent tests.

    The clock that the level falls by ticks at tests with p over `candidate` and not over `discard`.

    >>> OnlineRule("LORD++", 0.05).rejected(np.array([1e-5, 0.5, 1e-4])).tolist()
    [0, 2]
    """

    name: str
    alpha: float
    candidate: float = 0.0
    discard: float = 1.0

    def rejected(self, p_values: Floats) -> NDArray[np.intp]:
        """Places of the tests that are rejected."""
        ticks = (p_values > self.candidate) & (p_values <= self.discard)
        before = np.concatenate(([0], np.cumsum(ticks)))
        found: list[int] = []
        start = 0
        while start < len(p_values):
            stop = min(start + CHUNK, len(p_values))
            levels = self._levels(before[start:stop], [int(before[one + 1]) for one in found])
            hits = np.flatnonzero(p_values[start:stop] <= levels)
            if len(hits):
                found.append(start + int(hits[0]))
                start = found[-1] + 1
            else:
                start = stop
        return np.array(found, dtype=np.intp)

    def _levels(self, clock: NDArray[np.int64], rejections: list[int]) -> Floats:
        wealth = self.alpha / 2
        levels = wealth * self._weight(clock + 1)
        for place, at in enumerate(rejections):
            earned = self.alpha - wealth if place == 0 else self.alpha
            levels = levels + earned * self._weight(clock - at + 1)
        scaled = (self.discard - self.candidate) * levels
        return np.minimum(scaled, self.candidate) if self.candidate else scaled

    def _weight(self, ticks: NDArray[np.int64]) -> Floats:
        return _weights(bool(self.candidate), 1 << int(ticks.max()).bit_length())[ticks]


@cache
def _weights(power: bool, size: int) -> Floats:
    """The weights of 0 … `size` ticks."""
    n = np.arange(size + 1, dtype=np.float64)
    n[0] = 1
    if power:
        return np.asarray(n**-1.6 / _POWER_SUM)
    return np.asarray(np.log(np.maximum(n, 2)) / (n * np.exp(np.sqrt(np.log(n)))) / _LORD_SUM)


@dataclass(frozen=True)
class ConstantLevel:
    """Every test at the same level: Bonferroni over time."""

    name: str
    level: float

    def rejected(self, p_values: Floats) -> NDArray[np.intp]:
        """Places of the tests that are rejected."""
        return np.flatnonzero(p_values <= self.level)


Rule = OnlineRule | ConstantLevel
