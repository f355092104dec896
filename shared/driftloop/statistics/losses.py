"""The loss of a prediction: one number a row, the same in detection, validation and challenge."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from driftloop.codec.scalars import same_class
from driftloop.spec.model_spec import TargetField
from driftloop.spec.numbers import LARGEST
from driftloop.statistics.forecasts import series_losses

Floats = NDArray[np.float64]


def field_losses(field: TargetField, predictions: NDArray[np.generic], labels: NDArray[np.generic]) -> Floats:
    """Losses of one field, by the rule of its `TargetField`; NaN where a number is missing.

    A loss is at most `driftloop.spec.numbers.LARGEST`, so that sums and squares of losses stay finite; that of
    an infinite prediction is infinite.

    >>> field_losses(TargetField(kind="number", tolerance=0.5), np.array([1.0, 2.0]), np.array([1.4, 3.0]))
    array([0., 1.])
    """
    if field.kind == "category":
        return _misses(predictions, labels)
    if field.kind == "series":
        return np.minimum(series_losses(field.quantiles, predictions, labels) / field.scale, LARGEST)
    with np.errstate(over="ignore"):
        gap = labels.astype(np.float64) - predictions.astype(np.float64)
        if field.tolerance is None and field.quantile is not None:
            return np.minimum(pinball_losses(gap, field.quantile) / field.scale, _largest(predictions))
        distance = np.abs(gap)
        if field.tolerance is None:
            return np.minimum(distance / field.scale, _largest(predictions))
    return np.where(np.isnan(distance), np.nan, (distance > field.tolerance).astype(np.float64))


def _largest(predictions: NDArray[np.generic]) -> Floats:
    """The most that a row may lose."""
    return np.where(np.isinf(predictions.astype(np.float64)), np.inf, LARGEST)


def _misses(predictions: NDArray[np.generic], labels: NDArray[np.generic]) -> Floats:
    """1 where two classes differ; two spellings of one class do not (a version may spell them as its rows did)."""
    differ = np.not_equal(predictions, labels)
    wrong: Floats = differ.astype(np.float64)
    if wrong.any() and predictions.dtype == object:
        # few pairs of classes differ, whatever the number of rows: each is looked at once
        pairs = set(zip(predictions[differ].tolist(), labels[differ].tolist(), strict=True))
        for said, true in pairs:
            if isinstance(said, str) and isinstance(true, str) and same_class(true, said):
                wrong[np.equal(predictions, said) & np.equal(labels, true)] = 0.0
    return wrong


def pinball_losses(gaps: Floats, quantile: float) -> Floats:
    """Pinball loss of each row of a forecast of a quantile, by label − prediction; NaN where that is NaN.

    >>> pinball_losses(np.array([2.0, -2.0]), 0.9).round(1)
    array([1.8, 0.2])
    """
    return np.maximum(quantile * gaps, (quantile - 1) * gaps)


def row_losses(
    target: Mapping[str, TargetField],
    predictions: Mapping[str, NDArray[np.generic]],
    labels: Mapping[str, NDArray[np.generic]],
) -> Floats:
    """The mean over the target fields of each row's losses (the loss itself if there is one field)."""
    losses = [field_losses(field, predictions[name], labels[name]) for name, field in target.items()]
    mean: Floats = np.mean(losses, axis=0)
    return mean
