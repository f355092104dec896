"""Forecasts in detection: one loss each, and a number in place of each list for all that watches numbers."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from driftloop.codec.frames import FEATURE, LABEL, PREDICTION
from driftloop.codec.series import matrix_of
from driftloop.spec.forecast import ForecastRule, feature_steps, label_steps, prediction_steps
from driftloop.spec.model_spec import ModelSpec
from driftloop.statistics.forecasts import known_mean, medians, parts_of, step_losses
from driftloop.statistics.watched_series import watched_forecast, watched_number

Floats = NDArray[np.float64]


def series_of(batch: pa.RecordBatch, name: str, steps: int) -> Floats:
    """A column of lists as rows × steps; all NaN where the frame lacks it, or holds it as something else."""
    if name not in batch.schema.names or not pa.types.is_list(batch.schema.field(name).type):
        return np.full((batch.num_rows, steps), np.nan)
    return matrix_of(batch.column(name), steps)


def numbers_of_series(spec: ModelSpec, columns: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    """The columns that stand in place of lists: the mean of each."""
    wanted = {FEATURE + name: feature_steps(spec, name) for name in spec.features}
    wanted |= {LABEL + name: label_steps(spec) for name in spec.target}
    found = {
        name: _numbers(watched_number(matrix_of(columns[name], steps)))
        for name, steps in wanted.items()
        if steps and name in columns and pa.types.is_list(columns[name].type)
    }
    for name in (PREDICTION + field for field in spec.target):
        if name in columns and pa.types.is_list(columns[name].type):
            found[name] = _numbers(watched_forecast(spec, matrix_of(columns[name], prediction_steps(spec))))
    return found


def forecast_measures(spec: ModelSpec) -> tuple[str, ...]:
    """What is measured of a forecast beyond what is of a number: the loss of each part of the horizon, and coverage."""
    rule = spec.forecast
    if rule is None:
        return ()
    covered = ("coverage",) if rule.values_a_step > 1 else ()
    return (*(f"loss_steps:{name}" for name, _ in parts_of(rule)), *covered)


def distances(spec: ModelSpec, said: Floats, true: Floats) -> Mapping[str, Floats]:
    """What is measured of a forecast beside its loss, of its medians: means over the steps whose truth is known.

    `percentage` leaves steps whose truth is 0 out, as it does rows of a number.
    """
    rule = spec.forecast
    assert rule is not None
    middle = medians(rule, said)
    gap, size = np.abs(middle - true), np.abs(middle) + np.abs(true)
    percentage = np.divide(gap, np.abs(true), out=np.full_like(gap, np.nan), where=(true != 0) & ~np.isnan(true))
    symmetric = np.where(np.isnan(gap), np.nan, np.divide(2 * gap, size, out=np.zeros_like(gap), where=size > 0))
    by_step = {"absolute": gap, "squared": gap * gap, "percentage": percentage, "symmetric": symmetric}
    by_step |= _by_part(rule, said, true)
    return {name: known_mean(values) for name, values in by_step.items()}


def _by_part(rule: ForecastRule, said: Floats, true: Floats) -> dict[str, Floats]:
    losses = step_losses(rule.quantiles, said, true)
    found = {f"loss_steps:{name}": losses[:, part] for name, part in parts_of(rule)}
    if rule.values_a_step > 1:
        values = said.reshape(len(said), rule.horizon, rule.values_a_step)
        inside = ((true >= values[:, :, 0]) & (true <= values[:, :, -1])).astype(np.float64)
        found["coverage"] = np.where(np.isnan(true) | np.isnan(values[:, :, 0]), np.nan, inside)
    return found


def _numbers(values: Floats) -> pa.Array:
    return pa.array(values, pa.float64(), from_pandas=True)
