"""Many records of one shape to columns, without a call or an object for each.

Why: a class made for the features is the quickest that a JSON library does, and it still makes an
object of every value and then a column of the objects. A producer writes the same names in the same
order every time, so what is between the values is known, and one compiled loop (`record_kernel`) checks
it and reads the values into columns. Records that differ are left to the usual decoder.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from outcome_ingestion.core.decode.fast.record_kernel import (
    NO_MOMENT,
    NO_TEXT,
    Bytes,
    Outputs,
    Shape,
    Source,
    count_bytes,
    gather,
    read_records,
)
from outcome_ingestion.core.decode.fast.record_shapes import MOMENTS, NUMBERS, TEXTS, RecordShape
from outcome_ingestion.core.decode.timestamps import MOMENT
from outcome_ingestion.core.frames.blocks import Ints

_COMMA = ord(",")
_BEHIND = bytes(8)
"""Behind the last record: the compiled loop looks at eight bytes at once."""


class Records:
    """Records laid end to end; `rows` are those that are still to be read."""

    def __init__(self, values: Sequence[bytes], rows: Ints) -> None:
        chosen = values if len(rows) == len(values) else [values[row] for row in rows.tolist()]
        self.bytes: Bytes = np.frombuffer(b"".join([*chosen, _BEHIND]), dtype=np.uint8)
        sizes = np.fromiter(map(len, chosen), np.int64, count=len(chosen))
        self.ends = np.cumsum(sizes)
        self.begins = self.ends - sizes
        self.rows = rows

    @cached_property
    def commas(self) -> int:
        """How many there are: lists of one length hold at most so many rows, shared out among them, and one more."""
        return count_bytes(self.bytes, _COMMA)

    def leave_out(self, which: Ints) -> None:
        """These (by their places in `rows`) have been read."""
        keep = np.ones(len(self.rows), dtype=np.bool_)
        keep[which] = False
        self.begins, self.ends, self.rows = self.begins[keep], self.ends[keep], self.rows[keep]


class Shaped(NamedTuple):
    """The values of records of one shape, by the names of frames.

    `fitting` are the records' places among those given, `counts` how many rows each of them has.
    """

    fitting: Ints
    counts: Ints
    columns: dict[str, pa.Array]


def shaped_rows(records: Records, shape: RecordShape) -> Shaped | None:
    """The records that have the shape and hold one row each; None where there are none."""
    counts, columns, too_large = _read(records, shape, len(records.rows), lists=False)
    fitting = np.flatnonzero(counts)
    if len(too_large):
        keep = np.delete(np.arange(len(fitting)), too_large)
        which = pa.array(keep)
        fitting, columns = fitting[keep], {name: column.take(which) for name, column in columns.items()}
    return Shaped(fitting, np.ones_like(fitting), columns) if len(fitting) else None


def shaped_columns(records: Records, shape: RecordShape) -> Shaped | None:
    """The columnar records that have the shape; None where there are none, or where a number is too large."""
    room = records.commas // len(shape.slots) + len(records.rows)
    counts, columns, too_large = _read(records, shape, room, lists=True)
    fitting = np.flatnonzero(counts)
    return Shaped(fitting, counts[fitting], columns) if len(fitting) and not len(too_large) else None


def _read(records: Records, shape: RecordShape, room: int, *, lists: bool) -> tuple[Ints, dict[str, pa.Array], Ints]:
    """How many rows each record has that fits, what they are, and the rows with a number that is too large."""
    outputs = _outputs(shape, len(records.rows), room)
    rows, hards = read_records(
        Source(records.bytes, records.begins, records.ends, lists),
        Shape(shape.fixed, shape.fixed_ends, shape.table),
        outputs,
    )
    too_large = _read_hard(records.bytes, outputs.hard[:hards], outputs.numbers)
    starts, sizes = outputs.starts[:, :rows], outputs.sizes[:, :rows]
    columns = {name: _texts(records.bytes, starts[i], sizes[i]) for i, name in shape.named(TEXTS)}
    columns |= {name: _moments(outputs.moments[i, :rows]) for i, name in shape.named(MOMENTS)}
    columns |= {
        name: _numbers(outputs.numbers[i, :rows], outputs.missing[i, :rows]) for i, name in shape.named(NUMBERS)
    }
    columns |= {name: pa.repeat(pa.scalar(text), rows) for name, text in shape.constants.items()}
    return outputs.counts, columns, too_large


def _outputs(shape: RecordShape, records: int, room: int) -> Outputs:
    """Arrays for what so many records say, of at most `room` rows."""
    texts, numbers, moments = (len(shape.places(kinds)) for kinds in (TEXTS, NUMBERS, MOMENTS))
    starts, sizes = np.empty((2, texts, room), dtype=np.int64)
    return Outputs(
        counts=np.empty(records, dtype=np.int64),
        starts=starts,
        sizes=sizes,
        numbers=np.empty((numbers, room)),
        missing=np.empty((numbers, room), dtype=np.uint8),
        moments=np.empty((moments, room), dtype=np.int64),
        hard=np.empty((numbers * room, 4), dtype=np.int64),
    )


def _texts(data: Bytes, starts: Ints, sizes: Ints) -> pa.StringArray:
    """Pieces of the bytes as a column; they are ASCII."""
    offsets = np.empty(len(starts) + 1, dtype=np.int32)
    texts = np.empty(int(np.maximum(sizes, 0).sum()), dtype=np.uint8)
    gather(data, starts, sizes, offsets, texts)
    missing = sizes == NO_TEXT
    valid = pa.array(~missing).buffers()[1] if missing.any() else None
    return pa.Array.from_buffers(pa.string(), len(starts), [valid, pa.py_buffer(offsets), pa.py_buffer(texts)])


def _moments(times: Ints) -> pa.Array:
    missing = times == NO_MOMENT
    return pa.array(times, mask=missing if missing.any() else None).cast(MOMENT)


def _numbers(values: NDArray[np.float64], missing: NDArray[np.uint8]) -> pa.DoubleArray:
    if missing.any():
        return pa.array(values, mask=missing.view(np.bool_))
    return pa.Array.from_buffers(pa.float64(), len(values), [None, pa.py_buffer(values)], null_count=0)


def _read_hard(data: Bytes, hard: Ints, values: NDArray[np.float64]) -> Ints:
    """Numbers that take more than one operation are Arrow's to read; the rows with one that no double holds."""
    if not len(hard):
        return hard[:, 1]
    place, row, starts, sizes = np.ascontiguousarray(hard.T)
    read: Any = _texts(data, starts, sizes).cast(pa.float64()).to_numpy()
    values[place, row] = read
    return np.unique(row[~np.isfinite(read)])
