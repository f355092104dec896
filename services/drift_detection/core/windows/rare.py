"""The tests of missing values and of outliers: shares so small that no normal approximation holds.

P-values are bounds by Bernstein's inequality, safe for counts near 0.
"""

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.windows.tallied import Basis, TalliedWindows

Floats = NDArray[np.float64]


class _RareShare:
    """How far a share near 0, or near 1, has risen or fallen.

    The expected share is the reference's with its own uncertainty: 1 is added to the count of the rarer side.
    """

    def __init__(self, basis: Basis, expected: Floats) -> None:
        guarded = np.minimum(np.minimum(expected, 1 - expected) + 1 / basis.reference.rows, 0.5)
        self._expected, self._variance = expected, guarded * (1 - guarded)
        self._limit = float(np.log(2 / basis.level))

    def _excess(self, found: Floats, worth: Floats) -> Floats:
        gap = np.abs(found - self._expected)
        exponent = worth * gap**2 / (2 * (self._variance + gap / 3))
        return np.asarray(exponent / self._limit)

    def limit(self, column: int) -> float:  # noqa: ARG002 - the same for all columns
        """Where the statistic alarms."""
        return self._limit

    def p_value(self, column: int, value: float) -> float:  # noqa: ARG002
        """Bernstein's bound."""
        return float(min(2 * np.exp(-value), 1.0))


class Missing(_RareShare):
    """The share of missing values."""

    def __init__(self, basis: Basis) -> None:
        super().__init__(basis, basis.reference.shares[basis.missing_bins])

    def excess(self, windows: TalliedWindows) -> Floats:
        """Statistic ÷ limit."""
        return self._excess(windows.missing, windows.worth)


class Outliers(_RareShare):
    """The share of numbers beyond three standard deviations, and of categories never seen before."""

    def __init__(self, basis: Basis) -> None:
        known, (low, high) = np.append(basis.reference.shares, 0.0), basis.reference.tails
        super().__init__(basis, known[low] + known[high])

    def excess(self, windows: TalliedWindows) -> Floats:
        """Statistic ÷ limit."""
        return self._excess(windows.outliers, windows.worth)
