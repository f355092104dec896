"""Figures of forecasts: one loss each, losses by step, coverage of the intervals.

Predictions are rows × (steps × quantiles), all quantiles of the first step first; truths rows × steps, NaN where the
series has a gap. A gap is no error: it is left out of every mean.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from driftloop.spec.forecast import ForecastRule

Floats = NDArray[np.float64]


def step_losses(quantiles: Sequence[float], said: NDArray[np.generic], true: NDArray[np.generic]) -> Floats:
    """Rows × steps: the mean pinball loss of a step's quantiles, its absolute error without any; NaN in a gap.

    >>> step_losses((0.1, 0.9), np.array([[1.0, 3.0, 0.0, 0.0]]), np.array([[4.0, np.nan]])).round(2).tolist()
    [[0.6, nan]]
    """
    truth = np.asarray(true, dtype=np.float64)
    values = np.asarray(said, dtype=np.float64).reshape(*truth.shape, max(1, len(quantiles)))
    with np.errstate(over="ignore", invalid="ignore"):
        gaps = truth[:, :, None] - values
        if not quantiles:
            return np.asarray(np.abs(gaps[:, :, 0]))
        levels = np.asarray(quantiles)
        return np.asarray(np.maximum(levels * gaps, (levels - 1) * gaps).mean(axis=2))


def series_losses(quantiles: Sequence[float], said: NDArray[np.generic], true: NDArray[np.generic]) -> Floats:
    """One loss a forecast: the mean over the steps whose truth is known; NaN where none is.

    >>> series_losses((), np.array([[1.0, 2.0]]), np.array([[2.0, np.nan]])).tolist()
    [1.0]
    """
    return known_mean(step_losses(quantiles, said, true))


def known_mean(values: Floats, axis: int = 1) -> Floats:
    """The mean of what is not NaN; NaN where nothing is.

    >>> known_mean(np.array([[1.0, np.nan], [np.nan, np.nan]])).tolist()
    [1.0, nan]
    """
    known = ~np.isnan(values)
    counts = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    found: Floats = np.divide(total, counts, out=np.full(len(counts), np.nan), where=counts > 0)
    return found


def medians(rule: ForecastRule, said: NDArray[np.generic]) -> Floats:
    """Rows × steps: the value of each step that stands for it."""
    values = np.asarray(said, dtype=np.float64)
    return np.asarray(values.reshape(len(values), rule.horizon, rule.values_a_step)[:, :, rule.middle])


def coverage(rule: ForecastRule, said: Floats, true: Floats) -> float | None:
    """The share of known truths within the outermost quantiles; None without an interval or a truth.

    >>> rule = ForecastRule(horizon=2, step_seconds=1, quantiles=(0.1, 0.9))
    >>> coverage(rule, np.array([[0.0, 2.0, 0.0, 2.0]]), np.array([[1.0, 3.0]]))
    0.5
    """
    known = ~np.isnan(true)
    if rule.values_a_step < 2 or not known.any():
        return None
    values = said.reshape(len(said), rule.horizon, rule.values_a_step)
    inside = (true >= values[:, :, 0]) & (true <= values[:, :, -1])
    return float(inside[known].mean())


def rows_a_horizon(rule: ForecastRule, at: NDArray[np.int64]) -> int:
    """How many forecasts are made within one horizon, by the moments of some of them (milliseconds, ascending).

    >>> rows_a_horizon(ForecastRule(horizon=10, step_seconds=1), np.arange(100) * 2000)
    5
    """
    ordered = np.sort(at)
    ahead = np.searchsorted(ordered, ordered + rule.horizon_ms) - np.arange(len(ordered))
    whole = ahead[ordered + rule.horizon_ms <= ordered[-1]] if len(ordered) else ahead
    return max(1, int(np.median(whole if len(whole) else [len(ordered)])))


PARTS = 8
"""Losses by step are told for so many parts of the horizon."""


def parts_of(rule: ForecastRule) -> list[tuple[str, slice]]:
    """The horizon in parts: `1-12` are its first twelve steps.

    >>> [name for name, _ in parts_of(ForecastRule(horizon=20, step_seconds=1))]
    ['1-3', '4-6', '7-9', '10-12', '13-15', '16-18', '19-20']
    """
    size = -(-rule.horizon // PARTS)
    starts = range(0, rule.horizon, size)
    return [(f"{at + 1}-{min(at + size, rule.horizon)}", slice(at, min(at + size, rule.horizon))) for at in starts]


def errors_beside_lag(
    rule: ForecastRule, said: NDArray[np.generic], lag: NDArray[np.generic], true: NDArray[np.generic]
) -> tuple[float, float] | None:
    """Mean absolute errors of the medians, and of what a lag says, on the steps where lag and truth are known; None
    where there are none.

    >>> rule = ForecastRule(horizon=2, step_seconds=1)
    >>> errors_beside_lag(rule, np.array([[1.0, 9.0]]), np.array([[2.0, np.nan]]), np.array([[4.0, 4.0]]))
    (3.0, 2.0)
    """
    truth, before = np.asarray(true, dtype=np.float64), np.asarray(lag, dtype=np.float64)
    known = ~np.isnan(truth) & ~np.isnan(before)
    if not known.any():
        return None
    ours, theirs = (np.abs(one - truth)[known].mean() for one in (medians(rule, said), before))
    return float(ours), float(theirs)


def forecast_metrics(rule: ForecastRule, said: Floats, true: Floats) -> dict[str, float]:
    """What is told of forecasts beside their mean loss: by part of the horizon, coverage, and errors of the median."""
    losses = step_losses(rule.quantiles, said, true)
    gaps = medians(rule, said) - true
    found = {
        f"loss_steps.{name}": float(np.nanmean(losses[:, part]))
        for name, part in parts_of(rule)
        if _any(losses[:, part])
    }
    if _any(gaps):
        found |= {"mae": float(np.nanmean(np.abs(gaps))), "mse": float(np.nanmean(gaps**2))}
    inside = coverage(rule, said, true)
    return found | ({} if inside is None else {"coverage": inside})


def _any(values: Floats) -> bool:
    return bool((~np.isnan(values)).any())
