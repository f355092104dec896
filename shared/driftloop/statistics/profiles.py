"""Profiles: what a version's data looked like, in about 1 KB a column.

Why quantiles and not the rows: a profile travels on the log with its version and is held in memory
for every live model. With 61 equally spaced quantiles the empirical distribution function is known
to within `RESOLUTION` = 1/60 at every point (columns of few distinct values keep them exactly), so
a KS statistic against the profile differs from the one against the rows by no more than that.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from driftloop.contracts.model_profiles import (
    CategoricalProfile,
    JointProfile,
    LossProfile,
    ModelProfile,
    NumericProfile,
)
from driftloop.learners.protocol import Column, Predictions, Rows
from driftloop.spec.model_spec import ModelSpec
from driftloop.statistics.dependence import inflation, lag_correlation
from driftloop.statistics.joint import FEWEST_ROWS, ROWS_A_FEATURE, Directions
from driftloop.statistics.losses import row_losses
from driftloop.statistics.steps import Steps, steps_of

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

QUANTILES = 61
RESOLUTION = 1 / (QUANTILES - 1)
"""Greatest difference between a column's distribution function and the one its profile gives."""
ATOMS = 40
"""A column of at most this many distinct values keeps each of them with its count."""
CATEGORIES = 200
"""Categories that a profile names; the rarer ones are counted together."""
CALIBRATION_BINS = 10


def numeric_profile(values: Floats) -> NumericProfile:
    """The profile of a numeric column (NaN is missing; infinities are refused with a ValueError).

    A column without one value is allowed: its quantiles are empty and every moment is 0.

    >>> numeric_profile(np.array([1.0, 2.0, 3.0, np.nan])).quantiles
    (1.0, 2.0, 3.0)
    """
    values = np.asarray(values, dtype=np.float64)
    present = values[~np.isnan(values)]
    if np.isinf(present).any():
        raise ValueError("a numeric column holds an infinite value: a profile cannot describe it")
    missing = len(values) - len(present)
    if not len(present):
        return NumericProfile(rows=len(values), missing=missing, mean=0, variance=0, quantiles=(), outlier_share=0)
    mean, variance = float(present.mean()), float(present.var(ddof=1)) if len(present) > 1 else 0.0
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
    return tuple(np.round(values, decimals).tolist()) if span > 0 else tuple(values.tolist())


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


def loss_profile(losses: Floats, bound: float) -> LossProfile:
    """Mean and variance of losses clipped at `bound`; NaN (a missing number) is left out.

    >>> loss_profile(np.array([0.0, 1.0, 1.0, 0.0]), bound=1.0).mean
    0.5
    """
    present = np.asarray(losses, dtype=np.float64)
    present = np.minimum(present[~np.isnan(present)], bound)
    if not len(present):
        return LossProfile(rows=0, mean=0.0, variance=0.0, bound=bound)
    return LossProfile(
        rows=len(present),
        mean=float(present.mean()),
        variance=float(present.var(ddof=1)) if len(present) > 1 else 0.0,
        bound=bound,
        lag_correlation=lag_correlation(present),
    )


def calibration_bins(confidence: Floats, correct: Floats) -> tuple[tuple[float, float, int], ...]:
    """(mean confidence, accuracy, rows) of up to ten bins of equally many rows, by confidence.

    >>> calibration_bins(np.array([0.9, 0.9, 0.6, 0.6]), np.array([1.0, 1.0, 1.0, 0.0]))
    ((0.6, 0.5, 2), (0.9, 1.0, 2))
    """
    known = ~(np.isnan(confidence) | np.isnan(correct))
    confidence, correct = confidence[known], correct[known]
    if not len(confidence):
        return ()
    edges = np.unique(np.quantile(confidence, np.linspace(0, 1, CALIBRATION_BINS + 1)))
    which = np.clip(np.searchsorted(edges, confidence, side="right") - 1, 0, max(len(edges) - 2, 0))
    picks = [which == index for index in range(len(edges))]
    return tuple(
        (round(float(confidence[pick].mean()), 6), round(float(correct[pick].mean()), 6), int(pick.sum()))
        for pick in picks
        if pick.any()
    )


