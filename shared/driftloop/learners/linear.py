"""`linear`: ridge regression for numbers (quantile regression for a quantile), logistic regression for categories.

All on standardised columns.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from driftloop.learners.columns import ColumnCoder, Matrix
from driftloop.learners.parameters import Parameters, read_parameters
from driftloop.learners.parts import ConstantPart, LinearPart
from driftloop.learners.protocol import Model, Rows, Step
from driftloop.learners.quantile_line import quantile_line
from driftloop.learners.quantiles import quantile_of
from driftloop.learners.tabular import FieldModel, TabularModel, load_tabular, usable_base
from driftloop.learners.targets import Lesson, check_rows, class_codes, class_names
from driftloop.spec.model_spec import ModelSpec


class LinearParameters(Parameters):
    """`penalty` is the L2 penalty (1/C of scikit-learn's logistic regression, alpha of its ridge)."""

    penalty: float = Field(default=1.0, gt=0)
    iterations: int = Field(default=200, ge=1)
    incremental_iterations: int = Field(default=10, ge=1)


class Linear:
    """The learner. An incremental fit keeps the old standardisation and is drawn towards the old weights."""

    weighs_rows = True

    def __init__(self, spec: ModelSpec, parameters: LinearParameters) -> None:
        self._spec = spec
        self._parameters = parameters

    def fit(
        self,
        rows: Rows,
        held_out: Rows | None,  # noqa: ARG002  (nothing is stopped early)
        *,
        warm_start: Model | None,
        seed: int,  # noqa: ARG002  (the solution does not depend on chance)
        progress: Callable[[Step], None],
    ) -> Model:
        """A linear function for each target field."""
        check_rows(rows, self._spec.target)
        base = usable_base(warm_start, self._spec, "standard")
        coder = base.coder if base else ColumnCoder.fit("standard", self._spec.features, rows)
        matrix = coder.encode(rows)
        fields = {}
        for done, (name, target) in enumerate(self._spec.target.items(), start=1):
            old = base.fields[name] if base else None
            lesson = Lesson(matrix, rows.labels[name], rows.weights)
            if target.kind == "category":
                fields[name] = self._classify(lesson, old)
            else:
                fields[name] = self._regress(lesson, old, quantile_of(target))
            progress(Step(done, len(self._spec.target)))
        return TabularModel(coder, fields, {})

    def load(self, folder: Path) -> Model:
        """The model that was saved there."""
        return load_tabular(folder)

    def _regress(self, lesson: Lesson, old: FieldModel | None, quantile: float | None) -> FieldModel:
        known = old.part if old and isinstance(old.part, LinearPart) else None
        target = np.asarray(lesson.labels, dtype=np.float64)
        rest = target if known is None else target - known.scores(lesson.matrix)[:, 0]
        penalty = self._parameters.penalty
        if quantile is None:
            slope, intercept = _mean_line(lesson, rest, penalty)
        else:
            slope, intercept = quantile_line(lesson.matrix, rest, lesson.mass, quantile, penalty)
        if known is not None:
            slope, intercept = slope + known.weights, intercept + known.intercept
        return FieldModel(LinearPart(slope, intercept, "identity"), None)

    def _classify(self, lesson: Lesson, old: FieldModel | None) -> FieldModel:
        from sklearn.linear_model import LogisticRegression

        classes = class_names(lesson.labels)
        if len(classes) == 1 and (old is None or old.classes in (None, classes)):
            return FieldModel(ConstantPart(np.ones((1, 1))), classes)
        known = old.part if old is not None else None
        if old is not None and isinstance(known, LinearPart) and set(classes) <= set(old.classes or ()):
            return FieldModel(self._go_on(lesson, class_codes(lesson.labels, old.classes or ()), known), old.classes)
        settings = {"C": 1.0 / self._parameters.penalty, "max_iter": self._parameters.iterations}
        fitted = LogisticRegression(**settings).fit(
            lesson.matrix, class_codes(lesson.labels, classes), sample_weight=lesson.weights
        )
        weights_, intercept = fitted.coef_.T.astype(np.float64), fitted.intercept_.astype(np.float64)
        return FieldModel(LinearPart(weights_, intercept, "sigmoid" if len(classes) == 2 else "softmax"), classes)

    def _go_on(self, lesson: Lesson, codes: NDArray[np.int64], known: LinearPart) -> LinearPart:
        """Gradient steps (Newton-scaled) from the old weights: no class is forgotten for not being in the new rows."""
        matrix, mass = lesson.matrix, lesson.mass
        outputs = known.scores(matrix).shape[1]
        wanted = np.eye(outputs)[codes]
        design = np.column_stack([matrix, np.ones(len(matrix))])
        table = np.vstack([known.weights, known.intercept])
        curvature = 0.25 * (design.T * mass) @ design + self._parameters.penalty * np.eye(design.shape[1])
        for _ in range(self._parameters.incremental_iterations):
            part = LinearPart(table[:-1], table[-1], known.link)
            wrong = (wanted - part.scores(matrix)) * mass[:, None]
            step = np.linalg.solve(curvature, design.T @ (wrong[:, 1:] if known.link == "sigmoid" else wrong))
            table = table + step
        return LinearPart(table[:-1], table[-1], known.link)


def _mean_line(lesson: Lesson, values: NDArray[np.float64], penalty: float) -> tuple[Matrix, NDArray[np.float64]]:
    """Slope and intercept of the least squares."""
    from sklearn.linear_model import Ridge

    ridge = Ridge(alpha=penalty).fit(lesson.matrix, values, sample_weight=lesson.weights)
    slope = np.asarray(ridge.coef_, dtype=np.float64).reshape(-1, 1)
    return slope, np.asarray([ridge.intercept_], dtype=np.float64)


def make(spec: ModelSpec, parameters: Mapping[str, Any]) -> Linear:
    """The entry point."""
    return Linear(spec, read_parameters(LinearParameters, "linear", parameters))
