"""Every statistic of every column of some windows, from their tallies, in one go.

Six tests a column, each with its limit at one level: *shape* (KS distance), *share* (chi-square over
the bins), *location* and *spread* (rank scores over the bins: Wilcoxon's and Mood's), *missing* and
*outliers* (shares). A window counts for as many rows as are independent by the profile's inflation.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri, ndtri

from drift_detection.core.windows.bins import FRACTION
from drift_detection.core.windows.reference import Reference
from drift_detection.core.windows.rings import Counts

Floats = NDArray[np.float64]

TESTS = ("shape", "share", "location", "spread", "missing", "outliers")
FEWEST_EXPECTED = 10.0
"""Rows that the reference must put in a bin of a window for the bin to be judged by itself."""


@dataclass(frozen=True)
class Limits:
    """Where each test alarms, by column, at a level that is already divided by all that is looked at."""

    level: float
    shape: float
    score: float
    share: Floats


@dataclass(frozen=True)
class Findings:
    """What the battery found, for each window (axis 0) and column (axis 1).

    `excess` has the six tests on axis 2 as statistic ÷ limit: 1 or more is an alarm.
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

    def only(self, window: int) -> Self:
        """The findings of one window."""
        kept = slice(window, window + 1)
        return type(self)(
            self.rows[kept],
            self.ks[kept],
            self.psi[kept],
            self.mean_shift[kept],
            self.variance_ratio[kept],
            self.anomaly_rate[kept],
            self.missing[kept],
            self.excess[kept],
        )


