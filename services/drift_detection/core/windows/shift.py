"""A shift that is news, with its evidence."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, erfc

from drift_detection.core.windows.battery import TESTS, Battery
from drift_detection.core.windows.rings import Window

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shift:
    """A column that shifted, raised when the stream's block number `block` closed."""

    block: int
    column: int
    test: str
    statistic: float
    limit: float
    p_value: float
    rows: int
    share: dict[str, float]
    """Columns over their limits, with their parts in the whole shift."""
    again: bool = False
    """Whether the columns had shifted before, and did not come to rest there."""


def shift_of(battery: Battery, window: Window, excess: Floats, fresh: Sequence[int], *, again: bool = False) -> Shift:
    """The shift of the column among `fresh` that stands farthest over its limit; `excess` is (columns × tests)."""
    column = max(fresh, key=lambda one: float(excess[one].max()))
    test = int(excess[column].argmax())
    limit, most = _limit(battery, column, test), float(excess[column, test])
    over = np.flatnonzero(excess.max(axis=1) >= 1)
    weights = {battery.reference.columns[int(one)].name: float(excess[int(one)].max()) ** 2 for one in over}
    total = sum(weights.values())
    ranked = sorted(weights.items(), key=lambda entry: (-entry[1], entry[0]))
    parts = {name: round(weight / total, 6) for name, weight in ranked[:20]}
    p_value = _p_value(battery, column, test, most * limit)
    return Shift(window.block, column, TESTS[test], most * limit, limit, p_value, window.rows, parts, again)


def _limit(battery: Battery, column: int, test: int) -> float:
    limits = battery.limits
    rare = float(np.log(2 / limits.level))
    return (limits.shape, float(limits.share[column]), limits.score, limits.score, rare, rare)[test]


def _p_value(battery: Battery, column: int, test: int, value: float) -> float:
    if test == 0:
        return float(min(2 * np.exp(-2 * value**2), 1.0))
    if test == 1:
        return float(chdtrc(max(battery.groups.degrees[column], 1), value))
    return float(erfc(value / np.sqrt(2))) if test in {2, 3} else float(min(2 * np.exp(-value), 1.0))
