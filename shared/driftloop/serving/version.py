"""A version that is loaded and ready to serve."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import structlog
from numpy.typing import NDArray

from driftloop.contracts.model_events import ModelEvent
from driftloop.learners.protocol import Column, Model, Predictions, Rows
from driftloop.spec.expressions import parse_expression
from driftloop.spec.forecast import feature_steps
from driftloop.spec.model_spec import ModelSpec


@dataclass(frozen=True, slots=True)
class Champion:
    """The version that serves now, loaded and ready. Immutable: hold it for as long as you like."""

    model_id: str
    version: str
    spec: ModelSpec
    model: Model
    event: ModelEvent
    _told: set[str] = field(default_factory=set, repr=False, compare=False)

    def predict(self, features: Mapping[str, Column], at: NDArray[np.int64] | None = None) -> Predictions:
        """One prediction a row; `features` are what producers send, derived ones are added here.

        A feature that this version knows and that is not sent (after a roll-back, or where the spec has a new one)
        counts as missing; it is named in the log once. Raises ValueError where no feature is given at all.
        Forecasts need to know when they are made: `at`, one moment a row, in milliseconds since 1970.
        """
        unheard = [name for name in lacking(self.spec, features) if name not in self._told]
        if unheard:
            self._told.update(unheard)
            structlog.get_logger(__name__).warning(
                "features are not sent and count as missing",
                model=self.model_id, version=self.version, features=unheard,
            )  # fmt: skip
        return self.model.predict(Rows(with_derived(self.spec, features), at=at))


def lacking(spec: ModelSpec, features: Mapping[str, Column]) -> tuple[str, ...]:
    """The features of a spec that producers should send and that are not among `features`."""
    return tuple(name for name in spec.raw_features if name not in features)


def with_derived(spec: ModelSpec, features: Mapping[str, Column]) -> dict[str, Column]:
    """The features of a spec in its order, derived ones computed from those given.

    Those that are not given are missing in every row. Raises ValueError where none is given.
    """
    if not features:
        raise ValueError("no feature is given: nothing says how many rows there are")
    rows = len(next(iter(features.values())))
    given = {name: features.get(name, _missing(spec, name, rows)) for name in spec.raw_features}
    numbers = {
        n: np.asarray(c, dtype=np.float64) for n, c in {**features, **given}.items() if c.dtype.kind not in "OUS"
    }
    columns: dict[str, Column] = {}
    for name, feature in spec.features.items():
        if feature.expression is None:
            columns[name] = given[name]
        else:
            expression = parse_expression(feature.expression)
            absent = {n: np.full(rows, np.nan) for n in expression.names if n not in numbers}
            columns[name] = expression.over(numbers | absent)
    return columns


def _missing(spec: ModelSpec, name: str, rows: int) -> Column:
    feature = spec.features[name]
    if feature.kind == "series":
        return np.full((rows, feature_steps(spec, name)), np.nan)
    return np.full(rows, np.nan) if feature.kind == "number" else np.full(rows, None, dtype=object)
