"""How a column's values become bins, and what share of rows the reference puts in each.

Why bins: counts are whole numbers, so windows add up exactly in any order, a window of any length
costs the same, and every statistic of a column (KS, PSI, chi-square, ranks, missing, anomalies) can
be read off them. Twenty bins of equal reference share lose less than 1/40 of a KS distance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.kept.pairs import Pairs
from driftloop.contracts.model_profiles import CategoricalProfile, NumericProfile
from driftloop.statistics.columns import ROUNDING
from driftloop.statistics.distribution import share_at_most
from driftloop.statistics.seasons import Season
from driftloop.statistics.steps import FARTHEST, steps_of

Floats = NDArray[np.float64]
Codes = NDArray[np.int32]

BINS = 20
TABLE_ROWS = 1_000
"""Rows that are binned at once before tables are made for them, which small frames of a large fleet are not worth."""
_UNSURE = 255
KEPT_CATEGORIES = 60
KEPT_SHARE = 0.005
ALMOST_ZERO = 1e-12
"""Beside a constant of 0, what is as near as this counts as 0."""


@dataclass(frozen=True)
class ColumnBins:
    """The bins of one column; the last one is for missing values.

    `shares` are of all rows and sum to 1. `low` and `high` are the bins beyond three standard
    deviations (numeric), `rare` and `new` those of categories that are seldom or unseen
    (categorical); −1 where a column has none. `mean` and `deviation` are of a numeric reference.
    """

    name: str
    kind: Literal["number", "category"]
    shares: Floats
    rows: int
    inflation: Sequence[tuple[int, float]]
    edges: Floats
    categories: dict[str, int]
    low: int = -1
    high: int = -1
    rare: int = -1
    new: int = -1
    mean: float = 0.0
    deviation: float = 0.0
    season: Season | None = None
    """What is taken from a number before it is binned."""
    optional: bool = False
    """Whether rows may well have no value: then only those that have one are compared."""

    @property
    def count(self) -> int:
        """Number of bins, the missing one included."""
        return len(self.shares)

    def with_shares(self, shares: Floats, rows: int) -> "ColumnBins":
        """The same bins with the shares of other rows.

        Not by `replace`, which sets each field anew: every segment of a wide model learns hundreds of columns.
        """
        found = object.__new__(ColumnBins)
        found.__dict__.update(self.__dict__, shares=shares, rows=rows)
        return found

    def category_codes(self, codes: Codes, values: Sequence[str]) -> Codes:
        """The bin of each value of a column of text, given as codes into its distinct values, −1 for null."""
        found = [self.categories.get(value, self.new) for value in values]
        places = np.array([*found, self.count - 1], dtype=np.int32)
        picked: Codes = places[codes]
        return picked

    def steps(self, values: Floats) -> Codes:
        """Numbers as whole 1/256ths of a standard deviation from the mean, at most 16 of them; NaN is not allowed."""
        return steps_of(values, self.mean, self.deviation)

    def number_codes(self, values: Floats) -> NDArray[np.integer]:
        """The bin of each number."""
        return self.edges.searchsorted(values, side="left")


class BinOfStep:
    """The bins of numbers of several columns at once: looked up by their steps, eight kilobytes a column.

    A step that holds an edge tells no bin; of the numbers in it the edges below them are counted.
    """

    def __init__(self, columns: Sequence[ColumnBins]) -> None:
        steps = np.arange(-FARTHEST, FARTHEST + 1)
        self._tables = np.zeros((len(columns), len(steps)), dtype=np.uint8)
        self._edges = np.full((len(columns), max(len(column.edges) for column in columns)), np.inf)
        for place, column in enumerate(columns):
            self._edges[place, : len(column.edges)] = column.edges
            at = column.steps(column.edges)
            self._tables[place] = np.where(np.isin(steps, at), _UNSURE, np.searchsorted(at, steps))

    @classmethod
    def of(cls, columns: Sequence[ColumnBins]) -> "BinOfStep | None":
        """None where a column has more bins than a byte tells."""
        return cls(columns) if all(len(column.edges) < _UNSURE for column in columns) else None

    def of_column(self, place: int) -> tuple[NDArray[np.uint8], Floats]:
        """A column's bins by step, and its edges."""
        return self._tables[place], self._edges[place]

    def bins(self, which: Sequence[int], values: Floats, steps: Codes) -> NDArray[np.uint8]:
        """The bin of each number (columns × rows), by the columns' places and the numbers' steps."""
        first = (np.array(which, dtype=np.intp) * self._tables.shape[1] + FARTHEST)[:, None]
        found: NDArray[np.uint8] = self._tables.ravel().take(steps + first, mode="clip")
        if steps.size and steps.min() < -FARTHEST:
            found[steps < -FARTHEST] = _UNSURE  # infinite, in a column that does not vary: it has no step
        unsure = np.flatnonzero(found == _UNSURE)
        if len(unsure):
            edges = self._edges[np.array(which, dtype=np.intp)[unsure // values.shape[1]]]
            found.ravel()[unsure] = np.count_nonzero(edges < values.ravel()[unsure][:, None], axis=1)
        return found


def column_bins(name: str, profile: NumericProfile | CategoricalProfile) -> ColumnBins | None:
    """The bins of a column of numbers or of categories; None for a profile of no rows."""
    return numeric_bins(name, profile) if isinstance(profile, NumericProfile) else categorical_bins(name, profile)


def numeric_bins(name: str, profile: NumericProfile) -> ColumnBins | None:
    """Bins of equal reference share, with one more beyond three standard deviations on either side.

    A column that was one value has a bin for it and one on either side; one that had no value is watched for
    having one. None for a profile of no rows.
    """
    present = profile.rows - profile.missing
    if not profile.rows:
        return None
    if not present:
        return _edged(name, profile, np.array([]), np.array([]))
    quantiles = np.array(profile.quantiles)
    if quantiles[-1] - quantiles[0] <= abs(quantiles[-1]) * ROUNDING:
        return _constant_bins(name, profile, float(quantiles[0] + quantiles[-1]) / 2)
    inner = np.unique(np.quantile(quantiles, np.arange(1, BINS) / BINS, method="nearest"))
    inner = inner[inner < quantiles[-1]]
    deviation = float(np.sqrt(profile.variance))
    low, high = profile.mean - 3 * deviation, profile.mean + 3 * deviation
    first, last = (inner[0], inner[-1]) if len(inner) else (profile.mean, profile.mean)
    watched = deviation > 0 and low < first and high > last
    edges = _widened(np.concatenate(([low], inner, [high])) if watched else inner, profile)
    below = share_at_most(profile, edges) if len(edges) else np.array([])
    if watched:
        out_low, out_high = _outlier_shares(profile, low, high)
        below[0], below[-1] = min(out_low, below[1]), max(1 - out_high, below[-2])
    return _edged(name, profile, edges, below, deviation, watched=watched)


def _constant_bins(name: str, profile: NumericProfile, value: float) -> ColumnBins:
    """The value, and what lies below it or above: values as near as rounding puts them are the same."""
    near = max(abs(value) * ROUNDING, ALMOST_ZERO)
    return _edged(name, profile, np.array([value - near, value + near]), np.array([0.0, 1.0]), watched=True)


def _widened(edges: Floats, profile: NumericProfile) -> Floats:
    """Edges moved up by what rounding to float32 changes: a value on an edge lies below it in either precision.

    Never by as much as a thousandth of a deviation, or as a quarter of the way to the next known value.
    """
    near = np.minimum(np.abs(edges) * ROUNDING, np.sqrt(profile.variance) / 1000)
    if profile.atoms and len(edges):
        values = np.array([value for value, _ in profile.atoms])
        at = np.searchsorted(values, edges - near, side="left")
        following = np.append(values, np.inf)[np.minimum(at + 1, len(values))]
        near = np.minimum(near, np.maximum(following - edges, 0.0) / 4)
    return np.asarray(np.maximum.accumulate(edges + near))


def _edged(
    name: str, profile: NumericProfile, edges: Floats, below: Floats, deviation: float = 0.0, *, watched: bool = False
) -> ColumnBins:
    """A column with these edges, `below` which these shares of the present rows lie; `watched` where both ends are."""
    shares = np.diff(np.concatenate(([0.0], below, [1.0])))
    missing = profile.missing / profile.rows
    return ColumnBins(
        name,
        "number",
        np.append(shares * (1 - missing), missing),
        profile.rows,
        Pairs(profile.inflation),
        edges,
        {},
        low=0 if watched else -1,
        high=len(edges) if watched else -1,
        mean=profile.mean,
        deviation=deviation,
    )


def _outlier_shares(profile: NumericProfile, low: float, high: float) -> tuple[float, float]:
    """The profile's outliers by side: where its values reach beyond one limit only, all are there."""
    reaches_low, reaches_high = profile.quantiles[0] < low, profile.quantiles[-1] > high
    part = {(True, False): 1.0, (False, True): 0.0}.get((reaches_low, reaches_high), 0.5)
    return profile.outlier_share * part, profile.outlier_share * (1 - part)


def categorical_bins(name: str, profile: CategoricalProfile) -> ColumnBins | None:
    """A bin for each category that is not rare, one for the rare, one for those never seen before.

    None for a profile of no rows.
    """
    present = profile.rows - profile.missing
    if not profile.rows:
        return None
    kept = [one for one, rows in profile.counts.items() if rows / profile.rows >= KEPT_SHARE][:KEPT_CATEGORIES]
    places = {category: index for index, category in enumerate(kept)}
    rare = len(kept)
    new = rare if profile.other else rare + 1
    counts = [profile.counts[category] for category in kept]
    left = present - sum(counts)
    shares = np.array([*counts, left, *([] if profile.other else [0]), profile.missing]) / profile.rows
    categories = {category: places.get(category, rare) for category in profile.counts}
    return ColumnBins(
        name, "category", shares, profile.rows, Pairs(profile.inflation), np.array([]), categories, rare=rare, new=new
    )
