"""The compiled walk finds the leaves that numpy finds: with numba and without it a model says the same, to the bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftloop.learners import tree_kernel, trees
from driftloop.learners.trees import TreePart, join_trees

COLUMNS = 3
CELLS = st.sampled_from([-np.inf, -1e300, -1.0, -0.0, 0.0, 0.5, 1.0, 1e-320, 1e300, np.inf, np.nan])


def _tree(rng: np.random.Generator, splits: int, outputs: int) -> TreePart:
    """One tree, grown by splitting a leaf drawn at random."""
    nodes = 2 * splits + 1
    left, right = np.full(nodes, -1, np.int32), np.full(nodes, -1, np.int32)
    leaves, made = [0], 1
    for _ in range(splits):
        node = leaves.pop(rng.integers(len(leaves)))
        left[node], right[node] = made, made + 1
        leaves += [made, made + 1]
        made += 2
    feature = np.where(left < 0, -2, rng.integers(COLUMNS, size=nodes)).astype(np.int32)
    threshold = rng.choice([-1.0, -0.0, 0.0, 0.5, 1.0, 1e300, np.inf], nodes)
    return TreePart(
        np.zeros(1, np.int32), left, right, feature, threshold, rng.random(nodes) < 0.5,
        rng.normal(size=(nodes, outputs)), np.full(outputs, 0.25), "identity", bool(rng.random() < 0.5),
    )  # fmt: skip


@given(
    st.lists(st.lists(CELLS, min_size=COLUMNS, max_size=COLUMNS), min_size=1, max_size=30),
    st.lists(st.integers(0, 12), min_size=1, max_size=12),
    st.integers(1, 3),
    st.integers(0, 2**32),
)
def test_the_compiled_walk_ends_where_numpys_does(rows, splits, outputs, seed):
    rng = np.random.default_rng(seed)
    part = join_trees([_tree(rng, count, outputs) for count in splits])
    part.check(COLUMNS)
    matrix = np.array(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trees._KERNEL, "for_size", lambda size: None)
        patch.setattr(trees._KERNEL, "loaded", lambda: None)
        wanted = part.scores(matrix)
        patch.setattr(trees._KERNEL, "loaded", lambda: tree_kernel)
        found = part.scores(matrix)
    np.testing.assert_array_equal(found, wanted)


@given(st.integers(1, 5), st.integers(1, 300), st.integers(1, 40), st.integers(0, 2**32))
def test_values_of_leaves_are_summed_as_numpy_sums_them(outputs, count, rows, seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(50, outputs)) * 10.0 ** rng.integers(-9, 9, size=(50, 1))
    leaves = rng.integers(50, size=(rows, count), dtype=np.int32)
    assert trees._sums(values, leaves).tobytes() == values[leaves].sum(axis=1).tobytes()


def test_columns_in_another_order_in_memory_are_read_as_they_are():
    part = _tree(np.random.default_rng(1), 9, 2)
    matrix = np.random.default_rng(2).normal(size=(50, COLUMNS))
    again = TreePart(*(np.asfortranarray(part.arrays()[name]) for name in part.arrays()), "identity", True)
    single = TreePart(*part.arrays().values(), "identity", True)
    np.testing.assert_array_equal(again.scores(np.asfortranarray(matrix)), single.scores(matrix))


def test_few_rows_alone_do_not_load_the_compiled_walk(monkeypatch):
    asked = []
    monkeypatch.setattr(trees, "_KERNEL", trees.OnDemand(lambda: asked.append(1) or tree_kernel, 20_000))
    part = _tree(np.random.default_rng(1), 9, 2)
    part.scores(np.zeros((19_999, COLUMNS)))
    assert asked == []
    part.scores(np.zeros((30_000, COLUMNS)))  # in parts, none of which is large
    assert asked == []
    many = join_trees([part] * 10)
    many.scores(np.zeros((2_000, COLUMNS)))
    assert asked == [1]


def test_without_numba_numpy_walks(monkeypatch):
    def missing():
        raise ModuleNotFoundError("No module named 'numba'", name="numba")

    monkeypatch.setattr(trees, "_KERNEL", trees.OnDemand(missing, 1))
    part = _tree(np.random.default_rng(1), 9, 2)
    assert part.scores(np.zeros((5, COLUMNS))).shape == (5, 2)


def test_a_fault_of_the_loops_themselves_is_not_hidden(monkeypatch):
    def broken():
        raise ModuleNotFoundError("No module named 'tree_kernel'", name="tree_kernel")

    monkeypatch.setattr(trees, "_KERNEL", trees.OnDemand(broken, 1))
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match="tree_kernel"):
            _tree(np.random.default_rng(1), 9, 2).scores(np.zeros((5, COLUMNS)))
