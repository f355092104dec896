"""Numeric labels that cannot be meant: an end-of-line 999999999 among prices.

Why not so many interquartile ranges from the median: where three quarters of a target are 0 the range is next to
0, and every claim, sale or outage would be left out. Three things have to come together instead. The label lies
beyond what the tail of the others explains, heavy as it may be; between it and the next one is a gap of a factor
of ten, because a true tail has none; and there are few of them. Distances are compared as logarithms, each
distinct one once, and those of labels that equal the median are left aside: however many zeros there are, they
say nothing about the tail.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TAIL_SPREADS = 7.0
"""So many spreads of the logarithm of the distance from the median; for a normal target that is fifty deviations."""
GAP = 10.0
"""A label that cannot be meant is so many times as far from the median as the next nearer one, at least."""
MOST = 0.01
"""At most this share of the rows (and one row always): more of them are no slips."""
_LEAST_SPREAD = 0.5
_NORMAL_SHARE = 0.6
"""For a normal target, the spread up to the third quartile over that up to the ninth decile."""


def absurd(values: Floats) -> NDArray[np.bool_]:
    """Which of some numbers cannot be meant.

    >>> absurd(np.array([1.0, 2.0, 3.0, 4.0, 1e9])).tolist()
    [False, False, False, False, True]
    >>> claims = np.where(np.arange(1000) % 4, 0.0, np.exp(np.linspace(0, 9, 1000)))
    >>> int(absurd(claims).sum())
    0
    """
    distance = np.abs(values - np.quantile(values, 0.5, method="lower"))
    known, counts = np.unique(distance[distance > 0], return_counts=True)
    if len(known) < 2:
        return np.zeros(len(values), dtype=np.bool_)
    logs = np.log(known)
    middle, upper, far = np.quantile(logs, [0.5, 0.75, 0.9], method="lower")
    spread = max(upper - middle, _NORMAL_SHARE * (far - middle), _LEAST_SPREAD)
    few = np.cumsum(counts[::-1])[::-1][1:] <= max(1.0, MOST * len(values))
    starts = few & (np.diff(logs) >= np.log(GAP)) & (logs[1:] > middle + TAIL_SPREADS * spread)
    if not starts.any():
        return np.zeros(len(values), dtype=np.bool_)
    return np.asarray(distance >= known[1:][starts][0])
