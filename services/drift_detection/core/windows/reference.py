"""All the bins of a version's columns in one row of counts, so that windows are compared in one step."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import ModuleType
from typing import Protocol, TypeVar, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drift_detection.core.kept.kept_profile import KeptProfile
from drift_detection.core.loops.kernels import FRAME
from drift_detection.core.rows import Coded, numbers
from drift_detection.core.sliding_windows import Counts, Cut
from drift_detection.core.windows.bins import TABLE_ROWS, BinOfStep, Codes, ColumnBins
from driftloop.statistics.dependence import inflation_at
from driftloop.statistics.embeddings import Embedding
from driftloop.statistics.joint import Directions
from driftloop.statistics.seasons import hours_of_week
from driftloop.statistics.steps import scaled_steps, steps_in_one

Floats = NDArray[np.float64]
T = TypeVar("T")
Rows = NDArray[np.intp] | slice
_NO_HOURS = np.empty(0, dtype=np.int64)
_AT_ONCE = 16
"""Columns that are binned or counted in one pass: so many of a frame stay in the processor's cache."""
_LENGTHS = 256
"""Lengths of windows of which it is remembered what they are worth: windows of time have any number of rows."""

JOINT = ("multivariate.distance", "multivariate.residual")
"""Columns that tell how the numeric features go together."""
_OF_BINS = ("own", "starts", "bins", "scales", "bin_of_step", "tails", "optional", "numeric")
"""What a reference knows of its bins, whatever their shares are: those that are learned have it in common."""


class BinnedRows(Protocol):
    """Rows that can be binned; those of a frame can."""

    @property
    def seen(self) -> NDArray[np.intp]:
        """The rows that count."""
        ...

    @property
    def predicted_at(self) -> NDArray[np.int64]:
        """When each row was predicted, in milliseconds since 1970."""
        ...

    def __len__(self) -> int: ...

    def column(self, name: str) -> pa.Array | None:
        """A column, None if it is not there."""
        ...

    def coded(self, name: str) -> Coded:
        """A column of text as codes into its distinct values."""
        ...


