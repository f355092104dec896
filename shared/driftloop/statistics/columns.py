"""Profiles of columns: what one looked like, in about 1 KB.

Why quantiles and not the rows: a profile travels on the log with its version and is held in memory
for every live model. With 61 equally spaced quantiles the empirical distribution function is known
to within `RESOLUTION` = 1/60 at every point (columns of few distinct values keep them exactly), so
a KS statistic against the profile differs from the one against the rows by no more than that.
"""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from driftloop.contracts.model_profiles import CategoricalProfile, NumericProfile
from driftloop.learners.protocol import Column
from driftloop.spec.numbers import beyond
from driftloop.statistics.dependence import inflation, lag_correlation

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

QUANTILES = 61
RESOLUTION = 1 / (QUANTILES - 1)
"""Greatest difference between a column's distribution function and the one its profile gives."""
ATOMS = 40
"""A column of at most this many distinct values keeps each of them with its count."""
ROUNDING = 2.0**-22
"""Part of a number by which float32 (2⁻²⁴) and arithmetic on it may move it: less is no variance."""
CATEGORIES = 200
"""Categories that a profile names; the rarer ones are counted together."""
_LEAST_VARIANCE = 1e-150
"""A column that varies less is constant: the square of its variance would be 0."""
_MOST_DECIMALS = 300


def numeric_profile(values: Floats) -> NumericProfile:
    """The profile of a numeric column (NaN is missing; infinities are refused with a ValueError).

    A finite value beyond float32's largest is missing too, and counted (`driftloop.spec.numbers`).

    A column without one value is allowed: its quantiles are empty and every moment is 0.

    >>> numeric_profile(np.array([1.0, 2.0, 3.0, np.nan])).quantiles
    (1.0, 2.0, 3.0)
    """
    values = np.asarray(values, dtype=np.float64)
    far = beyond(values)
    present = values[~np.isnan(values) & ~far]
    if np.isinf(present).any():
        raise ValueError("a numeric column holds an infinite value: a profile cannot describe it")
    missing = len(values) - len(present)
    if not len(present):
        nothing = {"mean": 0, "variance": 0, "quantiles": (), "outlier_share": 0, "beyond": int(far.sum())}
        return NumericProfile(rows=len(values), missing=missing, **nothing)
    mean, variance = float(present.mean()), float(present.var(ddof=1)) if len(present) > 1 else 0.0
    variance = variance if variance > _LEAST_VARIANCE else 0.0
    if present.max() - present.min() <= abs(mean) * ROUNDING:
        mean, variance = float((present.max() + present.min()) / 2), 0.0
    centred = present - mean
    distinct, places, counts = np.unique(present, return_inverse=True, return_counts=True)
    outliers = np.abs(centred) > 3 * np.sqrt(variance)
    return NumericProfile(
        rows=len(values),
        missing=missing,
        mean=mean,
        variance=variance,
        quantiles=_rounded(np.quantile(present, np.linspace(0, 1, min(QUANTILES, len(present))))),
        outlier_share=float(outliers.mean()) if variance > 0 else 0.0,
        kurtosis=float(np.mean(centred**4) / variance**2) if variance > 0 else 3.0,
        lag_correlation=lag_correlation(present),
        inflation=inflation(_ranks(places, counts)),
        atoms=_atoms(distinct, counts),
        beyond=int(far.sum()),
    )


def _ranks(places: Counts, counts: Counts) -> Floats:
    """From 1, ties sharing their mean: `scipy.stats.rankdata`, whose import is half of a service's start."""
    ranks: Floats = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return ranks


def _atoms(distinct: Floats, counts: Counts) -> tuple[tuple[float, int], ...]:
    """Each value with its count where there are few, and the typical one came more than once."""
    if len(distinct) > min(ATOMS, int(counts.sum()) // 2):
        return ()
    return tuple(zip(distinct.tolist(), counts.tolist(), strict=True))


def _rounded(values: Floats) -> tuple[float, ...]:
    """Values to a ten-thousandth of their span: half of the bytes, and far below the resolution."""
    span = float(values[-1] - values[0])
    decimals = 4 - int(np.floor(np.log10(span))) if span > 0 else 12
    return (
        tuple(np.round(values, decimals).tolist()) if span > 0 and decimals < _MOST_DECIMALS else tuple(values.tolist())
    )


def categorical_profile(values: Column) -> CategoricalProfile:
    """The profile of a categorical column (object of str, None is missing).

    >>> categorical_profile(np.array(["a", "b", "a", None], dtype=object)).counts
    {'a': 2, 'b': 1}
    """
    present = [value for value in values.tolist() if value is not None]
    ranked = sorted(Counter(map(str, present)).items(), key=lambda entry: (-entry[1], entry[0]))
    return CategoricalProfile(
        rows=len(values),
        missing=len(values) - len(present),
        counts=dict(ranked[:CATEGORIES]),
        other=sum(count for _, count in ranked[CATEGORIES:]),
        inflation=_category_inflation(values, [name for name, _ in ranked[:3]]),
    )


def _category_inflation(values: Column, names: list[str]) -> tuple[tuple[int, float], ...]:
    """The greatest inflation among the shares of `names`."""
    found = [inflation((values == name).astype(np.float64)) for name in names]
    return max(found, key=lambda steps: steps[-1][1] if steps else 0.0, default=())


def column_profile(values: Column) -> NumericProfile | CategoricalProfile:
    """The profile that fits a column's type: object columns are categories, the others numbers."""
    values = np.asarray(values)
    return categorical_profile(values) if values.dtype.kind in "OUS" else numeric_profile(values.astype(np.float64))
