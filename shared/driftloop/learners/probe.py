"""A cheap model that tells what could be learnt now: one tree on at most 500 of the newest rows.

It never serves. What it loses on the next rows says what loss is attainable, before anyone has paid
for a training run; beside its *twin*, a tree of the rows that the champion learned, it says how much
a champion of today would gain. A tree of so few rows takes milliseconds, whatever the window.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from driftloop.learners.columns import ColumnCoder
from driftloop.learners.forest_arrays import forest_part
from driftloop.learners.protocol import Model, Rows, Step
from driftloop.learners.quantiles import leaf_rows, quantile_of, set_leaf_quantiles
from driftloop.learners.tabular import FieldModel, TabularModel, load_tabular
from driftloop.learners.targets import Lesson, check_rows, class_codes, class_names
from driftloop.spec.model_spec import ModelSpec, TargetField

SAMPLE_ROWS = 500
MINIMUM_LEAF = 5
TWINS = 3
"""Trees, each of another sample, that a champion's twin is the mean of: one alone is too much luck."""


def windows_of(first_rows: int, maximum_rows: int) -> tuple[int, ...]:
    """The windows that could be trained on: a quarter, half and all of as many rows as the first version had.

    >>> windows_of(2000, 20_000), windows_of(2000, 800)
    ((500, 1000, 2000), (500, 800))
    """
    return tuple(sorted({max(1, min(first_rows // parts, maximum_rows)) for parts in (4, 2, 1)}))


def refit_rows(windows: tuple[int, ...]) -> int:
    """After how many rows probes are fitted anew: an eighth of the middle window, in steps of 25.

    >>> [refit_rows(windows) for windows in ((500, 1000, 2000), (50, 100, 200))]
    [125, 25]
    """
    middle = sorted(windows)[len(windows) // 2]
    return max(25, middle // 8 // 25 * 25)


class Probe:
    """The learner. It is not registered: no version is made of it."""

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec

    def fit(
        self,
        rows: Rows,
        held_out: Rows | None = None,  # noqa: ARG002  (nothing to stop early)
        *,
        warm_start: Model | None = None,  # noqa: ARG002  (always grown anew)
        seed: int,
        progress: Callable[[Step], None] | None = None,  # noqa: ARG002  (done before one could ask)
    ) -> Model:
        """A tree for each target field, on a sample drawn with `seed`."""
        if len(rows) > SAMPLE_ROWS:
            drawn = np.random.default_rng(seed).choice(len(rows), SAMPLE_ROWS, replace=False)
            rows = rows.take(np.sort(drawn))
        check_rows(rows, self._spec.target)
        coder = ColumnCoder.fit("ordinal", self._spec.features, rows)
        matrix = coder.encode(rows)
        fields = {name: _grow(target, matrix, rows, name, seed) for name, target in self._spec.target.items()}
        return TabularModel(coder, fields, {})

    def load(self, folder: Any) -> Model:
        """The model that was saved there."""
        return load_tabular(folder)


def _grow(target: TargetField, matrix: Any, rows: Rows, name: str, seed: int) -> FieldModel:
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    settings = {"min_samples_leaf": MINIMUM_LEAF, "random_state": seed % 2**32}
    labels = rows.labels[name]
    if target.kind == "number":
        quantile, values = quantile_of(target), labels.astype(np.float64)
        if quantile is not None:
            settings["min_samples_leaf"] = leaf_rows(quantile)
        tree = DecisionTreeRegressor(**settings).fit(matrix, values, sample_weight=rows.weights)
        if quantile is not None:
            set_leaf_quantiles(tree, matrix, values, Lesson(matrix, labels, rows.weights).mass, quantile)
        return FieldModel(forest_part([tree], np.zeros(1, dtype=np.intp), 1), None)
    classes = class_names(labels)
    tree = DecisionTreeClassifier(**settings).fit(matrix, class_codes(labels, classes), sample_weight=rows.weights)
    return FieldModel(forest_part([tree], tree.classes_.astype(np.intp), len(classes)), classes)
