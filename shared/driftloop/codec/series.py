"""Lists of numbers: a column of them in Arrow, in memory (rows × steps, NaN for a gap), and as text in the archive."""

from collections.abc import Sequence

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Series = list[float | None]

SERIES = pa.list_(pa.float64())
"""How frames hold a series: null for a row without one, null in it for a gap."""
_decode = msgspec.json.Decoder(Series).decode
_encode = msgspec.json.encode


def matrix_of(column: pa.Array, steps: int) -> Floats:
    """A column of lists as rows × `steps`; a row whose list is null or of another length is all NaN.

    >>> matrix_of(pa.array([[1.0, None], None, [1.0]], SERIES), 2).tolist()
    [[1.0, nan], [nan, nan], [nan, nan]]
    """
    found = np.full((len(column), steps), np.nan)
    fitting = np.flatnonzero(pc.fill_null(pc.equal(pc.list_value_length(column), steps), False).to_numpy(False))  # noqa: FBT003
    if len(fitting):
        values = column.take(pa.array(fitting)).flatten().to_numpy(zero_copy_only=False)
        found[fitting] = np.asarray(values, dtype=np.float64).reshape(len(fitting), steps)
    return found


def column_of(matrix: Floats) -> pa.Array:
    """Rows × steps as a column of lists, null for NaN; a row that is all NaN is null.

    >>> column_of(np.array([[1.0, np.nan], [np.nan, np.nan]])).to_pylist()
    [[1.0, None], None]
    """
    rows, steps = matrix.shape
    values = pa.array(np.ascontiguousarray(matrix).reshape(-1), pa.float64(), from_pandas=True)
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * steps)
    nothing = np.isnan(matrix).all(axis=1)
    return pa.ListArray.from_arrays(offsets, values, mask=pa.array(nothing) if nothing.any() else None)


def texts_of(column: pa.Array) -> pa.Array:
    """A column of lists as JSON texts, null for null: how the archive keeps them."""
    texts = [None if series is None else _encode(series).decode() for series in column.to_pylist()]
    return pa.array(texts, pa.string())


def matrix_of_texts(texts: Sequence[str | None], steps: int) -> Floats:
    """What `texts_of` gave as rows × `steps`; another length, or no list, is all NaN.

    >>> matrix_of_texts(["[1.0,null]", None, "?"], 2).tolist()
    [[1.0, nan], [nan, nan], [nan, nan]]
    """
    found = np.full((len(texts), steps), np.nan)
    for row, text in enumerate(texts):
        series = _series(text)
        if series is not None and len(series) == steps:
            found[row] = np.array(series, dtype=np.float64)
    return found


def _series(text: str | None) -> Series | None:
    try:
        return None if text is None else _decode(text)
    except (msgspec.DecodeError, OverflowError):
        return None
