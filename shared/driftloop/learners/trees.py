"""Decision trees as arrays: a whole ensemble is walked at once, a level a step."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftloop.cores.on_demand import OnDemand
from driftloop.learners.columns import Matrix
from driftloop.learners.parts import Link, apply_link

_CHUNK_ROWS = 4096
_WORTH = 20_000
"""Walks of a row through a tree that are worth loading the compiled loop."""


def _load() -> ModuleType:
    from driftloop.learners import tree_kernel

    return tree_kernel


_KERNEL = OnDemand(_load, _WORTH)


@dataclass(frozen=True, slots=True)
class TreePart:
    """The sum of `start` and, over the trees, of the value of the leaf that a row falls into.

    Nodes of all trees stand in one table. `left` and `right` are node numbers, -1 in both marks a
    leaf; a row goes left where `feature <= threshold`, and where the value is missing by
    `missing_left`. `values` is (nodes, outputs) and is read at leaves. `roots` are the trees' first nodes.
    """

    roots: NDArray[np.int32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: Matrix
    missing_left: NDArray[np.bool_]
    values: Matrix
    start: Matrix
    link: Link
    single_precision: bool
    """Features are rounded to float32 before they are compared, as a forest of scikit-learn does."""

    def scores(self, matrix: Matrix) -> Matrix:
        """Values or probabilities."""
        if len(matrix) == 0:
            return np.empty((0, 2 if self.link == "sigmoid" else self.values.shape[1]))
        chunks = [self._raw(matrix[at : at + _CHUNK_ROWS]) for at in range(0, len(matrix), _CHUNK_ROWS)]
        return apply_link(self.link, np.concatenate(chunks))

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """The tables, as they are stored."""
        names = ("roots", "left", "right", "feature", "threshold", "missing_left", "values", "start")
        return {name: getattr(self, name) for name in names}

    def check(self, columns: int) -> None:
        """Raises ValueError where a number would point outside of the tables: no row is walked then."""
        nodes = len(self.left)
        inner = self.left >= 0
        children = np.concatenate([self.left[inner], self.right[inner]])
        own = np.tile(np.flatnonzero(inner), 2)
        sizes = {len(a) for a in (self.right, self.feature, self.threshold, self.missing_left, self.values)}
        sound = (
            sizes == {nodes}
            and bool(np.all((self.roots >= 0) & (self.roots < nodes)))
            and bool(np.all((children > own) & (children < nodes)))
            and bool(np.all((self.feature[inner] >= 0) & (self.feature[inner] < columns)))
        )
        if not sound:
            raise ValueError("the stored trees are damaged: a node points outside of its table")

    def _raw(self, matrix: Matrix) -> Matrix:
        seen = matrix.astype(np.float32).astype(np.float64) if self.single_precision else matrix
        return np.asarray(self.start + _sums(self.values, self._leaves(seen)))

    def _leaves(self, seen: Matrix) -> NDArray[np.int32]:
        """Where each row ends in each tree: (rows, trees)."""
        if kernel := _KERNEL.for_size(len(seen) * len(self.roots)) or _KERNEL.loaded():
            found = np.empty((len(seen), len(self.roots)), dtype=np.int32)
            tables = (self.roots, self.left, self.right, self.feature, self.threshold, self.missing_left)
            kernel.find_leaves(np.ascontiguousarray(seen), *map(np.ascontiguousarray, tables), found)
            return found
        rows = np.repeat(np.arange(len(seen)), len(self.roots))
        nodes = np.tile(self.roots, len(seen))
        walking = np.flatnonzero(self.left[nodes] >= 0)
        while len(walking):
            at = nodes[walking]
            value = seen[rows[walking], self.feature[at]]
            missing = np.isnan(value)
            go_left = np.where(missing, self.missing_left[at], value <= self.threshold[at])
            nodes[walking] = np.where(go_left, self.left[at], self.right[at])
            walking = walking[self.left[nodes[walking]] >= 0]
        return nodes.reshape(len(seen), len(self.roots))


def _sums(values: Matrix, leaves: NDArray[np.int32]) -> Matrix:
    """The sum over the trees of what stands at each row's leaves.

    Tree by tree is the order in which numpy sums several outputs, without a table of all trees' values in between.
    """
    if values.shape[1] == 1:
        return np.asarray(values.take(leaves, axis=0).sum(axis=1))
    total = values.take(leaves[:, 0], axis=0)
    for tree in range(1, leaves.shape[1]):
        total += values.take(leaves[:, tree], axis=0)
    return total


def join_trees(parts: list[TreePart]) -> TreePart:
    """One ensemble of all trees of `parts`, which have the same outputs, start and link."""
    shifts = np.cumsum([0, *(len(part.left) for part in parts[:-1])])

    def moved(numbers: NDArray[np.int32], shift: int) -> NDArray[np.int32]:
        return np.where(numbers >= 0, numbers + shift, -1).astype(np.int32)

    first = parts[0]
    return TreePart(
        np.concatenate([part.roots + np.int32(shift) for part, shift in zip(parts, shifts, strict=True)]),
        np.concatenate([moved(part.left, int(shift)) for part, shift in zip(parts, shifts, strict=True)]),
        np.concatenate([moved(part.right, int(shift)) for part, shift in zip(parts, shifts, strict=True)]),
        np.concatenate([part.feature for part in parts]),
        np.concatenate([part.threshold for part in parts]),
        np.concatenate([part.missing_left for part in parts]),
        np.concatenate([part.values for part in parts]),
        first.start,
        first.link,
        first.single_precision,
    )
