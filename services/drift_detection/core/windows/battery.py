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


FIGURES = (
    "psi",
    "ks",
    "missing_share",
    "anomaly_rate",
    "distribution_shift_score",
    "feature_drift_score",
    "shifted_share",
)
"""Of a window: the worst PSI, KS and share of missing values, and the means that S2 scores by."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What is said of a window, in few bytes: every monitor keeps that of its newest one.

    `numbers` are the `FIGURES`, then for each column how far the test that stands highest is over its limit (1 or
    more is an alarm); `tests` says which test that is.
    """

    rows: int
    numbers: Floats
    tests: NDArray[np.uint16]

    @property
    def figures(self) -> dict[str, float]:
        """By their names. Of the columns that rows have of themselves: S2 and S4 know no others."""
        return dict(zip(FIGURES, self.numbers[: len(FIGURES)].tolist(), strict=True))

    @property
    def excess(self) -> list[float]:
        """Of each column."""
        found: list[float] = self.numbers[len(FIGURES) :].tolist()
        return found


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

    def run(self, tallies: Counts, rows: NDArray[np.int64]) -> list[Findings]:
        """The findings of each of some windows of `rows` rows."""
        windows = self.tallied(tallies, rows)
        return self.findings(windows, self.excess(windows))

    def findings(self, windows: TalliedWindows, excess: Floats) -> list[Findings]:
        """The same of windows whose `excess` is known."""
        reference = self.reference
        bins, columns, own = reference.bins, len(reference.columns), reference.own
        present = np.maximum(1 - windows.missing, 1e-12) * windows.rows[:, None]
        means = np.abs(windows.tallies[:, bins : bins + columns] / present / FRACTION)[:, own]
        psi = self.basis.groups.psi(windows.grouped, windows.worth)[:, own]
        worst, ks = excess.max(axis=2), windows.ks[:, own]
        figures = (
            psi.max(axis=1),
            ks.max(axis=1),
            windows.missing[:, own].max(axis=1),
            _means(windows.outliers[:, own]),
            _means(ks),
            _means(means),
            (worst[:, own] >= 1).mean(axis=1),
        )
        numbers = np.concatenate((np.stack(figures, axis=1), worst), axis=1)
        tests = excess.argmax(axis=2).astype(np.uint16)
        each = zip(windows.rows.tolist(), numbers, tests, strict=True)
        return [Findings(rows, one.copy(), highest.copy()) for rows, one, highest in each]

    def excess(self, windows: TalliedWindows) -> Floats:
        """How far each test is over its limit: windows × columns × tests, as statistic ÷ limit."""
        return np.stack([test.excess(windows) for test in self.tests], axis=2)

    def tallied(self, tallies: Counts, rows: NDArray[np.int64]) -> TalliedWindows:
        """Windows of `rows` rows, as the tests take them."""
        return TalliedWindows(self.basis, tallies, rows)


def _means(table: Floats) -> Floats:
    """Of each row. Laid out by rows: sums of floats depend on the layout, and a window is the same among others."""
    found: Floats = np.ascontiguousarray(table).mean(axis=1)
    return found
