"""The distribution function that a numeric profile stands for."""

import numpy as np
from numpy.typing import NDArray

from driftloop.contracts.model_profiles import NumericProfile

Floats = NDArray[np.float64]


def share_at_most(profile: NumericProfile, values: Floats) -> Floats:
    """Share of the profile's present rows that are ≤ each value; exact for columns of few distinct values.

    Elsewhere within `driftloop.statistics.columns.RESOLUTION`. Raises ValueError for a profile without a value.

    >>> from driftloop.statistics.columns import numeric_profile
    >>> share_at_most(numeric_profile(np.arange(101.0)), np.array([-1.0, 25.0, 25.5, 200.0])).round(3)
    array([0.   , 0.25 , 0.255, 1.   ])
    """
    if profile.atoms:
        points = np.array([value for value, _ in profile.atoms])
        counts = np.cumsum([rows for _, rows in profile.atoms])
        return np.concatenate(([0.0], counts / counts[-1]))[np.searchsorted(points, values, side="right")]
    quantiles = np.array(profile.quantiles)
    if not len(quantiles):
        raise ValueError("the profile has no value to compare with")
    last = max(len(quantiles) - 1, 1)
    position = np.searchsorted(quantiles, values, side="right") - 1
    low = np.clip(position, 0, last - 1)
    high = np.minimum(low + 1, len(quantiles) - 1)
    width = quantiles[high] - quantiles[low]
    between = np.divide(values - quantiles[low], width, out=np.zeros_like(values), where=width > 0)
    shares = (low + np.clip(between, 0, 1)) / last
    return np.where(position < 0, 0.0, np.where(position >= last, 1.0, shares))
