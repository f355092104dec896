"""Any scikit-learn estimator as a learner, in one line of your own module:

    make = estimator_learner("huber", regressor=HuberRegressor())

and an entry point `huber = "my_package.my_module:make"`. Columns come standardised and one-hot, so
that every estimator can take them. Models are stored by skops, which rebuilds only types that it
knows or that `trusted` names: an artifact can never bring code of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from driftloop.learners.columns import ColumnCoder, Matrix
from driftloop.learners.parameters import Parameters, read_parameters
from driftloop.learners.protocol import Model, Predictions, Rows, Step
from driftloop.learners.quantiles import quantile_of
from driftloop.learners.storage import read_description, write_description
from driftloop.learners.tabular import decide
from driftloop.learners.targets import check_rows, class_codes, class_names
from driftloop.spec.model_spec import ModelSpec


class EstimatorParameters(Parameters):
    """`settings` go to the estimator's `set_params`."""

    settings: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class EstimatorModel:
    """A fitted estimator for each target field (None: one class was seen and nothing fitted)."""

    coder: ColumnCoder
    fields: Mapping[str, tuple[Any, tuple[str, ...] | None]]

    def predict(self, rows: Rows) -> Predictions:
        """One prediction a row."""
        matrix = self.coder.encode(rows)
        scores = {name: _scores(fitted, classes, matrix) for name, (fitted, classes) in self.fields.items()}
        return decide(scores, {name: classes for name, (_, classes) in self.fields.items()})

    def save(self, folder: Path) -> None:
        """Write `model.json` and a skops file for each field."""
        from skops.io import dump

        fields = [{"name": name, "classes": classes} for name, (_, classes) in self.fields.items()]
        write_description(folder, {"coder": self.coder.model_dump(mode="json"), "fields": fields})
        for place, (fitted, _) in enumerate(self.fields.values()):
            dump(fitted, folder / f"field.{place}.skops")


class EstimatorLearner:
    """The learner. An incremental fit is a full one: estimators in general cannot go on."""

    def __init__(
        self, spec: ModelSpec, kinds: tuple[Any, Any], settings: Mapping[str, Any], trusted: Sequence[str]
    ) -> None:
        self._spec = spec
        self._classifier, self._regressor = kinds
        self._settings = settings
        self._trusted = list(trusted)
        used = [self._prototype(target.kind == "category") for target in spec.target.values()]
        self.weighs_rows = all(_weighs(one) for one in used if one is not None)

    def fit(
        self,
        rows: Rows,
        held_out: Rows | None,  # noqa: ARG002  (nothing to stop early)
        *,
        warm_start: Model | None,
        seed: int,
        progress: Callable[[Step], None],
    ) -> Model:
        """A fitted copy of the estimator for each target field."""
        check_rows(rows, self._spec.target)
        if warm_start is not None and not isinstance(warm_start, EstimatorModel):
            raise ValueError("the base version was made by another learner: train in full")
        coder = ColumnCoder.fit("standard", self._spec.features, rows)
        matrix = coder.encode(rows)
        fields = {}
        for done, (name, target) in enumerate(self._spec.target.items(), start=1):
            labels = rows.labels[name]
            classes = class_names(labels) if target.kind == "category" else None
            wanted = np.asarray(labels, dtype=np.float64) if classes is None else class_codes(labels, classes)
            one_class = classes is not None and len(classes) == 1
            fitted = None if one_class else self._new(classes is not None, seed, quantile_of(target))
            if fitted is not None:
                weighed = rows.weights is not None and _weighs(fitted)
                fitted.fit(matrix, wanted, **({"sample_weight": rows.weights} if weighed else {}))
            fields[name] = (fitted, classes)
            progress(Step(done, len(self._spec.target)))
        return EstimatorModel(coder, fields)

    def load(self, folder: Path) -> Model:
        """The model that was saved there; types that are neither skops' nor trusted are refused."""
        from skops.io import load

        description = read_description(folder)
        try:
            coder = ColumnCoder.model_validate(description["coder"])
            fields = {
                entry["name"]: (
                    load(folder / f"field.{place}.skops", trusted=self._trusted),
                    None if entry["classes"] is None else tuple(entry["classes"]),
                )
                for place, entry in enumerate(description["fields"])
            }
        except Exception as error:
            raise ValueError(f"the model in {folder} cannot be read: {error}") from error
        return EstimatorModel(coder, fields)

    def _prototype(self, classifies: bool) -> Any:
        return self._classifier if classifies else self._regressor

    def _new(self, classifies: bool, seed: int, quantile: float | None) -> Any:
        from sklearn.base import clone

        prototype = self._prototype(classifies)
        if prototype is None:
            raise ValueError(f"this learner has no estimator for {'categories' if classifies else 'numbers'}")
        estimator = clone(prototype).set_params(**self._settings)
        if quantile is not None and "quantile" not in estimator.get_params():
            raise ValueError(
                f"this learner cannot be trained for a quantile ({quantile:g} is declared): its estimator has no "
                "parameter of that name; choose another learner, or leave the quantile out of the target"
            )
        if quantile is not None:
            estimator.set_params(quantile=quantile)
        if "random_state" in estimator.get_params():
            estimator.set_params(random_state=seed % 2**32)
        return estimator


def estimator_learner(
    name: str, *, classifier: Any = None, regressor: Any = None, trusted: Sequence[str] = ()
) -> Callable[[ModelSpec, Mapping[str, Any]], EstimatorLearner]:
    """The factory for an entry point called `name`, from unfitted estimators.

    `trusted` names types (as `skops.io.get_untrusted_types` spells them) that you have reviewed.
    Classifiers need `predict_proba`.
    """

    def make(spec: ModelSpec, parameters: Mapping[str, Any]) -> EstimatorLearner:
        settings = read_parameters(EstimatorParameters, name, parameters).settings
        return EstimatorLearner(spec, (classifier, regressor), settings, trusted)

    return make


def _weighs(estimator: Any) -> bool:
    """Whether the estimator's `fit` takes weights: a pipeline, neighbours and many networks do not."""
    from sklearn.utils.validation import has_fit_parameter

    return bool(has_fit_parameter(estimator, "sample_weight"))


def _scores(fitted: Any, classes: tuple[str, ...] | None, matrix: Matrix) -> Matrix:
    width = 1 if classes is None else len(classes)
    if len(matrix) == 0 or fitted is None:
        return np.ones((len(matrix), width))
    said = fitted.predict(matrix).reshape(-1, 1) if classes is None else fitted.predict_proba(matrix)
    return np.asarray(said, dtype=np.float64)
