"""Vectors within the loop: text that holds the numbers, so that a vector travels wherever a category does.

Base64 of little-endian single-precision numbers: a third of the size of a list in JSON, exact, and one column of
text in frames, in the archive and in files.
"""

import base64
import binascii
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Single = NDArray[np.float32]


def vector_text(values: Sequence[float]) -> str:
    """The text of a vector; raises ValueError where a value is not a finite number of single precision.

    >>> vector_text([1.0, -0.5])
    'AACAPwAAAL8='
    """
    with np.errstate(over="ignore"):
        array = np.asarray(values, dtype="<f4")
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ValueError("a vector is a list of finite numbers")
    return base64.b64encode(array.tobytes()).decode("ascii")


def vector_of(text: str, width: int) -> Single:
    """The numbers in a text; raises ValueError where they are not `width` finite ones.

    >>> vector_of("AACAPwAAAL8=", 2).tolist()
    [1.0, -0.5]
    """
    try:
        array = np.frombuffer(base64.b64decode(text, validate=True), dtype="<f4")
    except (binascii.Error, ValueError) as error:
        raise ValueError("the text of a vector is base64 of single-precision numbers") from error
    if len(array) != width:
        raise ValueError(f"the vector has {len(array)} numbers, {width} are declared")
    if not np.isfinite(array).all():
        raise ValueError("a vector is a list of finite numbers")
    return array.astype(np.float32)


def vectors_of(column: Sequence[str | None] | NDArray[np.object_], width: int) -> Single:
    """Rows × width from a column of such texts; NaN in each row that has none, or one that cannot be read."""
    found = np.full((len(column), width), np.nan, dtype=np.float32)
    for row, text in enumerate(column):
        if text is not None:
            try:
                found[row] = vector_of(text, width)
            except ValueError:  # declared otherwise since: the row has no such vector
                continue
    return found
