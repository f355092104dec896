"""Every statistic of every column of some windows, from their tallies, in one go.

The tests are those that the model's spec names (`protocol.py` says what one is), each with its limit at
one level. A window counts for as many rows as are independent by the profile's inflation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.sliding_windows import Counts
from drift_detection.core.windows.protocol import WindowTest, window_test
from drift_detection.core.windows.reference import Reference
from drift_detection.core.windows.tallied import Basis, TalliedWindows
from driftloop.spec.model_spec import MONITORS
from driftloop.statistics.steps import FRACTION

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Findings:
    """What the battery found, for each window (axis 0) and column (axis 1).

    `excess` has the tests on axis 2 as statistic ÷ limit: 1 or more is an alarm.
    """

    rows: NDArray[np.int64]
    ks: Floats
    psi: Floats
    mean_shift: Floats
    """Difference of means in reference standard deviations."""
    variance_ratio: Floats
    anomaly_rate: Floats
    missing: Floats
    excess: Floats


@dataclass(frozen=True, eq=False)
class Battery:
    """The tests for one reference at one level, in the order of their names in the spec."""

    basis: Basis
    names: tuple[str, ...]
    tests: tuple[WindowTest, ...]

    @classmethod
    def of(cls, reference: Reference, level: float, smallest_window: int, names: Sequence[str] = MONITORS) -> Self:
        """The battery at false-alarm level `level` for each test of each column and window.

        Raises ValueError for a name that is not installed.
        """
        basis = Basis(reference, level, smallest_window)
        return cls(basis, tuple(names), tuple(window_test(name)(basis) for name in names))

    @property
    def reference(self) -> Reference:
        """What windows are compared with."""
        return self.basis.reference

    def at_level(self, level: float) -> Self:
        """The same battery at another false-alarm level."""
        return self.of(self.reference, level, self.basis.smallest_window, self.names)

    def learned(self, tally: Counts, rows: int) -> Self:
        """The battery against rows seen instead of the profile's."""
        return self.of(self.reference.learned(tally, rows), self.basis.level, self.basis.smallest_window, self.names)

    def run(self, tallies: Counts, rows: NDArray[np.int64]) -> Findings:
        """The findings for windows of `rows` rows each."""
        windows = TalliedWindows(self.basis, tallies, rows)
        bins, columns = self.reference.bins, len(self.reference.columns)
        present = np.maximum(1 - windows.missing, 1e-12) * rows[:, None]
        means = tallies[:, bins : bins + columns] / present / FRACTION
        squares = tallies[:, bins + columns :] / present / FRACTION**2
        return Findings(
            rows,
            windows.ks,
            self.basis.groups.psi(windows.grouped, windows.worth),
            means,
            np.maximum(squares - means**2, 0.0),
            windows.outliers,
            windows.missing,
            self._excess(windows),
        )

    def excess(self, tallies: Counts, rows: NDArray[np.int64]) -> Floats:
        """How far each test is over its limit in each window."""
        return self._excess(TalliedWindows(self.basis, tallies, rows))

    def _excess(self, windows: TalliedWindows) -> Floats:
        return np.stack([test.excess(windows) for test in self.tests], axis=2)
