"""The test of shape: the KS distance of columns of numbers.

P-values are bounds by Massart's inequality, which holds for every number of rows and every distribution
(Massart 1990, *The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality*).
"""

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.windows.tallied import Basis, TalliedWindows

Floats = NDArray[np.float64]


class Shape:
    """KS distance × root of the rows; 0 for categories."""

    def __init__(self, basis: Basis) -> None:
        self._limit = float(np.sqrt(np.log(2 / basis.level) / 2))

    def excess(self, windows: TalliedWindows) -> Floats:
        """Statistic ÷ limit."""
        return windows.ks * windows.root_worth / self._limit

    def limit(self, column: int) -> float:  # noqa: ARG002 - the same for all columns
        """Where the statistic alarms."""
        return self._limit

    def p_value(self, column: int, value: float) -> float:  # noqa: ARG002
        """Massart's bound."""
        return float(min(2 * np.exp(-2 * value**2), 1.0))
