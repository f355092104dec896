"""Neighbouring bins taken together until the reference expects enough rows in each."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.windows.reference import Reference

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
        starts: list[int] = []
        firsts: list[int] = []
        for start, column in zip(reference.starts, reference.columns, strict=True):
            firsts.append(len(starts))
            starts.extend(int(start) + place for place in _group_starts(column.shares, least))
        shares = np.add.reduceat(reference.shares, starts)
        sizes = np.diff([*firsts, len(starts)])
        column_of = np.repeat(np.arange(len(firsts), dtype=np.int32), sizes)
        return cls(
            np.array(starts, dtype=np.int32),
            np.array(firsts, dtype=np.intp),
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


def _group_starts(shares: Floats, least: float) -> list[int]:
    """Where groups begin within a column: a group is closed once it has `least`; a thin tail joins the last."""
    starts, held = [0], 0.0
    for place, (share, left) in enumerate(zip(shares.tolist(), shares[::-1].cumsum()[::-1].tolist(), strict=True)):
        if held >= least and _is_enough(shares[place:], left, least):
            starts.append(place)
            held = 0.0
        held += share
    return starts


def _is_enough(shares: Floats, about: float, least: float) -> bool:
    """Whether shares sum to `least`; they are added up only where what they sum to in another order does not tell."""
    return about > least if abs(about - least) > 1e-9 else float(shares.sum()) >= least
