"""The compiled walk of rows through trees: which leaf, and no arithmetic on what stands there."""

import numpy as np
from numba import types
from numpy.typing import NDArray

from driftloop.cores.compiled import compiled

Ints = NDArray[np.int32]

_INTS = types.Array(types.int32, 1, "C", readonly=True)
_NUMBERS = types.Array(types.float64, 1, "C", readonly=True)
_FLAGS = types.Array(types.boolean, 1, "C", readonly=True)
_ROWS = types.Array(types.float64, 2, "C", readonly=True)
_LEAVES = types.Array(types.int32, 2, "C")


@compiled(types.void(_ROWS, _INTS, _INTS, _INTS, _INTS, _NUMBERS, _FLAGS, _LEAVES))
def find_leaves(
    rows: NDArray[np.float64],
    roots: Ints,
    left: Ints,
    right: Ints,
    feature: Ints,
    threshold: NDArray[np.float64],
    missing_left: NDArray[np.bool_],
    leaves: Ints,
) -> None:
    """The node that each row ends at in each tree, into `leaves` (rows × trees). Children come after their parents.

    All rows go down a level together, and a leaf leads to itself: that leaves the processor nothing to guess.
    """
    nodes = len(left)
    child = np.empty((nodes, 2), np.int32)
    asked = np.zeros(nodes, np.int32)
    below = np.zeros(nodes, np.int32)
    for node in range(nodes - 1, -1, -1):
        if left[node] < 0:
            child[node, 0] = child[node, 1] = node
        else:
            child[node, 0], child[node, 1] = right[node], left[node]
            asked[node] = feature[node]
            below[node] = 1 + max(below[left[node]], below[right[node]])
    at = np.empty(len(rows), np.int32)
    for tree in range(len(roots)):
        at[:] = roots[tree]
        for _ in range(below[roots[tree]]):
            for i in range(len(rows)):
                node = at[i]
                value = rows[i, asked[node]]
                goes_left = (value <= threshold[node]) | ((value != value) & missing_left[node])  # noqa: PLR0124 - NaN
                at[i] = child[node, np.int64(goes_left)]
        for i in range(len(rows)):
            leaves[i, tree] = at[i]
