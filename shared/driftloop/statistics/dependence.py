"""Dependence between rows: neighbours that are alike say less than independent rows.

Why a factor and not a model of time: seasons, shifts of workers and sticky sensors all show in the
same way, as means of consecutive rows that scatter more than σ²/n. The factor by which they do,
measured on the reference for several run lengths, makes a test honest without knowing the cause.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtr

Floats = NDArray[np.float64]
Inflation = tuple[tuple[int, float], ...]

SHORTEST = 25
FEWEST_RUNS = 8
_RISK = 0.001


def lag_correlation(values: Floats) -> float:
    """Correlation of neighbours in −1…1; 0 for a constant column or one of fewer than 20 rows.

    >>> lag_correlation(np.tile([0.0, 1.0], 50))
    -1.0
    """
    if len(values) < 20:
        return 0.0
    centred = values - values.mean()
    power = float(np.dot(centred, centred)) * (1 - 1 / len(values))
    return float(np.clip(round(np.dot(centred[1:], centred[:-1]) / power, 6), -1, 1)) if power > 0 else 0.0


def inflation(values: Floats) -> Inflation:
    """(rows, factor ≥ 1) for runs of 25, 50, 100 … rows, as long as there are eight runs.

    The factor is the variance of the runs' means over that of independent rows. A change from one
    length to the next that chance explains (0.1 %) is left out; and a factor falls no quicker than by
    half, because runs that hold a season in whole scatter little only as long as they are cut where it
    begins.

    >>> inflation(np.random.default_rng(0).normal(size=400))
    ((25, 1.0), (50, 1.0))
    >>> inflation(np.repeat(np.random.default_rng(0).normal(size=40), 10))[0][1] > 5
    True
    """
    variance = float(values.var()) if len(values) else 0.0
    steps: list[tuple[int, float]] = []
    rows, factor = SHORTEST, 1.0
    while variance > 0 and rows * FEWEST_RUNS <= len(values):
        runs = len(values) // rows
        means = values[: runs * rows].reshape(runs, rows).mean(axis=1)
        ratio = float(means.var(ddof=1)) * rows / variance
        surprise = chdtr(runs - 1, ratio * (runs - 1) / factor)
        if not _RISK < surprise < 1 - _RISK:
            factor = max(ratio, factor / 2, 1.0)
        steps.append((rows, round(factor, 3)))
        rows *= 2
    return tuple(steps)


def inflation_at(steps: Sequence[tuple[int, float]], rows: float) -> float:
    """The factor for runs of `rows`: between the steps by interpolation, beyond the last by their growth.

    A factor that grew over the last two steps is taken to go on growing as in the lesser of them (at
    most as fast as the run): a reference of two days cannot know the week, but one step is chance.

    >>> inflation_at(((25, 1.0), (50, 2.0), (100, 4.0)), 200)
    8.0
    >>> inflation_at(((25, 1.0), (50, 1.0), (100, 2.0)), 200)
    2.0
    >>> inflation_at(((25, 3.0), (50, 3.0)), 1000)
    3.0
    """
    if not steps:
        return 1.0
    lengths = np.log2([length for length, _ in steps])
    factors = np.log2([factor for _, factor in steps])
    at = float(np.log2(max(rows, 1.0)))
    if at <= lengths[-1] or len(steps) == 1:
        return float(2 ** np.interp(at, lengths, factors))
    growth = min(max(float(np.diff(factors[-3:]).min()), 0.0), 1.0)
    return float(2 ** (factors[-1] + growth * (at - lengths[-1])))