@dataclass(frozen=True)
class Reference:
    """What windows of a version's rows are compared with.

    A *tally* is one row of counts: `bins` counts of all columns side by side, then for each column
    the sum and the sum of squares of its standardised values.
    """

    version: str
    columns: tuple[ColumnBins, ...]
    profile: KeptProfile
    labels: "Reference | None" = None
    """The same of the labels that the version learnt from; None where there are none."""
    beside: int = 0
    """Columns of the whole model that have shares in its budget beside these."""
    joint: "Joint | None" = None
    """How two columns more, the last ones, come from those of the features."""
    embeddings: Mapping[str, Embedding] = field(default_factory=dict)
    """How columns `NAME/FIGURE` come from the column NAME of texts or vectors."""
    _inflated: dict[int, Floats] = field(default_factory=dict, repr=False, compare=False)
    """By how much dependence inflates a run of so many rows, by column: the same for what segments have learned."""

    @cached_property
    def own(self) -> slice:
        """The columns that rows have of themselves: all but those that tell how features go together."""
        return slice(0, len(self.columns) - (len(JOINT) if self.joint else 0))

    @cached_property
    def starts(self) -> NDArray[np.intp]:
        """Where each column's bins begin."""
        return np.concatenate(([0], np.cumsum([column.count for column in self.columns])))[:-1].astype(np.intp)

    @cached_property
    def bins(self) -> int:
        """Bins of all columns together."""
        return sum(column.count for column in self.columns)

    @property
    def width(self) -> int:
        """Numbers in a tally."""
        return self.bins + 2 * len(self.columns)

    @cached_property
    def scales(self) -> tuple[Floats, Floats]:
        """Mean of each column, and steps in one unit of it."""
        means = np.array([column.mean for column in self.columns])
        return means, np.array([steps_in_one(column.deviation) for column in self.columns])

    @cached_property
    def bin_of_step(self) -> BinOfStep | None:
        """Tables that bin many rows of numbers at once."""
        return BinOfStep.of(self.columns)

    @cached_property
    def shares(self) -> Floats:
        """Reference share of every bin."""
        return np.concatenate([column.shares for column in self.columns])

    @cached_property
    def rows(self) -> Floats:
        """Reference rows of each column."""
        return np.array([max(column.rows, 1) for column in self.columns], dtype=np.float64)

    @cached_property
    def tails(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The bins of each column's outliers (of categories: those never seen before); `bins` where it has none."""
        low, high = [], []
        for start, column in zip(self.starts.tolist(), self.columns, strict=True):
            first = column.low if column.kind == "number" else column.new
            watched = first >= 0 and first != column.rare
            low.append(start + first if watched else self.bins)
            high.append(start + column.high if watched and column.kind == "number" else self.bins)
        return np.array(low, dtype=np.intp), np.array(high, dtype=np.intp)

    @cached_property
    def optional(self) -> tuple[slice, ...]:
        """The bins of each column that rows may have no value in."""
        places = zip(self.starts.tolist(), self.columns, strict=True)
        return tuple(slice(start, start + column.count) for start, column in places if column.optional)

    @cached_property
    def numeric(self) -> Floats:
        """1 for columns of numbers: categories have no order, so no distribution function."""
        return np.array([float(column.kind == "number") for column in self.columns])

    def effective_rows(self, window_rows: int) -> Floats:
        """Independent rows that a window against the reference is worth, by column."""
        known = self._worth.get(window_rows)
        if known is None:
            if len(self._worth) >= _LENGTHS:
                self._worth.clear()
            known = self._worth[window_rows] = 1 / (self._inflation(window_rows) / window_rows + self._own_worth)
        return known

    def _inflation(self, rows: int) -> Floats:
        known = self._inflated.get(rows)
        if known is None:
            if len(self._inflated) >= _LENGTHS:
                self._inflated.clear()
            known = np.array([inflation_at(column.inflation, rows) for column in self.columns])
            self._inflated[rows] = known
        return known

    @cached_property
    def _worth(self) -> dict[int, Floats]:
        return {}

    @cached_property
    def _own_worth(self) -> Floats:
        """Of each column, one over the independent rows of the reference."""
        rows = self.columns[0].rows
        if all(column.rows == rows for column in self.columns):
            return self._inflation(rows) / max(rows, 1)
        inflated = [inflation_at(column.inflation, column.rows) / max(column.rows, 1) for column in self.columns]
        return np.array(inflated)

    def once(self, name: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, made once: what tests need of a reference is the same at every level."""
        if name not in self._made:
            self._made[name] = make()
        return cast("T", self._made[name])

    @cached_property
    def _made(self) -> dict[Hashable, object]:
        return {}

    def learned(self, tally: Counts, rows: int) -> "Reference":
        """The same bins with the shares of `rows` rows seen: for a segment, whose rows differ from the model's."""
        shares = tally[: self.bins] / rows
        columns = []
        for start, column in zip(self.starts.tolist(), self.columns, strict=True):
            of_column, seen = slice(start, start + column.count), rows
            if column.optional and (missing := int(tally[of_column.stop - 1])):
                seen = rows - missing
                shares[of_column] = np.append(tally[of_column][:-1] / seen, 0.0) if seen else column.shares
            columns.append(column.with_shares(shares[of_column], seen or column.rows))
        found = replace(self, columns=tuple(columns))
        found.__dict__.update({name: self.__dict__[name] for name in _OF_BINS if name in self.__dict__}, shares=shares)
        return found

    def sharing(self, segment: str) -> int:
        """How many columns of a segment, or of the whole model, have a share in the budget."""
        return len(self.columns) + (0 if segment else self.beside)

    def tallies(self, rows: "BinnedRows") -> "FrameTallies":
        """The bins of the rows that are seen for the first time."""
        return FrameTallies(self, rows, FRAME.for_size(len(rows.seen)))


def columns_alike(reference: Reference) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], Floats]]:
    """Columns that have as many bins: their places, and the place and share of each bin (columns × bins).

    What is worked out of one column's shares after the other takes as many passes as there are columns; of a
    table of them, one.
    """
    counts = np.diff(reference.starts, append=reference.bins)
    for count in np.unique(counts).tolist():
        columns = np.flatnonzero(counts == count)
        bins = reference.starts[columns][:, None] + np.arange(count)
        yield columns, bins, reference.shares[bins]


