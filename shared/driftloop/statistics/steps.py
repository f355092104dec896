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
    scaled = values - mean
    scaled *= FRACTION / deviation if deviation > 0 else 0.0
    np.maximum(scaled, -FARTHEST, out=scaled)
    np.minimum(scaled, FARTHEST, out=scaled)
    np.rint(scaled, out=scaled)
    return scaled.astype(np.int32)
