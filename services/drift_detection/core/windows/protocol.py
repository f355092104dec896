"""What a test of windows promises, and how the tests of a model are found.

Tests are found by entry point, group `driftloop.monitors`; a model's spec names those that watch it
(`detection: {monitors: [shape, share]}`). A new one needs the methods of `WindowTest`, a factory that
takes a `Basis`, and must pass the conformance suite in `tests/unit/drift_detection`.

>>> class LowerHalf:
...     '''Whether as many rows as before lie in the lower half of a column's bins, by Hoeffding's bound.'''
...
...     def __init__(self, basis):
...         self._starts = basis.reference.starts
...         halves = [np.arange(one.count) < one.count // 2 for one in basis.reference.columns]
...         self._lower = np.concatenate(halves)
...         self._limit = float(np.log(2 / basis.level))
...
...     def excess(self, windows):
...         moved = np.add.reduceat(windows.differences * self._lower, self._starts, axis=1)
...         return 2 * windows.worth * moved**2 / self._limit
...
...     def limit(self, column):
...         return self._limit
...
...     def p_value(self, column, value):
...         return float(min(2 * np.exp(-value), 1.0))
>>> from driftloop.tools.bench.windows import monitor_of
>>> column = np.random.default_rng(0).normal(size=2000)
>>> basis = Basis(monitor_of({"x": column}, 1.0, 1).battery.reference, level=0.001, smallest_window=500)
>>> as_before = np.rint(basis.reference.shares * 1000).astype(np.int64)
>>> windows = TalliedWindows(basis, np.array([as_before, np.roll(as_before, 4)]), np.array([1000, 1000]))
>>> LowerHalf(basis).excess(windows).round(2).tolist()
[[0.0], [1.75]]
"""

from collections.abc import Callable
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.windows.tallied import Basis, TalliedWindows
from driftloop.plugins import installed, load

Floats = NDArray[np.float64]


class WindowTest(Protocol):
    """Compares every column of some windows with a reference, at a level.

    What it promises, for every column and window:

    - It is a function of the column's own bins: nothing is remembered, and neither other columns nor the
      windows judged beside it matter (a window has the same excess, to the bit, alone and among others).
    - Its level holds: of windows of independent rows, drawn as the reference's were, at most the share
      `basis.level` is over the limit (what dependence between rows takes away, `worth` has in it).
    - A window with the reference's own shares is under the limit, and a window is never nearer to the
      reference than one between the two (`reference + part × difference`, part under 1).
    - The excess is a finite number ≥ 0, and no step of it warns, whatever the counts: also where a column
      has one value only, where all of its values are missing, or where a bin is empty in the reference.
    """

    def excess(self, windows: TalliedWindows) -> Floats:
        """Statistic ÷ limit (windows × columns): 1 or more is an alarm; 0 if the test does not fit the column."""
        ...

    def limit(self, column: int) -> float:
        """Where the statistic of a column alarms, as signals say it; over 0."""
        ...

    def p_value(self, column: int, value: float) -> float:
        """Chance of a statistic of at least `value` while nothing changes, or a bound of it; the level at the limit."""
        ...


WindowTestFactory = Callable[[Basis], WindowTest]

GROUP = "driftloop.monitors"


def window_tests() -> tuple[str, ...]:
    """Names of every test that is installed.

    >>> {"location", "missing", "outliers", "shape", "share", "spread"} <= set(window_tests())
    True
    """
    return installed(GROUP)


def window_test(name: str) -> WindowTestFactory:
    """The factory of the test called `name`; raises ValueError, with the names that there are, if there is none."""
    return cast("WindowTestFactory", load(GROUP, name))
