"""`online`: a linear model that river learns row by row, with a learning rate that adapts.

The rate follows a window of the last losses: times 0.9 while they get worse, times 1.1 while they
get better by more than 5 %, and never further than a hundredth or ten times of where it began.
An incremental fit goes on with the old weights and the old rate.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from driftloop.learners.adaptive_rate import AdaptiveRate
from driftloop.learners.columns import ColumnCoder
from driftloop.learners.parameters import Parameters, read_parameters
from driftloop.learners.parts import LinearPart
from driftloop.learners.protocol import Model, Rows, Step
from driftloop.learners.quantiles import quantile_of, weighted_quantile
from driftloop.learners.tabular import FieldModel, TabularModel, load_tabular, usable_base
from driftloop.learners.targets import Lesson, check_rows, class_codes, class_names
from driftloop.spec.model_spec import ModelSpec


class OnlineParameters(Parameters):
    """`learning_rate` is the first one; `passes` over the rows of a full fit (one for an incremental)."""

    learning_rate: float = Field(default=0.02, gt=0)
    adaptive: bool = True
    passes: int = Field(default=2, ge=1)


class Online:
    """The learner."""

    weighs_rows = True
    learns_in_order = True

    def __init__(self, spec: ModelSpec, parameters: OnlineParameters) -> None:
        self._spec = spec
        self._parameters = parameters

    def fit(
        self,
        rows: Rows,
        held_out: Rows | None,  # noqa: ARG002  (each row is a test before it is a lesson)
        *,
        warm_start: Model | None,
        seed: int,  # noqa: ARG002  (rows are taken in stream order)
        progress: Callable[[Step], None],
    ) -> Model:
        """A linear function for each target field."""
        check_rows(rows, self._spec.target)
        base = usable_base(warm_start, self._spec, "standard")
        coder = base.coder if base else ColumnCoder.fit("standard", self._spec.features, rows)
        matrix = coder.encode(rows)
        passes = 1 if base else self._parameters.passes
        fields, rates = {}, {}
        for done, (name, target) in enumerate(self._spec.target.items(), start=1):
            first = self._parameters.learning_rate
            rate = AdaptiveRate(
                float(base.extra.get("rates", {}).get(name, first)) if base else first,
                first,
                adaptive=self._parameters.adaptive,
            )
            old = base.fields[name] if base else None
            lesson, quantile = Lesson(matrix, rows.labels[name], rows.weights), quantile_of(target)
            if quantile is not None:
                fields[name] = _learn_quantile(lesson, old, rate, passes, quantile)
            else:
                learn = _learn_classes if target.kind == "category" else _learn_number
                fields[name] = learn(lesson, old, rate, passes)
            rates[name] = rate.rate
            progress(Step(done, len(self._spec.target)))
        return TabularModel(coder, fields, {"rates": rates})

    def load(self, folder: Path) -> Model:
        """The model that was saved there."""
        return load_tabular(folder)


def make(spec: ModelSpec, parameters: Mapping[str, Any]) -> Online:
    """The entry point."""
    return Online(spec, read_parameters(OnlineParameters, "online", parameters))


def _learn_number(lesson: Lesson, old: FieldModel | None, rate: AdaptiveRate, passes: int) -> FieldModel:
    from river import linear_model, optim

    matrix, values = lesson.matrix, np.asarray(lesson.labels, dtype=np.float64)
    known = old.part if old is not None and isinstance(old.part, LinearPart) else None
    centre = float(values.mean()) if known is None else float(known.intercept[0])
    spread = float(values.std()) or 1.0
    model: Any = linear_model.LinearRegression(optimizer=optim.SGD(0.01), l2=0.0, intercept_lr=0.0, clip_gradient=10.0)
    names = range(matrix.shape[1])
    if known is not None:
        model._weights.update({at: float(known.weights[at, 0]) / spread for at in names})
    intercept = 0.0
    for _ in range(passes):
        for row, value, weight in zip(matrix.tolist(), values.tolist(), lesson.mass.tolist(), strict=True):
            features = dict(zip(names, row, strict=True))
            wanted = (value - centre) / spread
            wrong = wanted - (model.predict_one(features) + intercept)
            rate.learn(abs(wrong))
            # the implicit step: however large the row and the rate, a row is never over-corrected
            step = rate.rate / (1.0 + 2.0 * rate.rate * weight * (1.0 + sum(value * value for value in row)))
            model.optimizer.lr = optim.schedulers.Constant(step)
            model.learn_one(features, wanted - intercept, w=weight)
            intercept += 2.0 * step * float(np.clip(wrong, -10.0, 10.0)) * weight
    slope = np.array([[model.weights.get(at, 0.0) * spread] for at in names], dtype=np.float64).reshape(-1, 1)
    return FieldModel(LinearPart(slope, np.array([centre + intercept * spread]), "identity"), None)


def _learn_quantile(
    lesson: Lesson, old: FieldModel | None, rate: AdaptiveRate, passes: int, quantile: float
) -> FieldModel:
    """Pinball steps, row by row; what is kept is the mean of the weights over the second half of the last pass.

    The intercept is then the quantile of what those weights leave, over the rows they are the mean of.
    """
    matrix, values, mass = lesson.matrix, np.asarray(lesson.labels, dtype=np.float64), lesson.mass
    known = old.part if old is not None and isinstance(old.part, LinearPart) else None
    centre = weighted_quantile(values, quantile, mass) if known is None else float(known.intercept[0])
    spread = float(values.std()) or 1.0
    weights = np.zeros(matrix.shape[1]) if known is None else known.weights[:, 0] / spread
    intercept, total, half = 0.0, np.zeros(matrix.shape[1]), len(values) // 2
    lengths = 1.0 + (matrix * matrix).sum(axis=1)
    for turn in range(passes):
        for row in range(len(values)):
            wrong = (values[row] - centre) / spread - float(matrix[row] @ weights) - intercept
            rate.learn(max(quantile * wrong, (quantile - 1) * wrong))
            pull = (quantile if wrong > 0 else quantile - 1) * mass[row]
            # the implicit step: a row is never over-corrected
            step = min(2.0 * rate.rate * abs(pull), abs(wrong) / lengths[row]) * np.sign(pull)
            weights = weights + step * matrix[row]
            intercept += step
            if turn == passes - 1 and row >= half:
                total += weights
    slope = total / max(len(values) - half, 1) * spread
    rest = values[half:] - matrix[half:] @ slope
    line = weighted_quantile(rest, quantile, mass[half:]) if mass[half:].any() else centre + intercept * spread
    return FieldModel(LinearPart(slope.reshape(-1, 1), np.array([line]), "identity"), None)


def _learn_classes(lesson: Lesson, old: FieldModel | None, rate: AdaptiveRate, passes: int) -> FieldModel:
    from river import linear_model, optim

    before = old.classes or () if old is not None else ()
    classes = (*before, *(name for name in class_names(lesson.labels) if name not in before))
    model: Any = linear_model.SoftmaxRegression(optimizer=optim.SGD(0.01), l2=0.0)
    matrix = lesson.matrix
    columns = matrix.shape[1]
    if old is not None and isinstance(old.part, LinearPart):
        table = np.vstack([old.part.weights, old.part.intercept])
        for place in range(len(before)):
            model.weights[place].update({at: float(table[at, place]) for at in range(columns + 1)})
    for place in range(len(classes)):  # every class takes part from the first row on
        model.weights[place].setdefault(columns, 0.0)
    names = range(columns + 1)
    codes = class_codes(lesson.labels, classes).tolist()
    for _ in range(passes):
        for row, code, weight in zip(matrix.tolist(), codes, lesson.mass.tolist(), strict=True):
            features = dict(zip(names, [*row, 1.0], strict=True))
            told = model.predict_proba_one(features).get(code, 0.0)
            rate.learn(1.0 - told)
            step = optim.schedulers.Constant(rate.rate * weight)
            for place in range(len(classes)):
                model.optimizers[place].lr = step
            model.learn_one(features, code)
    table = np.zeros((columns + 1, len(classes)))
    for place in range(len(classes)):
        table[:, place] = [model.weights[place].get(at, 0.0) for at in names]
    return FieldModel(LinearPart(table[:-1], table[-1], "softmax"), classes)
