"""A table as models take it: NumPy columns in the order of the rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from driftloop.codec.scalars import category_text
from driftloop.files.description import FileDescription
from driftloop.files.opening import open_table
from driftloop.files.options import FileOptions

Column = NDArray[Any]
"""float64 with NaN for missing, or object holding str with None for missing."""

_EXACT = 1 << 53
"""Whole numbers beyond this are names: a float would confuse neighbours."""


@dataclass(frozen=True, slots=True)
class Table:
    """Columns by name, all of one length. A column is a number or a category, never both.

    `moments` names the columns that are dates or times (seconds since 1970), `clocks` those that are times of
    a day (seconds since midnight). `file` says how they were read, where they come from a file.
    """

    columns: Mapping[str, Column]
    moments: frozenset[str] = frozenset()
    clocks: frozenset[str] = frozenset()
    file: FileDescription | None = field(default=None, compare=False)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def is_number(self, name: str) -> bool:
        """Whether a column holds numbers."""
        return bool(self.columns[name].dtype == np.float64)

    def take(self, which: NDArray[np.bool_] | NDArray[np.intp] | slice) -> "Table":
        """The rows that `which` picks."""
        return replace(self, columns={name: column[which] for name, column in self.columns.items()})

    def as_categories(self, *names: str) -> "Table":
        """The same table with some columns turned into categories.

        >>> Table({"y": np.array([1.0, 2.5, np.nan])}).as_categories("y").columns["y"].tolist()
        ['1', '2.5', None]
        """
        return replace(self, columns={**self.columns, **{name: _texts(self.columns[name]) for name in names}})


def missing(column: Column) -> NDArray[np.bool_]:
    """Which rows of a column have no value."""
    if column.dtype == object:
        return np.array([value is None for value in column], dtype=np.bool_)
    return np.isnan(column)


def read_table(path: str | Path, options: FileOptions | None = None) -> Table:
    """The table at a path or URL, as `driftloop.files` reads it; raises UserError where it cannot be read.

    Booleans are numbers 0 and 1.
    """
    read = open_table(path, options or FileOptions())
    columns = {name: _column(read.data.column(name)) for name in read.names}
    kinds = dict(zip(read.names, read.data.schema.types, strict=True))
    return Table(
        columns,
        moments=frozenset(name for name, kind in kinds.items() if pa.types.is_timestamp(kind)),
        clocks=frozenset(name for name, kind in kinds.items() if pa.types.is_time(kind)),
        file=read.description,
    )


def _column(column: pa.ChunkedArray) -> Column:
    kind = column.type
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    if pa.types.is_string(kind):
        return _shared_texts(column)
    if pa.types.is_timestamp(kind) or pa.types.is_time(kind):
        return _numbers(column.cast(pa.int64())) / 1e6
    if pa.types.is_integer(kind) and column.null_count < len(column):
        extremes = pc.min_max(column).as_py()
        if max(abs(extremes["min"]), abs(extremes["max"])) > _EXACT:
            return _shared_texts(column.cast(pa.string()))
    return _numbers(column.cast(pa.int8()) if pa.types.is_boolean(kind) else column)


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    values = column.cast(pa.float64(), safe=False).fill_null(float("nan"))
    return np.asarray(values.to_numpy(), dtype=np.float64)


def _shared_texts(column: pa.ChunkedArray) -> Column:
    """Equal texts are one object: a column of few texts and many rows is small."""
    coded = column.combine_chunks().dictionary_encode()
    texts = np.array([*coded.dictionary.to_pylist(), None], dtype=object)
    return np.asarray(texts[coded.indices.fill_null(len(texts) - 1).to_numpy()], dtype=object)


def _texts(column: Column) -> Column:
    if column.dtype == object:
        return column
    values, places = np.unique(column, return_inverse=True)
    texts = np.array([None if np.isnan(value) else category_text(float(value)) for value in values], dtype=object)
    return np.asarray(texts[places], dtype=object)
