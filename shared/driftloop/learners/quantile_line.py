"""Linear quantile regression by the MM algorithm of Hunter and Lange (2000).

Why not a linear program: twenty thousand rows of fifty columns take it minutes. Here each step is a weighted
least-squares problem that lies above the pinball loss and touches it at the last solution, so that the loss
never rises; and the intercept is set at the end to the quantile of what is left, exactly.

References
----------
D. R. Hunter, K. Lange: Quantile regression via an MM algorithm. J. Comput. Graph. Stat. 9 (2000).
"""

import numpy as np
from numpy.typing import NDArray

from driftloop.learners.columns import Matrix
from driftloop.learners.quantiles import weighted_quantile

Floats = NDArray[np.float64]

_STEPS = 100
_SETTLED = 1e-6
_SMOOTHED = 1e-3
"""Residuals nearer to 0 than this share of a typical one count as this near: the surrogate has a pole there."""


def quantile_line(
    matrix: Matrix, values: Floats, mass: Floats, quantile: float, penalty: float
) -> tuple[Matrix, Floats]:
    """Slope (columns × 1) and intercept (1) of a line below which `quantile` of the weight lies.

    `penalty` is the L2 penalty of the slopes, in units of a row's weight, as in ridge regression.
    """
    design = np.column_stack([matrix, np.ones(len(matrix))])
    ridge = np.full(design.shape[1], penalty)
    ridge[-1] = 0.0
    line = _weighted(design, values, mass, ridge, np.zeros(len(values)))
    near = _SMOOTHED * float(np.average(np.abs(values - design @ line), weights=mass))
    for _ in range(_STEPS if near > 0 else 0):
        pull = mass / (near + np.abs(values - design @ line))
        before, typical = line, float(pull.sum() / mass.sum())
        line = _weighted(design, values, pull, ridge * typical, (2 * quantile - 1) * mass)
        if np.abs(line - before).max() <= _SETTLED * (1.0 + np.abs(line).max()):
            break
    rest = values - design[:, :-1] @ line[:-1]
    return line[:-1].reshape(-1, 1), np.array([weighted_quantile(rest, quantile, mass)])


def _weighted(design: Matrix, values: Floats, weights: Floats, ridge: Floats, tilt: Floats) -> Floats:
    """The line that solves the weighted least squares, tilted; the shortest of many."""
    square = (design.T * weights) @ design + np.diag(ridge)
    wanted = design.T @ (weights * values + tilt)
    return np.asarray(np.linalg.lstsq(square, wanted, rcond=None)[0], dtype=np.float64)
