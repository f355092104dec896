"""Neighbouring bins taken together until the reference expects enough rows in each."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.windows.reference import Reference, columns_alike

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Groups:
    """Groups of the bins of all columns, side by side."""

    starts: NDArray[np.int32]
    columns: NDArray[np.intp]
    """Where each column's groups begin."""
    shares: Floats
    degrees: Floats
    column_of: NDArray[np.int32]

    @classmethod
    def of(cls, reference: Reference, least: float) -> "Groups":
        """Groups of at least `least` of the reference's rows (the whole column where it has less)."""
        begins = np.zeros(reference.bins, dtype=np.bool_)
        for _, bins, shares in columns_alike(reference):
            begins[bins] = _begin_groups(shares, least)
        starts = np.flatnonzero(begins)
        firsts = np.searchsorted(starts, reference.starts)
        shares = np.add.reduceat(reference.shares, starts)
        sizes = np.diff(firsts, append=len(starts))
        column_of = np.repeat(np.arange(len(firsts), dtype=np.int32), sizes)
        return cls(
            starts.astype(np.int32),
            firsts.astype(np.intp),
            shares,
            (sizes - 1).astype(np.float64),
            column_of,
        )

    @cached_property
    def known(self) -> Floats:
        """The shares, none of them 0: to divide by."""
        return np.maximum(self.shares, 1e-9)

    def of_bins(self, shares: Floats) -> Floats:
        """Shares of the groups (windows × groups) from those of the bins."""
        return np.asarray(np.add.reduceat(shares, self.starts, axis=1))

    def psi(self, grouped: Floats, worth: Floats) -> Floats:
        """PSI of each column's groups (half a row added to each, so that none is empty)."""
        smooth = 0.5 / worth[:, self.column_of]
        actual, expected = grouped + smooth, self.shares + smooth
        return np.asarray(np.add.reduceat((actual - expected) * np.log(actual / expected), self.columns, axis=1))


def _begin_groups(shares: Floats, least: float) -> NDArray[np.bool_]:
    """Whether a group begins with each bin (columns × bins): closed once it has `least`; a thin tail joins it."""
    begins, enough = np.zeros(shares.shape, dtype=np.bool_), _are_enough(shares, least)
    begins[:, 0] = True
    held = shares[:, 0].copy()
    for place in range(1, shares.shape[1]):
        fresh = begins[:, place] = (held >= least) & enough[:, place]
        held[fresh] = 0.0
        held += shares[:, place]
    return begins


def _are_enough(shares: Floats, least: float) -> NDArray[np.bool_]:
    """Whether shares from each bin on sum to `least`; they are added up anew only where another order might tell."""
    about = shares[:, ::-1].cumsum(axis=1)[:, ::-1]
    enough = about > least
    for column, place in np.argwhere(np.abs(about - least) <= 1e-9).tolist():
        enough[column, place] = float(shares[column, place:].sum()) >= least
    return enough
