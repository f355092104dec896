"""A target that is a quantile: what learners share to be trained for what they are judged by.

A field with `quantile` and without `tolerance` is judged by pinball loss, and that is least at the conditional
quantile. A model of the mean covers half of the truths, whatever quantile was declared.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftloop.learners.columns import Matrix
from driftloop.spec.model_spec import TargetField

Floats = NDArray[np.float64]
_TAIL_ROWS = 5.0


def quantile_of(target: TargetField) -> float | None:
    """The quantile that a field's loss asks for; None where it asks for another value.

    >>> quantile_of(TargetField(kind="number", quantile=0.9)), quantile_of(TargetField(kind="number"))
    (0.9, None)
    """
    return target.quantile if target.kind == "number" and target.tolerance is None else None


def weighted_quantile(values: Floats, quantile: float, weights: Floats) -> float:
    """The least value at or below which that share of the weight lies.

    >>> weighted_quantile(np.array([3.0, 1.0, 2.0]), 0.5, np.ones(3))
    2.0
    """
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    place = int(np.searchsorted(reached, quantile * reached[-1] * (1 - 1e-12)))
    return float(values[order][min(place, len(values) - 1)])


def leaf_rows(quantile: float) -> int:
    """Rows that a leaf needs, so that five of them lie beyond the quantile.

    >>> leaf_rows(0.9), leaf_rows(0.5)
    (50, 10)
    """
    return math.ceil(round(_TAIL_ROWS / min(quantile, 1 - quantile), 6))


def set_leaf_quantiles(tree: Any, matrix: Matrix, labels: Floats, mass: Floats, quantile: float) -> None:
    """Make every leaf of a fitted regression tree of scikit-learn say the quantile of its rows."""
    leaves = tree.apply(matrix.astype(np.float32))
    order = np.argsort(leaves, kind="stable")
    places, starts = np.unique(leaves[order], return_index=True)
    for leaf, rows in zip(places, np.split(order, starts[1:]), strict=True):
        if mass[rows].any():
            tree.tree_.value[leaf, 0, 0] = weighted_quantile(labels[rows], quantile, mass[rows])