@dataclass(frozen=True)
class Battery:
    """The tests for one reference at one level."""

    reference: Reference
    smallest_window: int
    groups: "Groups"
    limits: Limits
    location: Floats
    spread: Floats

    @classmethod
    def of(cls, reference: Reference, level: float, smallest_window: int) -> Self:
        """The battery at false-alarm level `level` for each test of each column and window."""
        groups = Groups.of(reference, FEWEST_EXPECTED / smallest_window)
        location, spread = _scores(reference)
        limits = Limits(
            level,
            float(np.sqrt(np.log(2 / level) / 2)),
            float(-ndtri(level / 2)),
            chdtri(np.maximum(groups.degrees, 1), level),
        )
        return cls(reference, smallest_window, groups, limits, location, spread)

    def at_level(self, level: float) -> Self:
        """The same battery at another false-alarm level."""
        return self.of(self.reference, level, self.smallest_window)

    def learned(self, tally: Counts, rows: int) -> Self:
        """The battery against rows seen instead of the profile's."""
        return self.of(self.reference.learned(tally, rows), self.limits.level, self.smallest_window)

    def run(self, tallies: Counts, rows: NDArray[np.int64]) -> Findings:
        """The findings for windows of `rows` rows each."""
        reference, columns = self.reference, len(self.reference.columns)
        worth = self._worth(rows)
        shares = tallies[:, : reference.bins] / rows[:, None]
        ks, outliers, missing, excess = self._tests(shares, worth)
        present = np.maximum(1 - missing, 1e-12) * rows[:, None]
        means = tallies[:, reference.bins : reference.bins + columns] / present / FRACTION
        squares = tallies[:, reference.bins + columns :] / present / FRACTION**2
        psi = self.groups.psi(shares, worth)
        return Findings(rows, ks, psi, means, np.maximum(squares - means**2, 0.0), outliers, missing, excess)

    def excess(self, tallies: Counts, rows: NDArray[np.int64]) -> Floats:
        """Of the findings of windows only how far each test stands over its limit."""
        return self._tests(tallies[:, : self.reference.bins] / rows[:, None], self._worth(rows))[3]

    def _worth(self, rows: NDArray[np.int64]) -> Floats:
        lengths, length_of = np.unique(rows, return_inverse=True)
        return np.stack([self.reference.effective_rows(length) for length in lengths.tolist()])[length_of]

    def _tests(self, shares: Floats, worth: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """(KS distances, outliers, missing shares, excess of every test)."""
        starts = self.reference.starts
        difference = shares - self.reference.shares
        root = np.sqrt(worth)
        ks = np.maximum.reduceat(np.abs(np.cumsum(difference, axis=1)), starts, axis=1) * self.numeric
        location = np.add.reduceat(difference * self.location, starts, axis=1) * root
        spread = np.add.reduceat(difference * self.spread, starts, axis=1) * root
        missing, missing_excess = self._shares_of(shares, self._missing_bins, worth)
        outliers, outlier_excess = self._outliers(shares, worth)
        tests = (
            ks * root / self.limits.shape,
            self.groups.chi_square(shares, worth) / self.limits.share,
            np.abs(location) / self.limits.score,
            np.abs(spread) / self.limits.score,
            missing_excess,
            outlier_excess,
        )
        return ks, outliers, missing, np.stack(tests, axis=2)

    @cached_property
    def numeric(self) -> Floats:
        """1 for columns of numbers: categories have no order, so no distribution function."""
        return np.array([float(column.kind == "number") for column in self.reference.columns])

    @property
    def _missing_bins(self) -> NDArray[np.intp]:
        starts = self.reference.starts
        return np.append(starts[1:], self.reference.bins).astype(np.intp) - 1

    def _shares_of(self, shares: Floats, bins: NDArray[np.intp], worth: Floats) -> tuple[Floats, Floats]:
        return shares[:, bins], self._rare_excess(shares[:, bins], self.reference.shares[bins], worth)

    def _outliers(self, shares: Floats, worth: Floats) -> tuple[Floats, Floats]:
        """Outliers of numbers, and categories never seen before."""
        low, high = self.reference.tails
        padded = np.concatenate((shares, np.zeros((len(shares), 1))), axis=1)
        known = np.append(self.reference.shares, 0.0)
        found, expected = padded[:, low] + padded[:, high], known[low] + known[high]
        return found, self._rare_excess(found, expected, worth)

    def _rare_excess(self, found: Floats, expected: Floats, worth: Floats) -> Floats:
        """How far a rare share has risen or fallen, over the limit: by Bernstein's bound, safe for counts near 0.

        The expected share is the reference's with its own uncertainty: 1 is added to its count.
        """
        guarded = np.minimum(expected + 1 / self.reference.rows, 0.5)
        gap = np.abs(found - expected)
        exponent = worth * gap**2 / (2 * (guarded * (1 - guarded) + gap / 3))
        return np.asarray(exponent / np.log(2 / self.limits.level))


def _scores(reference: Reference) -> tuple[Floats, Floats]:
    """Rank scores of each bin with mean 0 and variance 1 under the reference; 0 for missing and for categories."""
    location, spread = np.zeros(reference.bins), np.zeros(reference.bins)
    for start, column in zip(reference.starts, reference.columns, strict=True):
        if column.kind != "number":
            continue
        inside = slice(start, start + column.count - 1)
        shares = column.shares[:-1]
        middle = np.cumsum(shares) - shares / 2
        location[inside] = _standardised(middle, shares)
        spread[inside] = _standardised((middle - middle @ shares / max(shares.sum(), 1e-12)) ** 2, shares)
    return location, spread


def _standardised(scores: Floats, shares: Floats) -> Floats:
    """Scores less their mean, over their standard deviation, under `shares` (which sum to the present share)."""
    mean = float(scores @ shares / max(float(shares.sum()), 1e-12))
    deviation = float(np.sqrt(((scores - mean) ** 2) @ shares))
    return (scores - mean) / deviation if deviation > 1e-9 else np.zeros_like(scores)


@dataclass(frozen=True)
class Groups:
    """Neighbouring bins taken together until the reference expects enough rows in each."""

    starts: NDArray[np.intp]
    columns: NDArray[np.intp]
    """Where each column's groups begin."""
    shares: Floats
    degrees: Floats
    column_of: NDArray[np.intp]

    @classmethod
    def of(cls, reference: Reference, least: float) -> "Groups":
        """Groups of at least `least` of the reference's rows (the whole column where it has less)."""
        starts: list[int] = []
        firsts: list[int] = []
        for start, column in zip(reference.starts, reference.columns, strict=True):
            firsts.append(len(starts))
            starts.extend(int(start) + place for place in _group_starts(column.shares, least))
        shares = np.add.reduceat(reference.shares, starts)
        sizes = np.diff([*firsts, len(starts)])
        column_of = np.repeat(np.arange(len(firsts)), sizes)
        return cls(
            np.array(starts, dtype=np.intp),
            np.array(firsts, dtype=np.intp),
            shares,
            (sizes - 1).astype(np.float64),
            column_of,
        )

    def chi_square(self, shares: Floats, worth: Floats) -> Floats:
        """Chi-square of each column's groups."""
        current = np.add.reduceat(shares, self.starts, axis=1)
        known = np.maximum(self.shares, 1e-9)
        return np.asarray(np.add.reduceat((current - self.shares) ** 2 / known, self.columns, axis=1) * worth)

    def psi(self, shares: Floats, worth: Floats) -> Floats:
        """PSI of each column's groups (half a row added to each, so that none is empty)."""
        current = np.add.reduceat(shares, self.starts, axis=1)
        smooth = 0.5 / worth[:, self.column_of]
        actual, expected = current + smooth, self.shares + smooth
        return np.asarray(np.add.reduceat((actual - expected) * np.log(actual / expected), self.columns, axis=1))


def _group_starts(shares: Floats, least: float) -> list[int]:
    """Where groups begin within a column: a group is closed once it has `least`; a thin tail joins the last."""
    starts, held = [0], 0.0
    for place, share in enumerate(shares):
        if held >= least and float(shares[place:].sum()) >= least:
            starts.append(place)
            held = 0.0
        held += float(share)
    return starts
