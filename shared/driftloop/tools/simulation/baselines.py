"""Forecasts that cost nothing, made as good as they can be: each has the interval that its own errors ask for.

Why an interval: a single value given for all quantiles loses by that alone, and a network that beat it would have
shown little.
"""

import numpy as np
from numpy.typing import NDArray

from driftloop.spec.forecast import ForecastRule
from driftloop.statistics.forecasts import series_losses
from driftloop.tools.simulation.server_rows import ForecastRows

Floats = NDArray[np.float64]


def baseline_losses(rule: ForecastRule, rows: ForecastRows, until: int, last: int) -> dict[str, float]:
    """Mean losses of the last `last` rows before `until`: of what was a day ago, and of the mean of two days.

    Their intervals are the quantiles of their errors on the rows of the two days before those.
    """
    a_day, two_days = rows.features["cpu_a_day_ago"], rows.features["cpu_two_days_ago"]
    truth = rows.labels["cpu"]
    judged, before = slice(until - last, until), slice(max(0, until - last - 720), until - last)
    found = {}
    for name, said in (("seasonal_naive", a_day), ("two_day_mean", _mean(a_day, two_days))):
        errors = np.nanquantile(truth[before] - said[before], rule.quantiles)
        filled = np.where(np.isnan(said), np.nanmean(said), said)[judged]
        interval = (filled[:, :, None] + errors).reshape(len(filled), -1)
        found[name] = float(series_losses(rule.quantiles, interval, truth[judged]).mean())
    return found


def _mean(one: Floats, other: Floats) -> Floats:
    """The mean of two, or the one that is known."""
    return np.where(np.isnan(one), other, np.where(np.isnan(other), one, (one + other) / 2))
