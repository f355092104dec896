"""The tests of location and of spread: rank scores of the bins of columns of numbers.

With the bins for ranks, Wilcoxon's scores (a bin's middle in the distribution) say whether values have
moved, and Mood's (the squared distance of that from the centre) whether they scatter more or less.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc, ndtri

from drift_detection.core.windows.reference import Reference, columns_alike
from drift_detection.core.windows.tallied import FEWEST_EXPECTED, Basis, TalliedWindows

Floats = NDArray[np.float64]
Score = Callable[[Floats, Floats], Floats]
"""Scores of the bins of columns, from the middles of the bins in the distribution and their shares."""


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
        super().__init__(basis, lambda middle, shares: (middle - _means(middle, shares)) ** 2)


def _scores(reference: Reference, score: Score, most: float) -> Floats:
    """Scores of each bin with mean 0 and variance 1 under the reference; 0 for missing and for categories.

    Also 0 for a column that is one bin in more than `most` of its rows: a mean over so few others is not normal
    (of flags that one row in a thousand has, it alarmed fourteen times as often as declared). Outliers and shares
    are judged all the same.
    """
    scores = np.zeros(reference.bins)
    for columns, bins, with_missing in columns_alike(reference):
        fits = (reference.numeric[columns] > 0) & (with_missing[:, :-1].max(axis=1, initial=0.0) <= most)
        shares = np.ascontiguousarray(with_missing[fits, :-1])
        middle = np.cumsum(shares, axis=1) - shares / 2
        scores[bins[fits, :-1]] = _standardised(score(middle, shares), shares)
    return scores


def _standardised(scores: Floats, shares: Floats) -> Floats:
    """Scores less their mean, over their standard deviation, under `shares` (which sum to the present share)."""
    centred = scores - _means(scores, shares)
    deviation = np.sqrt(_sums(centred**2, shares))
    varies = deviation > 1e-9
    return np.asarray(np.where(varies, centred, 0.0) / np.where(varies, deviation, 1.0))


def _means(scores: Floats, shares: Floats) -> Floats:
    """The mean score of each column (columns × 1)."""
    return np.asarray(_sums(scores, shares) / np.maximum(shares.sum(axis=1, keepdims=True), 1e-12))


def _sums(scores: Floats, shares: Floats) -> Floats:
    """Scores by shares, added up for each column (columns × 1) as the product of its two vectors is, to the bit."""
    return np.asarray(scores[:, None, :] @ shares[:, :, None])[:, :, 0]
