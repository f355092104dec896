"""Which numbers are values. One rule for what is learnt from, predicted, scored and profiled.

A finite number beyond float32's largest is no measurement: it is how some systems write "missing" (DBL_MAX,
−1e39), or an overflow. Half of the libraries for models compute in float32 and refuse it, the others let it
outweigh every other row. It counts as missing wherever a value is read, so that fitting and predicting agree.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LARGEST = float(np.finfo(np.float32).max)
"""The largest number that counts as a value, about 3.4e38."""


def beyond(values: Floats) -> NDArray[np.bool_]:
    """Which values are finite and beyond the largest.

    >>> beyond(np.array([1.0, -1e39, np.nan, np.inf])).tolist()
    [False, True, False, False]
    """
    return np.asarray(np.isfinite(values) & (np.abs(values) > LARGEST))


def bounded(values: Floats) -> Floats:
    """The values, with NaN for those that are beyond the largest; infinities stay.

    >>> bounded(np.array([1.0, 1.7976931348623157e308])).tolist()
    [1.0, nan]
    """
    far = beyond(values)
    return np.where(far, np.nan, values) if far.any() else values
