"""A series as one number, for what watches numbers: windows, profiles, label shifts.

The mean of its known values (of a forecast: of its medians). A model's owner who wants the spread of the past or its
newest value watched sends it as a feature of its own.
"""

import numpy as np

from driftloop.learners.protocol import Column, Predictions, Rows
from driftloop.spec.model_spec import ModelSpec
from driftloop.statistics.forecasts import Floats, known_mean, medians


def watched_number(matrix: Column) -> Floats:
    """One number a row: the mean of what is known; NaN where nothing is, or there are no steps."""
    return known_mean(np.asarray(matrix, dtype=np.float64)) if matrix.shape[1] else np.full(len(matrix), np.nan)


def watched_forecast(spec: ModelSpec, said: Column) -> Floats:
    """One number a forecast: the mean of its medians over the horizon."""
    rule = spec.forecast
    return watched_number(said if rule is None else medians(rule, said))


def watched_rows(spec: ModelSpec, rows: Rows) -> Rows:
    """The rows with a number in place of each series; numbers stay."""
    series = {name for name, feature in spec.features.items() if feature.kind == "series"}
    features = {
        name: watched_number(one) if name in series and one.ndim == 2 else one for name, one in rows.features.items()
    }
    labels = {name: watched_number(one) if one.ndim == 2 else one for name, one in rows.labels.items()}
    return Rows(features, labels, rows.weights, rows.at)


def watched_predictions(spec: ModelSpec, said: Predictions) -> Predictions:
    """The predictions with a number in place of each forecast; numbers stay."""
    fields = {name: watched_forecast(spec, one) if one.ndim == 2 else one for name, one in said.fields.items()}
    return Predictions(fields, said.confidence)
