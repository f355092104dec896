"""Profiles of versions: what the data looked like that one learnt from."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from driftloop.contracts.model_profiles import (
    CategoricalProfile,
    LossProfile,
    ModelProfile,
    NumericProfile,
    SeasonProfile,
)
from driftloop.learners.protocol import Column, Predictions, Rows
from driftloop.spec.model_spec import ModelSpec
from driftloop.spec.numbers import bounded
from driftloop.statistics.columns import column_profile, numeric_profile
from driftloop.statistics.dependence import lag_correlation
from driftloop.statistics.embeddings import embedding_profile
from driftloop.statistics.forecasts import rows_a_horizon
from driftloop.statistics.joint import joint_profile
from driftloop.statistics.loss_blocks import block_profile
from driftloop.statistics.losses import row_losses
from driftloop.statistics.seasons import as_profile, learnt_season
from driftloop.statistics.watched_series import watched_predictions, watched_rows

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

CALIBRATION_BINS = 10
MOST_CLASSES = 30
"""Predicted classes whose losses are told apart; where there are more, none are."""


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
    predicted_at: Counts | None = None,
    message_id: UUID,
    occurred_at: datetime,
    caused_by: tuple[UUID, ...] = (),
) -> ModelProfile:
    """The profile of a version.

    `rows` are those the version learnt from, held-out ones last, in time order. `predictions` are
    of the *last* `len(predictions)` of them; give those of the held-out rows, because what a model
    says about rows it has learnt by heart is no reference. `held_out_losses` are the losses of the
    last rows, unclipped; `loss_bound` (> 0) is where bounded tests clip them. `predicted_at`, when each
    of `rows` was predicted (milliseconds since 1970), is needed where a feature has a season.
    """
    if spec.forecast is not None:
        rows, predictions = watched_rows(spec, rows), watched_predictions(spec, predictions)
    monitored = {name: feature for name, feature in spec.features.items() if feature.monitored}
    embedded = {name: feature for name, feature in monitored.items() if feature.kind in ("text", "vector")}
    columns = {name: rows.features[name] for name in monitored if name not in embedded}
    profiles = {name: column_profile(column) for name, column in columns.items()}
    columns = {name: bounded(column) if column.dtype.kind == "f" else column for name, column in columns.items()}
    numeric = {name: found for name, found in profiles.items() if isinstance(found, NumericProfile)}
    seasonal, rest = _seasons(spec, {name: columns[name] for name in numeric}, predicted_at)
    compared = {name: seasonal[name].values if name in seasonal else found for name, found in numeric.items()}
    return ModelProfile(
        message_id=message_id,
        model_id=model_id,
        occurred_at=occurred_at,
        caused_by=caused_by,
        version=version,
        spec_version=spec_version,
        numeric=numeric,
        seasonal=seasonal,
        categorical={name: found for name, found in profiles.items() if isinstance(found, CategoricalProfile)},
        embeddings={name: embedding_profile(feature, rows.features[name]) for name, feature in embedded.items()},
        predictions={name: column_profile(column) for name, column in predictions.fields.items()},
        labels={name: column_profile(column) for name, column in rows.labels.items()},
        confidence=None if predictions.confidence is None else numeric_profile(predictions.confidence),
        joint=joint_profile({name: rest.get(name, columns[name]) for name in numeric}, compared),
        calibration=_calibration(spec, rows.labels, predictions, len(held_out_losses)),
        loss=_loss(spec, held_out_losses, loss_bound, predicted_at),
        loss_by_prediction=_loss_by_prediction(spec, predictions, held_out_losses, loss_bound),
    )


def _loss(spec: ModelSpec, losses: Floats, bound: float, predicted_at: Counts | None) -> LossProfile:
    profile = loss_profile(losses, bound)
    if spec.forecast is None or predicted_at is None or not len(losses):
        return profile
    blocks = block_profile(losses, bound, rows_a_horizon(spec.forecast, predicted_at))
    return profile.model_copy(update={"blocks": blocks})


def _loss_by_prediction(
    spec: ModelSpec, predictions: Predictions, losses: Floats, bound: float
) -> dict[str, LossProfile]:
    """Losses of the held-out rows by what was predicted of them."""
    if len(spec.target) != 1 or any(target.kind != "category" for target in spec.target.values()):
        return {}
    said = predictions.fields[next(iter(spec.target))]
    tail = min(len(losses), len(said))
    said, losses = said[len(said) - tail :], losses[len(losses) - tail :]
    classes = sorted({str(one) for one in said.tolist() if one is not None})
    if len(classes) > MOST_CLASSES:
        return {}
    return {one: loss_profile(losses[said == one], bound) for one in classes}


def _seasons(
    spec: ModelSpec, columns: Mapping[str, Column], predicted_at: Counts | None
) -> tuple[dict[str, SeasonProfile], dict[str, Floats]]:
    """The seasons of the features that are declared to have one, and their columns without them."""
    profiles: dict[str, SeasonProfile] = {}
    rest: dict[str, Floats] = {}
    for name in (name for name in columns if spec.features[name].season is not None):
        if predicted_at is None:
            raise ValueError(f"feature {name} has a season: its profile needs the times of the rows")
        found = learnt_season(np.asarray(columns[name], dtype=np.float64), predicted_at)
        if found is not None:
            season, rest[name] = found
            profiles[name] = as_profile(season, numeric_profile(rest[name]))
    return profiles, rest


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