def joint_profile(columns: Mapping[str, Column], profiles: Mapping[str, NumericProfile]) -> JointProfile | None:
    """How columns go together, of their rows in time order; a missing value counts as the column's mean.

    None where fewer than two of them vary, or there are too few rows to tell.
    """
    varying = {name: profile for name, profile in profiles.items() if profile.variance > 0}
    half = min((profile.rows for profile in varying.values()), default=0) // 2
    if len(varying) < 2 or half < max(FEWEST_ROWS, ROWS_A_FEATURE * len(varying)):
        return None
    steps = np.array([_standardised(columns[name], profile) for name, profile in varying.items()])
    directions = Directions.fitted(steps[:, :half])
    distance, residual = directions.distances(steps[:, half:])
    return JointProfile(
        features=tuple(varying),
        leading=directions.leading,
        weights=directions.packed(),
        bits=tuple(directions.bits.tolist()),
        distance=numeric_profile(distance),
        residual=numeric_profile(residual),
    )


def _standardised(column: Column, profile: NumericProfile) -> Steps:
    values = np.asarray(column, dtype=np.float64)
    filled = np.where(np.isnan(values), profile.mean, values)
    return steps_of(filled, profile.mean, float(np.sqrt(profile.variance)))


def make_profile(  # noqa: PLR0917 - model, data and losses in the order in which a run has them
    model_id: str,
    version: str,
    spec: ModelSpec,
    spec_version: int,
    rows: Rows,
    predictions: Predictions,
    held_out_losses: Floats,
    loss_bound: float,
    *,
    message_id: UUID,
    occurred_at: datetime,
    caused_by: tuple[UUID, ...] = (),
) -> ModelProfile:
    """The profile of a version.

    `rows` are those the version learnt from, held-out ones last, in time order. `predictions` are
    of the *last* `len(predictions)` of them; give those of the held-out rows, because what a model
    says about rows it has learnt by heart is no reference. `held_out_losses` are the losses of the
    last rows, unclipped; `loss_bound` (> 0) is where bounded tests clip them.
    """
    columns = {name: rows.features[name] for name, feature in spec.features.items() if feature.monitored}
    profiles = {name: column_profile(column) for name, column in columns.items()}
    numeric = {name: found for name, found in profiles.items() if isinstance(found, NumericProfile)}
    return ModelProfile(
        message_id=message_id,
        model_id=model_id,
        occurred_at=occurred_at,
        caused_by=caused_by,
        version=version,
        spec_version=spec_version,
        numeric=numeric,
        categorical={name: found for name, found in profiles.items() if isinstance(found, CategoricalProfile)},
        predictions={name: column_profile(column) for name, column in predictions.fields.items()},
        labels={name: column_profile(column) for name, column in rows.labels.items()},
        confidence=None if predictions.confidence is None else numeric_profile(predictions.confidence),
        joint=joint_profile({name: columns[name] for name in numeric}, numeric),
        calibration=_calibration(spec, rows.labels, predictions, len(held_out_losses)),
        loss=loss_profile(held_out_losses, loss_bound),
    )


def _calibration(
    spec: ModelSpec, labels: Mapping[str, Column], predictions: Predictions, held_out: int
) -> tuple[tuple[float, float, int], ...]:
    """Calibration on the held-out rows: on the others a model looks surer than it may be."""
    if predictions.confidence is None or any(name not in labels for name in spec.target):
        return ()
    tail = min(held_out, len(predictions.confidence))
    if tail == 0:
        return ()
    said = {name: predictions.fields[name][-tail:] for name in spec.target}
    true = {name: labels[name][-tail:] for name in spec.target}
    correct = 1.0 - np.minimum(row_losses(spec.target, said, true), 1.0)
    return calibration_bins(predictions.confidence[-tail:], correct)
