"""How large a batch of rows is as a message, and cutting it where it is too large for the broker."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from driftloop.codec.arrow import encode_batch

Ints = NDArray[np.int64]

_A_COLUMN = 1_024
"""More than what a column takes beside its values, where its name is of a usual length."""
_PADDING = 3 * 64
"""Each of a column's buffers may be filled up to 64 bytes."""
_A_NUMBER = 8


class Most(NamedTuple):
    """What a frame holds at most; `bytes` is of the whole message."""

    rows: int
    bytes: int


def fits(batch: pa.RecordBatch, most: Most) -> bool:
    """Whether the rows may be one frame."""
    return len(batch) <= most.rows and _fits_bytes(batch, most)


def cut(batch: pa.RecordBatch, most: Most) -> Iterator[pa.RecordBatch]:
    """The rows in frames, in their order: as many rows each as there may be, halved where that is too large.

    A single row is never cut: those that are too large are refused before (`too_large`).
    """
    for start in range(0, len(batch), most.rows):
        part = batch if len(batch) <= most.rows else batch.slice(start, most.rows)
        yield from _halved(part, most)


def _halved(part: pa.RecordBatch, most: Most) -> Iterator[pa.RecordBatch]:
    if len(part) == 1 or _fits_bytes(part, most):
        yield part
        return
    half = len(part) // 2
    yield from _halved(part.slice(0, half), most)
    yield from _halved(part.slice(half), most)


def _fits_bytes(batch: pa.RecordBatch, most: Most) -> bool:
    """Measured where a rough sum does not settle it."""
    columns = batch.num_columns
    if batch.nbytes + _A_COLUMN * columns <= most.bytes:
        return True
    around = len(encode_batch(batch.slice(0, 1))) + _PADDING * columns
    return bool(batch.nbytes + around <= most.bytes)


def bytes_around(schema: pa.Schema) -> int:
    """What a frame of this schema takes beside the values of its rows."""
    nothing = pa.RecordBatch.from_arrays([pa.nulls(1, field.type) for field in schema], schema=schema)
    return len(encode_batch(nothing)) + _PADDING * len(schema)


def row_bytes(columns: list[pa.Array]) -> Ints:
    """The bytes of each row's values."""
    sizes = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        if pa.types.is_string(column.type):
            sizes += pc.fill_null(pc.binary_length(column), 0).to_numpy()
        if pa.types.is_list(column.type):
            sizes += _A_NUMBER * pc.fill_null(pc.list_value_length(column), 0).to_numpy()
        sizes += _A_NUMBER
    return sizes
