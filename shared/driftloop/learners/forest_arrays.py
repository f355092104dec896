"""Forests of scikit-learn as arrays, and arrays of two forests as one."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftloop.learners.targets import class_codes
from driftloop.learners.trees import TreePart, join_trees


def forest_part(trees: list[Any], places: NDArray[np.intp], outputs: int) -> TreePart:
    """Arrays of fitted trees; `places` says which output each class of a tree is."""
    return join_trees([_tree(fitted.tree_, places, outputs, len(trees)) for fitted in trees])


def _tree(tree: Any, places: NDArray[np.intp], outputs: int, trees: int) -> TreePart:
    leaf_values = tree.value[:, 0, :]
    if outputs > 1 or len(places) > 1:
        leaf_values = leaf_values / np.maximum(leaf_values.sum(axis=1, keepdims=True), 1e-300)
    values = np.zeros((tree.node_count, outputs))
    values[:, places] = leaf_values / trees
    return TreePart(
        np.zeros(1, dtype=np.int32),
        tree.children_left.astype(np.int32),
        tree.children_right.astype(np.int32),
        tree.feature.astype(np.int32),
        tree.threshold.astype(np.float64),
        tree.missing_go_to_left.astype(np.bool_),
        values,
        np.zeros(outputs),
        "identity",
        single_precision=True,
    )


def class_places(old: tuple[str, ...] | None, new: tuple[str, ...] | None) -> NDArray[np.intp] | None:
    """Where the old classes stand among the new ones; None for a number."""
    if old is None or new is None:
        return None
    return class_codes(np.array(old, dtype=object), new).astype(np.intp)


def newest_trees(part: TreePart, trees: int, places: NDArray[np.intp] | None, outputs: int) -> TreePart:
    """The last `trees` trees of a forest, as a forest of their own, with its outputs moved to `places`."""
    first = len(part.roots) - min(trees, len(part.roots))
    cut = int(part.roots[first])
    share = len(part.roots) / (len(part.roots) - first)
    values = part.values[cut:] * share
    if places is not None:
        wide = np.zeros((len(values), outputs))
        wide[:, places] = values
        values = wide
    return TreePart(
        part.roots[first:] - np.int32(cut),
        np.where(part.left[cut:] >= 0, part.left[cut:] - cut, -1).astype(np.int32),
        np.where(part.right[cut:] >= 0, part.right[cut:] - cut, -1).astype(np.int32),
        part.feature[cut:],
        part.threshold[cut:],
        part.missing_left[cut:],
        values,
        np.zeros(values.shape[1]),
        part.link,
        part.single_precision,
    )


def weighted(part: TreePart, total: int) -> TreePart:
    """The forest's values scaled to its share of a forest of `total` trees."""
    return replace(part, values=part.values * (len(part.roots) / total))
