"""Losses of forecasts in blocks, as a detector compares with them."""

import numpy as np
from numpy.typing import NDArray

from driftloop.contracts.model_profiles import BlockProfile
from driftloop.statistics.dependence import lag_correlation

Floats = NDArray[np.float64]

HORIZONS_A_BLOCK = 2
"""Forecasts of one block reach a horizon beyond it, so of three horizons of truths the next block shares one."""
_ENOUGH_TO_VARY, _ENOUGH_TO_CORRELATE = 12, 20
_USUAL_CORRELATION = 0.25
"""Of neighbouring blocks, where they are too few to tell: what the shared horizon makes of independent truths."""


def block_profile(losses: Floats, bound: float, rows_a_horizon: int) -> BlockProfile:
    """The blocks of held-out losses in the order of their origins, clipped at `bound`.

    >>> block_profile(np.ones(100), 2.0, 5)
    BlockProfile(rows=10, count=10, variance=0.0, lag_correlation=0.25)
    """
    rows = HORIZONS_A_BLOCK * rows_a_horizon
    known = np.minimum(losses[~np.isnan(losses)], bound)
    count = len(known) // rows
    means = known[: count * rows].reshape(count, rows).mean(axis=1)
    enough = count >= _ENOUGH_TO_VARY
    variance = float(means.var(ddof=1)) if enough else float(known.var()) if len(known) else 0.0
    correlation = lag_correlation(means) if count >= _ENOUGH_TO_CORRELATE else _USUAL_CORRELATION
    return BlockProfile(rows=rows, count=count, variance=variance, lag_correlation=correlation)
