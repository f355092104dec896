"""Trees that are grown one by one are those of scikit-learn's forest, to the last bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from driftloop.learners.forest_growth import grow_trees
from driftloop.learners.targets import Lesson

KINDS = {True: RandomForestClassifier, False: RandomForestRegressor}


def _same(grown, expected) -> None:
    assert len(grown) == len(expected)
    for one, other in zip(grown, expected, strict=True):
        ours, theirs = one.tree_.__getstate__(), other.tree_.__getstate__()
        assert ours["nodes"].tobytes() == theirs["nodes"].tobytes()
        assert ours["values"].tobytes() == theirs["values"].tobytes()


def _labels(rng, rows: int, classes: bool):
    return rng.integers(0, 4, rows) * 2 if classes else np.round(rng.normal(size=rows), 1)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(5, 120),
    columns=st.integers(1, 6),
    classes=st.booleans(),
    depth=st.none() | st.integers(1, 4),
    leaf=st.integers(1, 9),
    chosen=st.sampled_from([None, 0.4, "sqrt", "log2"]),
    tied=st.booleans(),
)
def test_trees_are_those_of_the_librarys_forest(seed, rows, columns, classes, depth, leaf, chosen, tied):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(rows, columns)) * 10.0 ** rng.integers(-5, 20)
    matrix = np.round(rng.normal(size=(rows, columns))) if tied else matrix
    labels = _labels(rng, rows, classes)
    given_to_both = {"random_state": seed, "max_depth": depth, "min_samples_leaf": leaf}
    given_to_both |= {} if chosen is None else {"max_features": chosen}
    grown = grow_trees(Lesson(matrix, labels, None), labels, classes=classes, trees=4, jobs=1, **given_to_both)
    _same(grown, KINDS[classes](n_estimators=4, **given_to_both).fit(matrix, labels).estimators_)


@pytest.mark.parametrize("classes", [True, False])
@pytest.mark.parametrize("hard", ["weights", "missing", "jobs"])
def test_weights_missing_values_and_threads_are_left_to_the_librarys_forest(classes, hard):
    rng = np.random.default_rng(1)
    matrix, labels = rng.normal(size=(90, 3)), _labels(rng, 90, classes)
    weights = rng.random(90) if hard == "weights" else None
    if hard == "missing":
        matrix[::7, 1] = np.nan
    jobs = 2 if hard == "jobs" else 1
    grown = grow_trees(Lesson(matrix, labels, weights), labels, classes=classes, trees=4, jobs=jobs, random_state=3)
    _same(grown, KINDS[classes](n_estimators=4, random_state=3).fit(matrix, labels, sample_weight=weights).estimators_)


def test_a_number_too_large_for_single_precision_is_refused_as_the_library_refuses_it():
    matrix = np.array([[1.0], [1e39], [2.0], [3.0], [4.0]])
    with pytest.raises(ValueError, match="too large"):
        grow_trees(Lesson(matrix, matrix[:, 0], None), matrix[:, 0], classes=False, trees=2, jobs=1, random_state=0)
