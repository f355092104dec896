"""Weights by age: the older a row is, the less a fit counts it.

Why they are given to each fit and do not come with the rows: what counts is how old a row is against the newest one
that is learnt from. Counted from the newest row of all, which is held out, all of a fit's weights could be close to
nothing, and a learner with a penalty of its own would learn nothing.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from driftloop.learners.protocol import Rows
from driftloop.spec.recency import RecencyRule

_DAY_MS = 86_400_000.0


def by_age(rows: Rows, rule: RecencyRule | None) -> Rows:
    """The rows, their weights multiplied by those of their age; as they are where there is no rule.

    Raises ValueError where the rule counts days and the rows have no times.

    >>> by_age(Rows({"x": np.zeros(3)}), RecencyRule(half_life_rows=1)).weights.tolist()
    [0.25, 0.5, 1.0]
    >>> days = np.array([0, 172_800_000])
    >>> by_age(Rows({"x": np.zeros(2)}, weights=np.array([1.0, 0.5]), at=days), RecencyRule(half_life_days=1)).weights
    array([0.25, 0.5 ])
    """
    if rule is None or not len(rows):
        return rows
    share = np.exp2(-_half_lives(rows, rule))
    return replace(rows, weights=share if rows.weights is None else rows.weights * share)


def effective_rows(rows: Rows) -> float:
    """So many rows of equal weight would make an average as certain (Kish): all of them where none is weighed.

    >>> effective_rows(Rows({"x": np.zeros(4)}, weights=np.array([1.0, 1.0, 0.0, 0.0])))
    2.0
    """
    weights = rows.weights
    if weights is None:
        return float(len(rows))
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def _half_lives(rows: Rows, rule: RecencyRule) -> NDArray[np.float64]:
    """The age of each row against the newest one, in half-lives."""
    if rule.half_life_rows is not None:
        return np.arange(len(rows) - 1, -1, -1, dtype=np.float64) / rule.half_life_rows
    if rows.at is None or rule.half_life_days is None:
        raise ValueError("training.recency counts days, and these rows have no times: give half_life_rows instead")
    ages = (rows.at.max() - rows.at).astype(np.float64)
    return np.asarray(ages / (rule.half_life_days * _DAY_MS))