@dataclass(frozen=True)
class Joint:
    """Along which directions rows are measured, and which columns they are directions of."""

    directions: Directions
    features: NDArray[np.intp]


def _figures_of(reference: Reference, rows: BinnedRows, which: pa.Array | None) -> dict[str, Floats]:
    """Figures of texts and vectors, by the names of their columns; none of a feature that is not there."""
    found: dict[str, Floats] = {}
    for name, embedding in reference.embeddings.items():
        column = rows.column(name)
        if column is not None and pa.types.is_string(column.type):
            picked = (column if which is None else column.take(which)).to_pylist()
            found |= {f"{name}/{figure}": values for figure, values in embedding.figures(picked).items()}
    return found


class FrameTallies:
    """The binned rows of a frame, from which the tallies of any of its rows are counted; by compiled loops if given."""

    def __init__(self, reference: Reference, rows: BinnedRows, kernel: ModuleType | None = None) -> None:
        self._reference, self._kernel = reference, kernel
        count = len(rows.seen)
        which = None if count == len(rows) else pa.array(rows.seen)
        self._all = np.arange(count)
        self._codes = np.empty((len(reference.columns), count), dtype=np.int32)
        self._steps = np.zeros((len(reference.columns), count), dtype=np.int32)
        seasonal = any(column.season is not None for column in reference.columns)
        hours = hours_of_week(rows.predicted_at[rows.seen]) if seasonal else _NO_HOURS
        places = list(enumerate(zip(reference.starts.tolist(), reference.columns, strict=True)))
        figures = _figures_of(reference, rows, which)
        plain: list[tuple[int, Floats]] = []
        for index, (start, column) in places[reference.own]:
            if column.name in figures:
                plain.append((index, figures[column.name]))
                continue
            found = rows.column(column.name)
            if found is None or pa.types.is_string(found.type) != (column.kind == "category"):
                self._codes[index] = start + column.count - 1
                continue
            if column.kind == "category":
                codes, names = rows.coded(column.name)
                binned = column.category_codes(codes if which is None else codes[rows.seen], names)
                np.add(binned, start, out=self._codes[index])
            else:
                values = numbers(found if which is None else found.take(which))
                if column.season is not None:
                    values = column.season.removed(values, hours)
                plain.append((index, values))
        for first in range(0, len(plain), _AT_ONCE):
            self._take_many(plain[first : first + _AT_ONCE])
        if reference.joint is not None and count:
            values = reference.joint.directions.distances(self._steps[reference.joint.features])
            self._take_many(
                [(index, one) for (index, _), one in zip(places[reference.own.stop :], values, strict=True)]
            )

    def _take_many(self, columns: Sequence[tuple[int, Floats]]) -> None:
        """Steps and bins of columns of numbers, by their places: what is the same of all is done in one pass."""
        reference = self._reference
        if self._kernel is not None and reference.bin_of_step is not None:
            for index, values in columns:
                self._take_one(index, np.ascontiguousarray(values, dtype=np.float64), reference.bin_of_step)
            return
        which = [index for index, _ in columns]
        table = np.array([values for _, values in columns])
        means, factors = (of[which][:, None] for of in reference.scales)
        gaps = np.flatnonzero(np.isnan(table.sum(axis=1))).tolist()
        missing = {place: np.isnan(table[place]) for place in gaps}
        for place, absent in missing.items():
            table[place][absent] = means[place]
        steps = scaled_steps(table, means, factors)
        self._steps[which] = steps
        tables = reference.bin_of_step if table.shape[1] >= TABLE_ROWS else None
        if tables is None:
            bins = np.array([reference.columns[index].number_codes(table[at]) for at, index in enumerate(which)])
        else:
            bins = tables.bins(which, table, steps)
        self._codes[which] = bins + reference.starts[which].astype(np.int32)[:, None]
        for place, absent in missing.items():
            index = which[place]
            self._codes[index][absent] = int(reference.starts[index]) + reference.columns[index].count - 1
            self._steps[index][absent] = 0

    def _take_one(self, index: int, values: Floats, tables: BinOfStep) -> None:
        assert self._kernel is not None
        reference = self._reference
        (means, factors), first = reference.scales, int(reference.starts[index])
        missing = first + reference.columns[index].count - 1
        codes, steps = self._codes[index], self._steps[index]
        self._kernel.bin_numbers(
            values, means[index], factors[index], *tables.of_column(index), first, missing, codes, steps
        )

    def count(self, which: Rows, cut: Cut) -> Counts:
        """Tallies (blocks × width) of the rows `which`, cut into blocks."""
        return self._count(which, cut.places, cut.blocks)

    def count_each(self, parts: Sequence[tuple[Rows, Cut]]) -> list[Counts]:
        """`count` of several parts of the rows, in one go."""
        if len(parts) <= 1:
            return [self.count(which, cut) for which, cut in parts]
        firsts = np.cumsum([0, *(cut.blocks for _, cut in parts)])
        places = np.concatenate([first + cut.places for first, (_, cut) in zip(firsts.tolist(), parts, strict=False)])
        counted = self._count(np.concatenate([self._all[which] for which, _ in parts]), places, int(firsts[-1]))
        return [counted[first:last] for first, last in zip(firsts[:-1].tolist(), firsts[1:].tolist(), strict=True)]

    def _count(self, which: Rows, places: Counts, blocks: int) -> Counts:
        """Tallies of rows whose blocks' places ascend, of some columns at once: what is made on the way stays small."""
        bins, columns = self._reference.bins, len(self._reference.columns)
        tallies = np.zeros((blocks, self._reference.width), dtype=np.int64)
        if not len(places):
            return tallies
        if self._kernel is not None:
            self._kernel.count_rows(self._codes, self._steps, self._all[which], places, bins, tallies)
            return tallies
        firsts = np.flatnonzero(np.diff(places, prepend=-1))
        filled = slice(0, blocks) if len(firsts) == blocks else places[firsts]
        ends = [*self._reference.starts.tolist(), bins]
        rows = _RowsOfBlocks(which, places, blocks, self._codes.shape[1])
        for first in range(0, columns, _AT_ONCE):
            last = min(first + _AT_ONCE, columns)
            begin, end = ends[first], ends[last]
            tallies[:, begin:end] = rows.counted(self._codes[first:last], begin, end - begin)
            steps = rows.picked(self._steps[first:last])
            tallies[filled, bins + first : bins + last] = np.add.reduceat(steps, firsts, axis=1).T
            steps *= steps
            tallies[filled, bins + columns + first : bins + columns + last] = np.add.reduceat(steps, firsts, axis=1).T
        return tallies


class _RowsOfBlocks:
    """Rows of a frame that has `rows` of them, each with the place of its block; places ascend."""

    def __init__(self, which: Rows, places: Counts, blocks: int, rows: int) -> None:
        self._which, self._places, self._blocks = which, places, blocks
        self._of_row: Counts | None = None
        if not isinstance(which, slice) and 2 * len(places) >= rows:
            # most rows of the frame: they are counted where they stand, since counts are exact in any order
            self._of_row = np.full(rows, blocks)
            self._of_row[which] = places

    def _of(self, table: Codes) -> Codes:
        return table[:, self._which] if isinstance(self._which, slice) else table.take(self._which, axis=1)

    def counted(self, codes: Codes, first: int, width: int) -> Counts:
        """Counts (blocks × width) of codes (columns × rows) from `first` on."""
        of_row, codes = (self._places, self._of(codes)) if self._of_row is None else (self._of_row, codes)
        flat = codes + (of_row * width - first)
        found = np.bincount(flat.ravel(), minlength=(self._blocks + 1) * width)
        return found.reshape(self._blocks + 1, width)[: self._blocks]

    def picked(self, table: Codes) -> Counts:
        """The rows' columns, to be changed at will."""
        return self._of(table).astype(np.int64)
