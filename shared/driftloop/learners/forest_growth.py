"""The trees of a random forest of scikit-learn, grown one by one.

Why not by its forest alone: for each tree that makes a copy of an estimator, reads the signatures of its parameters,
checks them, and hands it to a pool, which takes as long as a tree of some hundred rows. A tree that is given its own
seed and how often each row was drawn needs nothing of that, and comes out the same to the last bit.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftloop.learners.targets import Lesson

_SEEDS = np.iinfo(np.int32).max


def grow_trees(lesson: Lesson, labels: NDArray[Any], *, classes: bool, trees: int, jobs: int, **settings: Any) -> Any:
    """Fitted trees of scikit-learn: those of its forest of `trees` trees with these settings.

    `labels` are numbers, or with `classes` codes. `settings` are the forest's, `random_state` among them.
    """
    with np.errstate(over="ignore"):  # the library's forest is asked then, and refuses it
        single = np.ascontiguousarray(lesson.matrix, dtype=np.float32)
    if jobs == 1 and lesson.weights is None and np.isfinite(single).all():
        return _one_by_one(single, labels, classes, trees, settings)
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestClassifier if classes else RandomForestRegressor
    forest = kind(n_estimators=trees, n_jobs=jobs, **settings)
    return forest.fit(lesson.matrix, labels, sample_weight=lesson.weights).estimators_


def _one_by_one(
    single: NDArray[np.float32], labels: NDArray[Any], classes: bool, trees: int, settings: dict[str, Any]
) -> list[Any]:
    from sklearn import config_context
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    kind = DecisionTreeClassifier if classes else DecisionTreeRegressor
    usual = {"max_features": "sqrt" if classes else 1.0}
    seeds, chance = np.random.RandomState(settings["random_state"]), np.random.RandomState(0)
    rows, grown = len(single), []
    with config_context(assume_finite=True, skip_parameter_validation=True):
        for _ in range(trees):
            seed = int(seeds.randint(_SEEDS))
            chance.seed(seed)  # a generator takes longer to make than to set back
            drawn = np.bincount(chance.randint(0, rows, rows), minlength=rows)
            chance.seed(seed)
            tree = kind(**{**usual, **settings, "random_state": chance})
            grown.append(tree.fit(single, labels, sample_weight=drawn, check_input=False))
    return grown
