"""The test of shares: Pearson's chi-square over groups of bins."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, chdtri

from drift_detection.core.windows.tallied import Basis, TalliedWindows

Floats = NDArray[np.float64]


class Share:
    """Chi-square of each column's groups of bins, missing values among them."""

    def __init__(self, basis: Basis) -> None:
        self._groups = basis.groups
        self._degrees = np.maximum(basis.groups.degrees, 1)
        self._known = basis.groups.known
        self._limits: Floats = chdtri(self._degrees, basis.level)

    def excess(self, windows: TalliedWindows) -> Floats:
        """Statistic ÷ limit."""
        terms = (windows.grouped - self._groups.shares) ** 2 / self._known
        statistic = np.add.reduceat(terms, self._groups.columns, axis=1) * windows.worth
        return np.asarray(statistic / self._limits)

    def limit(self, column: int) -> float:
        """Where the statistic alarms."""
        return float(self._limits[column])

    def p_value(self, column: int, value: float) -> float:
        """By the chi-square distribution with one degree fewer than there are groups."""
        return float(chdtrc(self._degrees[column], value))
