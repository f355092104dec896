"""Forecasts in detection: one loss each, and a number in place of each list for all that watches numbers."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from driftloop.codec.frames import FEATURE, LABEL, PREDICTION
from driftloop.codec.series import matrix_of
from driftloop.spec.forecast import feature_steps, label_steps, prediction_steps
from driftloop.spec.model_spec import ModelSpec
from driftloop.statistics.forecasts import known_mean, medians
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


def distances(spec: ModelSpec, said: Floats, true: Floats) -> Mapping[str, Floats]:
    """What is measured of a forecast beside its loss, of its medians: means over the steps whose truth is known.

    `percentage` leaves steps whose truth is 0 out, as it does rows of a number.
    """
    assert spec.forecast is not None
    middle = medians(spec.forecast, said)
    gap, size = np.abs(middle - true), np.abs(middle) + np.abs(true)
    percentage = np.divide(gap, np.abs(true), out=np.full_like(gap, np.nan), where=(true != 0) & ~np.isnan(true))
    symmetric = np.where(np.isnan(gap), np.nan, np.divide(2 * gap, size, out=np.zeros_like(gap), where=size > 0))
    by_step = {"absolute": gap, "squared": gap * gap, "percentage": percentage, "symmetric": symmetric}
    return {name: known_mean(values) for name, values in by_step.items()}


def _numbers(values: Floats) -> pa.Array:
    return pa.array(values, pa.float64(), from_pandas=True)
