"""Drift of a known size, for tests of one's own pipeline."""

import numpy as np
from numpy.typing import NDArray

from driftloop.statistics.two_samples import psi_of_samples

Floats = NDArray[np.float64]
_HALVINGS = 60


def inject_drift(reference: Floats, rows: Floats, psi: float) -> Floats:
    """`rows` moved by one constant, so that their PSI against `reference` (ten bins) comes as near `psi` as it can.

    A PSI counts rows in bins, so it moves in steps: with 1,000 rows it is met within about 0.01. Missing values
    stay missing. Raises ValueError where `psi` is not reached even by moving every row out of the reference, or
    where the rows differ by more than that already.

    >>> random = np.random.default_rng(1)
    >>> reference, rows = random.normal(size=5000), random.normal(size=2000)
    >>> bool(abs(psi_of_samples(reference, inject_drift(reference, rows, 0.35)) - 0.35) < 0.01)
    True
    """
    known, new = reference[~np.isnan(reference)], rows[~np.isnan(rows)]
    if len(known) < 2 or not len(new):
        raise ValueError("drift needs rows and a reference without which nothing can be compared")

    def moved(by: float) -> float:
        return psi_of_samples(known, new + by)

    near, far = 0.0, float(known.max() - min(new.min(), known.min())) + 1.0
    if not moved(near) <= psi <= moved(far):
        raise ValueError(f"a PSI of {psi:g} cannot be made: these rows give {moved(near):.3g} to {moved(far):.3g}")
    for _ in range(_HALVINGS):
        middle = (near + far) / 2
        near, far = (middle, far) if moved(middle) < psi else (near, middle)
    best = min((near, far), key=lambda by: abs(moved(by) - psi))
    return np.asarray(rows + best, dtype=np.float64)
