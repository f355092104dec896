"""How wide the intervals of a `tft` are: measured on rows that a fit had not learnt, from the newest origin there is.

A row that was learnt says little of how far off a forecast is. So a row counts here only if a fit of rows before it,
a horizon apart, forecast it. The fit that is validated forecasts the rows that it watches. A refit has learnt those
and all that came later, so it has a second fit of all of its rows but the newest, which forecasts those.

Why not the width of the validated fit for both: if a series has changed, that fit knows nothing or little of it, and
its width is too wide for a version that does. Why not rows from between those that are learnt: they are easier than
those to come, and the width is too narrow.

A warm start goes on from a base that has learnt rows of its own, often of the same window. Rows that reach back into
what it learnt do not count either; where too few are left, the width stays the base's. Of a base that does not tell
until when it learnt (an earlier release saved it), all rows count.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from driftloop.learners.protocol import Rows
from driftloop.learners.tft_model import TftModel
from driftloop.spec.model_spec import ModelSpec

Floats = NDArray[np.float64]
_WIDEST = 3.0
_FEWEST_ROWS = 20


def misses(model: TftModel, rows: Rows) -> Floats:
    """How far off each known truth is of rows that the model has not learnt, in distances from the median to the end
    of the model's own interval on that side: 1 lies on the end. Empty without an interval, or of fewer than 20 rows.
    """
    if len(model.quantiles) < 2 or len(rows) < _FEWEST_ROWS:
        return np.empty(0)
    rule, name = model.spec.forecast, next(iter(model.spec.target))
    assert rule is not None
    said = replace(model, widen=1.0).predict(rows).fields[name].reshape(len(rows), rule.horizon, -1)
    middle = said[:, :, rule.middle]
    gap = np.asarray(rows.labels[name], dtype=np.float64) - middle
    side = np.where(gap > 0, said[:, :, -1] - middle, middle - said[:, :, 0])
    known = ~np.isnan(gap) & (side > 1e-9)
    return np.asarray(np.abs(gap[known]) / side[known])


def widened(model: TftModel, missed: Floats) -> TftModel:
    """The model with intervals that would have covered the declared share of the truths that were so far off.

    By a third to three times as wide as the network says; the model as it is where there are none.
    """
    if not len(missed):
        return model
    share = model.quantiles[-1] - model.quantiles[0]
    factor = float(np.clip(np.quantile(missed, share), 1 / _WIDEST, _WIDEST))
    return replace(model, widen=round(factor, 6))


def learnt_until(spec: ModelSpec, rows: Rows, base: TftModel | None) -> int | None:
    """When the last truth of these rows, or of those that the base learnt, became known (ms); None: no row tells."""
    known = [base.learnt_until] if base is not None and base.learnt_until is not None else []
    if rows.at is not None and len(rows) and spec.forecast is not None:
        known.append(int(rows.at.max()) + spec.forecast.horizon_ms)
    return max(known, default=None)


def unlearnt(rows: Rows, base: TftModel | None) -> Rows:
    """The rows whose forecasts were made when all that the base learnt was over."""
    if base is None or base.learnt_until is None or rows.at is None:
        return rows
    return rows.take(np.flatnonzero(rows.at >= base.learnt_until))


def newest_apart(spec: ModelSpec, rows: Rows, base: TftModel | None = None) -> tuple[Rows, Rows] | None:
    """The rows that end before the newest are made, and of the newest `validation_share` those that the base has not
    learnt. None if too few.

    Rows stand in stream order, newest last. Those before weigh as much against each other as in `rows`, the heaviest
    of them 1: counted from rows that are put aside, weights by age could be close to nothing.
    """
    rule = spec.forecast
    newest = round(spec.training.validation_share * len(rows))
    cut = len(rows) - newest
    if rule is None or newest < _FEWEST_ROWS or len(rule.quantiles) < 2:
        return None
    apart = unlearnt(rows.take(slice(cut, len(rows))), base)
    if len(apart) < _FEWEST_ROWS:
        return None
    before = np.arange(cut)
    if rows.at is not None:
        before = before[rows.at[:cut] + rule.horizon_ms <= rows.at[cut:].min()]
    learnt = _with_weight(rows.take(before))
    return (learnt, apart) if learnt is not None else None


def _with_weight(rows: Rows) -> Rows | None:
    """The rows with weights of which the largest is 1; None if none of them has any weight."""
    if not len(rows) or rows.weights is None:
        return rows if len(rows) else None
    heaviest = float(rows.weights.max())
    return replace(rows, weights=rows.weights / heaviest) if heaviest > 0 else None
