"""A shift that is news, with its evidence."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.sliding_windows import Window
from drift_detection.core.windows.battery import Battery

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
    place = int(excess[column].argmax())
    test, name, most = battery.tests[place], battery.names[place], float(excess[column, place])
    over = np.flatnonzero(excess.max(axis=1) >= 1)
    weights = {battery.reference.columns[int(one)].name: float(excess[int(one)].max()) ** 2 for one in over}
    total = sum(weights.values())
    ranked = sorted(weights.items(), key=lambda entry: (-entry[1], entry[0]))
    parts = {name: round(weight / total, 6) for name, weight in ranked[:20]}
    limit = test.limit(column)
    p_value = test.p_value(column, most * limit)
    return Shift(window.block, column, name, most * limit, limit, p_value, window.rows, parts, again)
