"""Trees as arrays say what the library says that grew them."""

import numpy as np
import pytest
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from driftloop.learners.forest_arrays import forest_part
from driftloop.learners.gradient_boosting import boosted_part

RNG = np.random.default_rng(0)
MATRIX = RNG.normal(size=(600, 6))
MATRIX[::5, 2] = np.nan
NUMBER = np.nansum(MATRIX[:, :3], axis=1) + RNG.normal(size=600) * 0.1
CLASSES = np.digitize(NUMBER, [-1.0, 1.0])
FRESH = RNG.normal(size=(400, 6))
FRESH[::3, 2] = np.nan


def test_a_forest_of_classes():
    forest = RandomForestClassifier(20, min_samples_leaf=2, random_state=1).fit(MATRIX, CLASSES)
    part = forest_part(forest.estimators_, forest.classes_.astype(np.intp), 3)
    np.testing.assert_allclose(part.scores(FRESH), forest.predict_proba(FRESH), atol=1e-12)


def test_a_forest_of_numbers():
    forest = RandomForestRegressor(20, min_samples_leaf=2, random_state=1).fit(MATRIX, NUMBER)
    part = forest_part(forest.estimators_, np.zeros(1, dtype=np.intp), 1)
    np.testing.assert_allclose(part.scores(FRESH)[:, 0], forest.predict(FRESH), atol=1e-10)


@pytest.mark.parametrize("classes", [2, 3])
def test_boosted_classes(classes):
    labels = CLASSES if classes == 3 else CLASSES > 0
    booster = HistGradientBoostingClassifier(max_iter=20, random_state=1).fit(MATRIX, labels)
    part = boosted_part(booster, 1 if classes == 2 else 3, "sigmoid" if classes == 2 else "softmax")
    np.testing.assert_allclose(part.scores(FRESH), booster.predict_proba(FRESH), atol=1e-10)


def test_boosted_numbers():
    booster = HistGradientBoostingRegressor(max_iter=20, random_state=1).fit(MATRIX, NUMBER)
    np.testing.assert_allclose(
        boosted_part(booster, 1, "identity").scores(FRESH)[:, 0], booster.predict(FRESH), atol=1e-10
    )
