"""A table that was read: typed Arrow columns, and how the file was."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pyarrow as pa

from driftloop.files.description import FileDescription


@dataclass(frozen=True, slots=True)
class Table:
    """Columns are int64, float64, bool, string, timestamp[us, UTC], time64[us], or null where all is missing."""

    data: pa.Table
    description: FileDescription

    def __len__(self) -> int:
        return int(self.data.num_rows)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns in the order of the file."""
        return tuple(self.data.column_names)

    def batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        """All rows, at most `rows` at a time."""
        yield from self.data.to_batches(max_chunksize=rows)

    def take(self, places: "pa.Array") -> "Table":
        """The rows at these places, in their order."""
        data = self.data.take(places)
        return Table(data, replace(self.description, rows=data.num_rows))
