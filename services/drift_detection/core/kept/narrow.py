"""Numbers in as few bytes as hold them: most of what is remembered of rows are zeros and ones, and small counts."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_KINDS = tuple(
    (np.dtype(kind), int(np.iinfo(kind).min), int(np.iinfo(kind).max)) for kind in (np.uint8, np.int16, np.int32)
)

_SHORT = int(np.iinfo(np.int32).max)


def narrow_integers(values: Integers) -> NDArray[Any]:
    """A copy of whole numbers in the narrowest type that holds all of them: one or two bytes, four, or eight.

    >>> narrow_integers(np.array([0, 255])).dtype, narrow_integers(np.array([-1, 70_000])).dtype
    (dtype('uint8'), dtype('int32'))
    """
    if not values.size:
        return values.astype(np.uint8)
    least, most = int(np.minimum.reduce(values, axis=None)), int(np.maximum.reduce(values, axis=None))
    for kind, lowest, highest in _KINDS:
        if lowest <= least and most <= highest:
            return values.astype(kind)
    return values.copy()


def short_integers(values: Integers) -> NDArray[Any]:
    """A copy of whole numbers from 0 on, in four bytes each where these hold all of them.

    >>> short_integers(np.array([0, 70_000])).dtype, short_integers(np.array([1 << 40])).dtype
    (dtype('int32'), dtype('int64'))
    """
    return values.astype(np.int32 if not values.size or int(values.max()) <= _SHORT else np.int64)


def narrow_floats(values: Floats) -> NDArray[Any]:
    """A copy of numbers, in a byte each where all are whole ones from 0 to 255 (and none is −0), else as they are.

    >>> narrow_floats(np.array([0.0, 1.0])).dtype, narrow_floats(np.array([0.5, np.nan])).dtype
    (dtype('uint8'), dtype('float64'))
    """
    if not values.size:
        return values.astype(np.uint8)
    if not (np.minimum.reduce(values) >= 0.0 and np.maximum.reduce(values) <= 255.0):
        return values.copy()
    held = values.astype(np.uint8)
    same = np.array_equal(held.astype(np.float64).view(np.int64), values.view(np.int64))
    return held if same else values.copy()


def wide_integers(held: NDArray[Any]) -> Integers:
    """What `narrow_integers` was given, to be changed at will."""
    return held.astype(np.int64)


def wide_floats(held: NDArray[Any]) -> Floats:
    """What `narrow_floats` was given, to be changed at will."""
    return held.astype(np.float64)
