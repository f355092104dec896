"""`gradient-boosting`: boosted trees on histograms (scikit-learn's), kept as arrays.

An incremental fit of a number adds trees that are boosted on what the old model leaves unexplained.
For classes the library takes no starting point, so that an incremental fit is a full one on the given rows.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from driftloop.learners.columns import ColumnCoder, Matrix
from driftloop.learners.parameters import Parameters, read_parameters
from driftloop.learners.parts import ConstantPart, Link
from driftloop.learners.protocol import Model, Rows, Step
from driftloop.learners.quantiles import quantile_of
from driftloop.learners.tabular import FieldModel, TabularModel, load_tabular, usable_base
from driftloop.learners.targets import Lesson, check_rows, class_codes, class_names
from driftloop.learners.trees import TreePart, join_trees
from driftloop.spec.model_spec import ModelSpec, TargetField


class BoostingParameters(Parameters):
    """As in scikit-learn's HistGradientBoosting; `incremental_iterations` is what a warm start adds."""

    iterations: int = Field(default=100, ge=1, le=5000)
    incremental_iterations: int = Field(default=20, ge=1, le=5000)
    learning_rate: float = Field(default=0.1, gt=0)
    max_leaf_nodes: int = Field(default=31, ge=2)
    min_samples_leaf: int = Field(default=20, ge=1)
    penalty: float = Field(default=0.0, ge=0)
    jobs: int = Field(default=1, ge=1, le=64)


class GradientBoosting:
    """The learner."""

    weighs_rows = True

    def __init__(self, spec: ModelSpec, parameters: BoostingParameters) -> None:
        self._spec = spec
        self._parameters = parameters

    def fit(
        self,
        rows: Rows,
        held_out: Rows | None,  # noqa: ARG002  (the number of trees is a parameter)
        *,
        warm_start: Model | None,
        seed: int,
        progress: Callable[[Step], None],
    ) -> Model:
        """Boosted trees for each target field."""
        import sklearn.ensemble  # noqa: F401  (its thread pools are there to be limited only once it is imported)
        from threadpoolctl import threadpool_limits

        check_rows(rows, self._spec.target)
        base = usable_base(warm_start, self._spec, "ordinal")
        coder = base.coder if base else ColumnCoder.fit("ordinal", self._spec.features, rows)
        matrix = coder.encode(rows)
        matrix[:, np.isnan(matrix).all(axis=0)] = 0.0  # the library cannot bin a column without one value
        fields = {}
        for done, (name, target) in enumerate(self._spec.target.items(), start=1):
            old = base.fields[name] if base else None
            lesson = Lesson(matrix, rows.labels[name], rows.weights)
            with threadpool_limits(limits=self._parameters.jobs):
                fields[name] = self._fit_field(target, lesson, old, seed)
            progress(Step(done, len(self._spec.target)))
        return TabularModel(coder, fields, {})

    def load(self, folder: Path) -> Model:
        """The model that was saved there."""
        return load_tabular(folder)

    def _fit_field(self, target: TargetField, lesson: Lesson, old: FieldModel | None, seed: int) -> FieldModel:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        if target.kind == "number":
            known = old.part if old is not None and isinstance(old.part, TreePart) else None
            values = np.asarray(lesson.labels, dtype=np.float64)
            rest = values if known is None else values - known.scores(lesson.matrix)[:, 0]
            quantile = quantile_of(target)
            loss = {} if quantile is None else {"loss": "quantile", "quantile": quantile}
            booster = HistGradientBoostingRegressor(**self._settings(seed, incremental=known is not None), **loss)
            part = boosted_part(booster.fit(lesson.matrix, rest, sample_weight=lesson.weights), 1, "identity")
            return FieldModel(part if known is None else join_trees([_started(known, part), part]), None)
        classes = class_names(lesson.labels)
        if len(classes) == 1:
            return FieldModel(ConstantPart(np.ones((1, 1))), classes)
        booster = HistGradientBoostingClassifier(**self._settings(seed, incremental=False))
        booster.fit(lesson.matrix, class_codes(lesson.labels, classes), sample_weight=lesson.weights)
        two = len(classes) == 2
        return FieldModel(boosted_part(booster, 1 if two else len(classes), "sigmoid" if two else "softmax"), classes)

    def _settings(self, seed: int, *, incremental: bool) -> dict[str, Any]:
        parameters = self._parameters
        return {
            "max_iter": parameters.incremental_iterations if incremental else parameters.iterations,
            "learning_rate": parameters.learning_rate,
            "max_leaf_nodes": parameters.max_leaf_nodes,
            "min_samples_leaf": parameters.min_samples_leaf,
            "l2_regularization": parameters.penalty,
            "early_stopping": False,
            "random_state": seed % 2**32,
        }


def make(spec: ModelSpec, parameters: Mapping[str, Any]) -> GradientBoosting:
    """The entry point."""
    return GradientBoosting(spec, read_parameters(BoostingParameters, "gradient-boosting", parameters))


def _started(old: TreePart, new: TreePart) -> TreePart:
    """The old trees with the new start added to theirs."""
    return replace(old, start=old.start + new.start)


def boosted_part(booster: Any, outputs: int, link: Link) -> TreePart:
    """Arrays of a fitted booster with `outputs` raw scores."""
    start = np.asarray(booster._baseline_prediction, dtype=np.float64).reshape(-1)
    return join_trees(
        [
            _tree(predictor.nodes, output, outputs, start, link)
            for round_ in booster._predictors
            for output, predictor in enumerate(round_)
        ]
    )


def _tree(nodes: Any, output: int, outputs: int, start: Matrix, link: Link) -> TreePart:
    leaf = nodes["is_leaf"].astype(bool)
    values = np.zeros((len(nodes), outputs))
    values[:, output] = np.where(leaf, nodes["value"], 0.0)
    return TreePart(
        np.zeros(1, dtype=np.int32),
        np.where(leaf, -1, nodes["left"].astype(np.int64)).astype(np.int32),
        np.where(leaf, -1, nodes["right"].astype(np.int64)).astype(np.int32),
        np.where(leaf, 0, nodes["feature_idx"]).astype(np.int32),
        nodes["num_threshold"].astype(np.float64),
        nodes["missing_go_to_left"].astype(np.bool_),
        values,
        start,
        link,
        single_precision=False,
    )
