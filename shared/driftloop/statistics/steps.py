"""Numbers as whole steps of their reference: what is summed of them is exact, in whatever order."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Steps = NDArray[np.int32]

FRACTION = 256
"""Steps in a reference standard deviation."""
FARTHEST = 16 * FRACTION
"""A number sixteen standard deviations away, or farther, counts as this far."""


def steps_of(values: Floats, mean: float, deviation: float) -> Steps:
    """Numbers as whole 1/256ths of a standard deviation from the mean, at most 16 of them; NaN is not allowed.

    >>> steps_of(np.array([10.0, 11.0, 9.0, 1e9]), mean=10.0, deviation=2.0).tolist()
    [0, 128, -128, 4096]
    """
    return scaled_steps(values, mean, steps_in_one(deviation))


def steps_in_one(deviation: float) -> float:
    """How many steps are one unit of a column; 0 where it does not vary."""
    return FRACTION / deviation if deviation > 0 else 0.0


def scaled_steps(values: Floats, mean: float | Floats, factor: float | Floats) -> Steps:
    """The same by `steps_in_one`: of one column, or of several in the rows of a table, mean and factor as a column."""
    scaled = values - mean
    scaled *= factor
    np.maximum(scaled, -FARTHEST, out=scaled)
    np.minimum(scaled, FARTHEST, out=scaled)
    np.rint(scaled, out=scaled)
    return scaled.astype(np.int32)
