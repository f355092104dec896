"""What tests are made for, and windows as they see them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.sliding_windows import Counts
from drift_detection.core.windows.groups import Groups
from drift_detection.core.windows.reference import Reference

Floats = NDArray[np.float64]

FEWEST_EXPECTED = 10.0
"""Rows that the reference must put in a bin of a window for the bin to be judged by itself."""


@dataclass(frozen=True, eq=False)
class Basis:
    """What a test is made for.

    `level` is that of one test on one column of one window: it is divided already by all that is looked
    at. No window that counts has fewer rows than `smallest_window`, those for a second look aside.
    """

    reference: Reference
    level: float
    smallest_window: int

    @cached_property
    def groups(self) -> Groups:
        """Bins taken together so that a window has ten rows in each: for tests that need expected counts."""
        least = FEWEST_EXPECTED / self.smallest_window
        return self.reference.once(("groups", least), lambda: Groups.of(self.reference, least))

    @property
    def numeric(self) -> Floats:
        """1 for columns of numbers: categories have no order, so no distribution function."""
        return self.reference.numeric

    @cached_property
    def missing_bins(self) -> NDArray[np.intp]:
        """The bin of each column's missing values."""
        reference = self.reference
        return reference.once("missing", lambda: np.append(reference.starts[1:], reference.bins).astype(np.intp) - 1)


@dataclass(frozen=True, eq=False)
class TalliedWindows:
    """Some windows by their tallies; what several tests need is worked out once, when it is first asked for.

    `tallies` has a row for each window, `rows` says of how many rows each is (one at least).
    """

    basis: Basis
    tallies: Counts
    rows: NDArray[np.int64]

    def one(self, place: int) -> "TalliedWindows":
        """One of the windows, with all that has been worked out of it."""
        part = slice(place, place + 1)
        found = TalliedWindows(self.basis, self.tallies[part], self.rows[part])
        known = self.__dict__.keys() - found.__dict__.keys()
        found.__dict__.update({name: self.__dict__[name][part] for name in known})
        return found

    @cached_property
    def shares(self) -> Floats:
        """Share of a window's rows in each bin (windows × bins, columns side by side as in the reference).

        Where a value is optional, rows without one are taken to be as the reference is: they tell nothing.
        """
        reference = self.basis.reference
        shares = self.tallies[:, : reference.bins] / self.rows[:, None]
        for bins in reference.optional:
            missing = shares[:, bins.stop - 1].copy()
            if missing.any():
                shares[:, bins.stop - 1] = 0.0
                shares[:, bins] += missing[:, None] * reference.shares[bins]
        return np.asarray(shares)

    @cached_property
    def differences(self) -> Floats:
        """The shares less the reference's."""
        return self.shares - self.basis.reference.shares

    @cached_property
    def worth(self) -> Floats:
        """As how many independent rows each column of a window counts against the reference (windows × columns)."""
        lengths = self.rows.tolist()
        places = {length: place for place, length in enumerate(dict.fromkeys(lengths))}
        each = np.array([self.basis.reference.effective_rows(length) for length in places])
        found: Floats = each[[places[length] for length in lengths]]
        return found

    @cached_property
    def root_worth(self) -> Floats:
        """The square root of it."""
        return np.sqrt(self.worth)

    @cached_property
    def ks(self) -> Floats:
        """KS distance of each column (windows × columns), 0 for categories."""
        distances = np.abs(np.cumsum(self.differences, axis=1))
        return np.asarray(np.maximum.reduceat(distances, self.basis.reference.starts, axis=1) * self.basis.numeric)

    @cached_property
    def grouped(self) -> Floats:
        """Share of a window's rows in each group of bins (windows × groups)."""
        return self.basis.groups.of_bins(self.shares)

    @cached_property
    def missing(self) -> Floats:
        """Share of missing values (windows × columns)."""
        return self.shares[:, self.basis.missing_bins]

    @cached_property
    def outliers(self) -> Floats:
        """Share of outliers of numbers, and of categories never seen before (windows × columns)."""
        low, high = self.basis.reference.tails
        padded = np.concatenate((self.shares, np.zeros((len(self.shares), 1))), axis=1)
        return np.asarray(padded[:, low] + padded[:, high])
