"""Durations of very many rows in little memory, and the trend of a noisy figure."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import theilslopes

Floats = NDArray[np.float64]

_EDGES = np.geomspace(1e-4, 1e3, 1401)
"""Seconds; a step is 1.2 %."""


class Latencies:
    """Counts durations in steps of 1.2 % from 0.1 ms to 1,000 s; what is beyond counts in the last step.

    >>> some = Latencies()
    >>> some.add(np.array([0.010] * 98 + [0.2, 0.3]))
    >>> some.rows, round(some.quantile(0.5), 3), round(some.quantile(0.99), 1), some.highest
    (100, 0.01, 0.2, 0.3)
    """

    def __init__(self) -> None:
        self._counts = np.zeros(len(_EDGES) + 1, dtype=np.int64)
        self.highest = 0.0

    def add(self, seconds: Floats) -> None:
        """Count them."""
        if len(seconds):
            places = np.searchsorted(_EDGES, seconds)
            self._counts += np.bincount(places, minlength=len(self._counts))
            self.highest = max(self.highest, float(seconds.max()))

    @property
    def rows(self) -> int:
        """How many were counted."""
        return int(self._counts.sum())

    def quantile(self, share: float) -> float:
        """Seconds that this share of the rows stayed within; NaN where there is none."""
        if not self.rows:
            return float("nan")
        place = int(np.searchsorted(np.cumsum(self._counts), share * self.rows))
        return min(float(_EDGES[min(place, len(_EDGES) - 1)]), self.highest)

    def milliseconds(self) -> dict[str, float]:
        """p50, p99 and the highest."""
        found = {"p50": self.quantile(0.5), "p99": self.quantile(0.99), "highest": self.highest}
        return {name: round(seconds * 1000, 1) for name, seconds in found.items()}


def slope_an_hour(seconds: Sequence[float], values: Sequence[float], warm_up_s: float) -> tuple[float, float, float]:
    """The trend of a figure by the hour once `warm_up_s` have passed, with its 95 % interval (low, high).

    Theil and Sen's: the median of the slopes between all pairs of samples, which single peaks do not move.
    Raises ValueError where fewer than three samples are left.

    >>> slope_an_hour([0, 600, 1200, 1800, 2400], [900, 10, 11, 50, 13], warm_up_s=600)[0]
    6.0
    """
    times, figures = np.asarray(seconds, dtype=np.float64), np.asarray(values, dtype=np.float64)
    late = times >= warm_up_s
    if late.sum() < 3:
        raise ValueError("a trend needs three samples behind the warm-up")
    found = theilslopes(figures[late], times[late] / 3600)
    return float(found.slope), float(found.low_slope), float(found.high_slope)
