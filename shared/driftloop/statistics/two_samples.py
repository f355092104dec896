"""Tests of one column between a reference and a current window, from the rows themselves.

The monitors work from profiles and counts; these are the raw computations that they agree with, and
what a source preset means where it names a test.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, fdtr

Floats = NDArray[np.float64]

PSI_BINS = 10
FEWEST_FOR_PSI = 200
FEWEST_FOR_KS = 500
FEWEST_FOR_BATTERY = 10


def ks_distance(reference_sorted: Floats, current: Floats) -> tuple[float, float]:
    """KS distance of `current` to a reference that is already sorted, and its asymptotic p-value.

    A hundredth of the time of `scipy.stats.ks_2samp` where many windows meet one reference. NaN is
    refused with a ValueError.

    >>> distance, p = ks_distance(np.arange(1000.0), np.arange(1000.0) + 100)
    >>> round(distance, 2), p < 0.001
    (0.1, True)
    """
    current = np.sort(current)
    rows, others = len(current), len(reference_sorted)
    if not rows or not others or np.isnan(current[-1]) or np.isnan(reference_sorted[-1]):
        raise ValueError("a KS distance needs two samples without gaps")
    below = np.searchsorted(reference_sorted, current, side="right") / others
    before = np.searchsorted(reference_sorted, current, side="left") / others
    mine = np.searchsorted(current, current, side="right") / rows
    mine_before = np.searchsorted(current, current, side="left") / rows
    distance = float(max(np.abs(mine - below).max(), np.abs(mine_before - before).max()))
    return distance, ks_p_value(distance, rows * others / (rows + others))


def ks_p_value(distance: float, effective_rows: float) -> float:
    """P-value of a KS distance by Kolmogorov's series; one term is enough below 0.3.

    >>> round(ks_p_value(1.358 / 100, 10_000), 2)
    0.05
    """
    scaled = distance**2 * effective_rows
    if scaled < 0.04:
        return 1.0
    terms = [(-1) ** (k - 1) * np.exp(-2 * k * k * scaled) for k in range(1, 9)]
    return float(np.clip(2 * sum(terms), 0.0, 1.0))


def psi(expected: Floats, actual: Floats) -> float:
    """Population stability index of counts by bin; half a row is added to each bin, so that none is empty.

    >>> round(psi(np.array([50.0, 50.0]), np.array([50.0, 50.0])), 6)
    0.0
    >>> psi(np.array([100.0, 0.0]), np.array([0.0, 100.0])) < 20
    True
    """
    old = (expected + 0.5) / (expected.sum() + 0.5 * len(expected))
    new = (actual + 0.5) / (actual.sum() + 0.5 * len(actual))
    return float(np.sum((new - old) * np.log(new / old)))


def psi_of_samples(reference: Floats, current: Floats) -> float:
    """PSI over ten bins of equal reference share."""
    edges = np.unique(np.quantile(reference, np.arange(1, PSI_BINS) / PSI_BINS))
    counts = [np.bincount(np.searchsorted(edges, rows), minlength=len(edges) + 1) for rows in (reference, current)]
    return psi(counts[0].astype(np.float64), counts[1].astype(np.float64))


def chi_square(expected: Floats, actual: Floats) -> tuple[float, float]:
    """Two-sample chi-square of counts by category, and its p-value; categories without a row are left out.

    >>> statistic, p = chi_square(np.array([50.0, 50.0]), np.array([80.0, 20.0]))
    >>> round(statistic, 1), p < 0.001
    (19.8, True)
    """
    used = expected + actual > 0
    old, new = expected[used], actual[used]
    if len(old) < 2 or not old.sum() or not new.sum():
        return 0.0, 1.0
    ratio = np.sqrt(new.sum() / old.sum())
    statistic = float(np.sum((ratio * old - new / ratio) ** 2 / (old + new)))
    return statistic, float(chdtrc(len(old) - 1, statistic))


@dataclass(frozen=True, slots=True)
class Battery:
    """Results of the four-test battery; `insufficient` where a sample is too small."""

    p_values: dict[str, float]
    alarmed: tuple[str, ...]
    insufficient: bool = False


def four_tests(reference: Floats, current: Floats, level: float = 0.05, *, corrected: bool = True) -> Battery:
    """KS, Mann-Whitney, t and F (S3's battery), two-sided.

    As written in its source any of the four below 0.05 is drift: 12 % false alarms a check.
    `corrected` (Holm) keeps the level for the four together.

    >>> rows = np.random.default_rng(0).normal(size=400)
    >>> four_tests(rows[:200], rows[200:] + 2).alarmed
    ('ks', 'mann_whitney', 't')
    >>> four_tests(rows[:5], rows).insufficient
    True
    """
    if min(len(reference), len(current)) < FEWEST_FOR_BATTERY:
        return Battery({}, (), insufficient=True)
    from scipy.stats import ks_2samp, mannwhitneyu, ttest_ind  # half of a service's start, and for one preset only

    old, new = reference.var(ddof=1), current.var(ddof=1)
    ratio = float(new / old) if old > 0 else float("inf") if new > 0 else 1.0
    tail = fdtr(len(current) - 1, len(reference) - 1, ratio)
    p_values = {
        "ks": float(ks_2samp(reference, current, method="asymp").pvalue),
        "mann_whitney": float(mannwhitneyu(reference, current).pvalue),
        "t": float(ttest_ind(reference, current).pvalue) if old > 0 or new > 0 else 1.0,
        "f": float(2 * min(tail, 1 - tail)),
    }
    limits = holm_limits(list(p_values.values()), level) if corrected else [level] * 4
    pairs = zip(p_values.items(), limits, strict=True)
    return Battery(p_values, tuple(name for (name, p), limit in pairs if p < limit))


def holm_limits(p_values: list[float], level: float) -> list[float]:
    """The limit of each p-value by Holm's step-down rule: the chance of any false alarm is at most `level`.

    >>> holm_limits([0.01, 0.04], 0.05)
    [0.025, 0.05]
    """
    order = np.argsort(p_values)
    limits = [0.0] * len(p_values)
    for rank, place in enumerate(order.tolist()):
        limits[place] = level / (len(p_values) - rank)
        if p_values[place] >= limits[place]:
            break
    return limits
