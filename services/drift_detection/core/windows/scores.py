"""The tests of location and of spread: rank scores of the bins of columns of numbers.

With the bins for ranks, Wilcoxon's scores (a bin's middle in the distribution) say whether values have
moved, and Mood's (the squared distance of that from the centre) whether they scatter more or less.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc, ndtri

from drift_detection.core.windows.reference import Reference
from drift_detection.core.windows.tallied import FEWEST_EXPECTED, Basis, TalliedWindows

Floats = NDArray[np.float64]
Score = Callable[[Floats, Floats], Floats]
"""The score of each bin of a column, from the middles of the bins in the distribution and their shares."""


class _Scored:
    """The mean score of a window's rows × root of the rows: standard normal while nothing changes."""

    def __init__(self, basis: Basis, score: Score) -> None:
        reference, most = basis.reference, 1 - FEWEST_EXPECTED / basis.smallest_window
        self._starts = reference.starts
        self._scores = reference.once((type(self), most), lambda: _scores(reference, score, most))
        self._limit = float(-ndtri(basis.level / 2))

    def excess(self, windows: TalliedWindows) -> Floats:
        """Statistic ÷ limit; 0 for categories."""
        sums = np.add.reduceat(windows.differences * self._scores, self._starts, axis=1)
        return np.asarray(np.abs(sums * windows.root_worth) / self._limit)

    def limit(self, column: int) -> float:  # noqa: ARG002 - the same for all columns
        """Where the statistic alarms."""
        return self._limit

    def p_value(self, column: int, value: float) -> float:  # noqa: ARG002
        """By the normal distribution, both sides."""
        return float(erfc(value / np.sqrt(2)))


class Location(_Scored):
    """Wilcoxon's rank scores."""

    def __init__(self, basis: Basis) -> None:
        super().__init__(basis, lambda middle, _: middle)


class Spread(_Scored):
    """Mood's rank scores."""

    def __init__(self, basis: Basis) -> None:
        super().__init__(basis, lambda middle, shares: (middle - middle @ shares / max(shares.sum(), 1e-12)) ** 2)


def _scores(reference: Reference, score: Score, most: float) -> Floats:
    """Scores of each bin with mean 0 and variance 1 under the reference; 0 for missing and for categories.

    Also 0 for a column that is one bin in more than `most` of its rows: a mean over so few others is not normal
    (of flags that one row in a thousand has, it alarmed fourteen times as often as declared). Outliers and shares
    are judged all the same.
    """
    scores = np.zeros(reference.bins)
    for start, column in zip(reference.starts, reference.columns, strict=True):
        shares = column.shares[:-1]
        if column.kind != "number" or float(shares.max()) > most:
            continue
        middle = np.cumsum(shares) - shares / 2
        scores[start : start + column.count - 1] = _standardised(score(middle, shares), shares)
    return scores


def _standardised(scores: Floats, shares: Floats) -> Floats:
    """Scores less their mean, over their standard deviation, under `shares` (which sum to the present share)."""
    mean = float(scores @ shares / max(float(shares.sum()), 1e-12))
    deviation = float(np.sqrt(((scores - mean) ** 2) @ shares))
    return (scores - mean) / deviation if deviation > 1e-9 else np.zeros_like(scores)
