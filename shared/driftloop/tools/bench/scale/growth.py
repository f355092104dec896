"""The exponent of a power law through a few points."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LIMIT = 1.1
"""An exponent above it is called superlinear."""
_DECADE = 10.0


@dataclass(frozen=True, slots=True)
class Growth:
    """`exponent` fitted over all sizes with its standard error, and over the last decade alone.

    Why both: at small sizes a fixed cost hides what grows.
    """

    exponent: float
    spread: float
    last_decade: float

    @property
    def superlinear(self) -> bool:
        """Whether either says so."""
        return max(self.exponent, self.last_decade) > LIMIT


def growth(sizes: Sequence[float], costs: Sequence[float]) -> Growth | None:
    """Least squares on logarithms; None with fewer than three costs above 0.

    >>> growth([1, 10, 100], [2, 20, 200])
    Growth(exponent=1.0, spread=0.0, last_decade=1.0)
    >>> growth([1, 10, 100], [100, 110, 1100]).superlinear
    False
    >>> growth([10, 100, 1000], [105, 200, 10100]).superlinear
    True
    """
    kept = [(size, cost) for size, cost in zip(sizes, costs, strict=True) if cost > 0]
    if len(kept) < 3:
        return None
    x, y = np.log10(np.array(kept, dtype=np.float64)).T
    late = x >= x[-1] - np.log10(_DECADE) * 1.05
    late[-2:] = True
    return Growth(round(_slope(x, y), 3), round(_error(x, y), 3), round(_slope(x[late], y[late]), 3))


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    centred = x - x.mean()
    return float(centred @ (y - y.mean()) / (centred @ centred))


def _error(x: np.ndarray, y: np.ndarray) -> float:
    """The standard error of the slope."""
    centred = x - x.mean()
    left = y - y.mean() - _slope(x, y) * centred
    return float(np.sqrt(left @ left / (len(x) - 2) / (centred @ centred)))
