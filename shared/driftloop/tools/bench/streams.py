"""Streams for benchmarks: what they hold is known, and a seed gives the same rows for ever."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

Floats = NDArray[np.float64]
LossKind = Literal["skewed", "heavy-tailed", "autocorrelated"]

LOSS_KINDS: tuple[LossKind, ...] = ("skewed", "heavy-tailed", "autocorrelated")
BEFORE = 10_000
AFTER = 10_000
BASE = 0.1
RISES: Mapping[str, float] = {"0.1->0.3": 0.3, "0.1->0.2": 0.2, "0.1->0.15": 0.15}
RAMP = "0.1->0.3 over 5000"
IMPROVEMENT = "0.3->0.1"


def errors(shares: Floats | float, rows: int, seed: int) -> Floats:
    """0/1 errors with the given share of ones, row by row.

    >>> errors(0.5, 4, seed=1)
    array([0., 0., 1., 0.])
    """
    return (np.random.default_rng(seed).random(rows) < shares).astype(np.float64)


def change(name: str, seed: int) -> Floats:
    """10,000 rows before and 10,000 after a change that `RISES`, `RAMP` or `IMPROVEMENT` names."""
    after: Floats
    if name == RAMP:
        after = np.minimum(BASE + 0.2 * np.arange(AFTER) / 5000, 0.3)
    elif name == IMPROVEMENT:
        after = np.full(AFTER, BASE)
    else:
        after = np.full(AFTER, RISES[name])
    before = np.full(BEFORE, 0.3 if name == IMPROVEMENT else BASE)
    return errors(np.concatenate((before, after)), BEFORE + AFTER, seed)


def losses(kind: LossKind, rows: int, seed: int) -> Floats:
    """Losses of a regression: log-normal, |t₃|, or with neighbours correlated at 0.5.

    >>> losses("skewed", 2, seed=1).round(3)
    array([1.413, 2.274])
    """
    rng = np.random.default_rng(seed)
    if kind == "skewed":
        return np.exp(rng.normal(size=rows))
    if kind == "heavy-tailed":
        return np.abs(rng.standard_t(3, size=rows))
    fresh = rng.exponential(size=rows + 100)
    return np.asarray(lfilter([1.0], [1.0, -0.5], fresh)[100:], dtype=np.float64)
