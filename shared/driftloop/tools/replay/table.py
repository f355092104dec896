"""A CSV file in memory, in the order of its rows.

Why pyarrow reads it: it is there anyway, it is fast, and it knows `.gz` by the name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

from driftloop.codec.scalars import category_text
from driftloop.errors import UserError

Column = NDArray[Any]
"""float64 with NaN for missing, or object holding str with None for missing."""


@dataclass(frozen=True, slots=True)
class Table:
    """Columns by name, all of one length. A column is a number or a category, never both."""

    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def is_number(self, name: str) -> bool:
        """Whether a column holds numbers."""
        return bool(self.columns[name].dtype == np.float64)

    def take(self, which: NDArray[np.bool_] | slice) -> "Table":
        """The rows that `which` picks."""
        return Table({name: column[which] for name, column in self.columns.items()})

    def as_categories(self, name: str) -> "Table":
        """The same table with one column turned into categories.

        >>> Table({"y": np.array([1.0, 2.5, np.nan])}).as_categories("y").columns["y"].tolist()
        ['1', '2.5', None]
        """
        return Table({**self.columns, name: _texts(self.columns[name])})


def read_table(path: Path) -> Table:
    """The table in a CSV file, packed (`.gz`, `.bz2`, `.zst`) or not.

    Booleans are numbers 0 and 1; dates and times become seconds since 1970. Raises UserError where
    the file is not there, is empty or is no CSV.
    """
    if not path.is_file():
        raise UserError(f"There is no file {path}.", 4)
    missing = csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False)
    try:
        table = csv.read_csv(path, convert_options=missing)
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as CSV: {_first_line(error)}.", 2) from error
    if table.num_rows == 0:
        raise UserError(f"{path} has a header and no rows.", 2)
    _refuse_doubled(path, table.column_names)
    return Table({name: _column(table.column(name)) for name in table.column_names})


def _refuse_doubled(path: Path, names: Sequence[str]) -> None:
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise UserError(f"{path} names these columns more than once: {', '.join(doubled)}.", 2)


def _column(column: pa.ChunkedArray) -> Column:
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        column = column.cast(pa.timestamp("ms")).cast(pa.int64())
        return _numbers(column) / 1000.0
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        return _numbers(column)
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    return np.array(column.cast(pa.string()).to_pylist(), dtype=object)


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    floats = column.cast(pa.int8()) if pa.types.is_boolean(column.type) else column
    return np.asarray(floats.cast(pa.float64()).fill_null(float("nan")).to_numpy(), dtype=np.float64)


def _texts(column: Column) -> Column:
    if column.dtype == object:
        return column
    return np.array([None if np.isnan(value) else category_text(float(value)) for value in column], dtype=object)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
