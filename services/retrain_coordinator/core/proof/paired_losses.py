"""Losses of two versions on the same rows, as a bounded test takes them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def differences(worse: Sequence[float], better: Sequence[float], bound: float) -> Floats:
    """How much lower the second losses are, row by row, as shares of the bound (−1…1).

    Losses above the bound count as the bound; rows where either is missing are left out.

    >>> differences([1.0, 0.0, 9.0], [0.0, 1.0, 0.5], bound=2.0)
    array([ 0.5 , -0.5 ,  0.75])
    """
    first, second = np.array(worse, dtype=np.float64), np.array(better, dtype=np.float64)
    gains = (np.minimum(first, bound) - np.minimum(second, bound)) / bound
    kept: Floats = gains[np.isfinite(gains)]
    return kept


def capped_sum(losses: Sequence[float], partner: Sequence[float], bound: float) -> float:
    """The sum of losses, none above the bound, over the rows where the partner has one too."""
    own, other = np.array(losses, dtype=np.float64), np.array(partner, dtype=np.float64)
    return float(np.minimum(own, bound)[np.isfinite(own) & np.isfinite(other)].sum())
