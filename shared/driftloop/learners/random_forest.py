"""`random-forest`: an average of trees (scikit-learn's), kept as arrays.

An incremental fit keeps the newer half of the old forest and grows the other half on the new rows,
so that what was known fades instead of being thrown away.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from driftloop.learners.columns import ColumnCoder
from driftloop.learners.forest_arrays import class_places, forest_part, newest_trees, weighted
from driftloop.learners.forest_growth import grow_trees
from driftloop.learners.parameters import Parameters, read_parameters
from driftloop.learners.protocol import Model, Rows, Step
from driftloop.learners.quantiles import leaf_rows, quantile_of, set_leaf_quantiles
from driftloop.learners.tabular import FieldModel, TabularModel, load_tabular, usable_base
from driftloop.learners.targets import Lesson, check_rows, class_codes, class_names
from driftloop.learners.trees import TreePart, join_trees
from driftloop.spec.model_spec import ModelSpec, TargetField


class ForestParameters(Parameters):
    """Trees and their size; `max_features=None` takes scikit-learn's default for the kind of target."""

    n_estimators: int = Field(default=20, ge=1, le=2000)
    min_samples_leaf: int = Field(default=2, ge=1)
    max_depth: int | None = Field(default=None, ge=1)
    max_features: float | Literal["sqrt", "log2"] | None = None
    jobs: int = Field(default=1, ge=1, le=64)


class RandomForest:
    """The learner."""

    weighs_rows = True

    def __init__(self, spec: ModelSpec, parameters: ForestParameters) -> None:
        self._spec = spec
        self._parameters = parameters

    def fit(
        self,
        rows: Rows,
        held_out: Rows | None,  # noqa: ARG002  (a forest does not stop early)
        *,
        warm_start: Model | None,
        seed: int,
        progress: Callable[[Step], None],
    ) -> Model:
        """A forest for each target field."""
        check_rows(rows, self._spec.target)
        base = usable_base(warm_start, self._spec, "ordinal")
        coder = base.coder if base else ColumnCoder.fit("ordinal", self._spec.features, rows)
        matrix = coder.encode(rows)
        fields = {}
        for done, (name, target) in enumerate(self._spec.target.items(), start=1):
            fields[name] = self._fit_field(
                target, Lesson(matrix, rows.labels[name], rows.weights), base.fields[name] if base else None, seed
            )
            progress(Step(done, len(self._spec.target)))
        return TabularModel(coder, fields, {})

    def load(self, folder: Path) -> Model:
        """The model that was saved there."""
        return load_tabular(folder)

    def _fit_field(self, target: TargetField, lesson: Lesson, old: FieldModel | None, seed: int) -> FieldModel:
        classes = class_names(lesson.labels) if target.kind == "category" else None
        if classes is not None and old is not None and old.classes is not None:
            classes = tuple(sorted({*classes, *old.classes}))
        total = self._parameters.n_estimators
        grown = total if old is None else max(1, total // 2)
        new = self._grow(lesson, classes, grown, seed, quantile_of(target))
        if old is None or not isinstance(old.part, TreePart) or grown == total:
            return FieldModel(new, classes)
        kept = newest_trees(old.part, total - grown, class_places(old.classes, classes), len(classes or "1"))
        return FieldModel(join_trees([weighted(kept, total), weighted(new, total)]), classes)

    def _grow(
        self, lesson: Lesson, classes: tuple[str, ...] | None, trees: int, seed: int, quantile: float | None
    ) -> TreePart:
        settings: dict[str, Any] = {
            "min_samples_leaf": self._parameters.min_samples_leaf,
            "max_depth": self._parameters.max_depth,
            "random_state": seed % 2**32,
        }
        if self._parameters.max_features is not None:
            settings["max_features"] = self._parameters.max_features
        if quantile is not None:
            settings["min_samples_leaf"] = max(self._parameters.min_samples_leaf, leaf_rows(quantile))
        size: dict[str, Any] = {"trees": trees, "jobs": self._parameters.jobs}
        if classes is None:
            labels = np.asarray(lesson.labels, dtype=np.float64)
            grown = grow_trees(lesson, labels, classes=False, **size, **settings)
            if quantile is not None:
                for tree in grown:
                    set_leaf_quantiles(tree, lesson.matrix, labels, lesson.mass, quantile)
            return forest_part(grown, np.zeros(1, dtype=np.intp), 1)
        codes = class_codes(lesson.labels, classes)
        grown = grow_trees(lesson, codes, classes=True, **size, **settings)
        return forest_part(grown, np.unique(codes).astype(np.intp), len(classes))


def make(spec: ModelSpec, parameters: Mapping[str, Any]) -> RandomForest:
    """The entry point."""
    return RandomForest(spec, read_parameters(ForestParameters, "random-forest", parameters))
