"""What is learnt: labels checked and turned into numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftloop.learners.protocol import Column, Rows
from driftloop.spec.model_spec import TargetField
from driftloop.spec.numbers import LARGEST

MINIMUM_ROWS = 5
"""Fewer rows than this are no data set for any learner."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one field is learnt from: the matrix of features, its labels, and the rows' weights."""

    matrix: NDArray[np.float64]
    labels: Column
    weights: NDArray[np.float64] | None

    @property
    def mass(self) -> NDArray[np.float64]:
        """The weights, 1 for each row where none are given."""
        return np.ones(len(self.matrix)) if self.weights is None else self.weights


def check_rows(rows: Rows, target: Mapping[str, TargetField]) -> None:
    """Raises ValueError, with a sentence, where `rows` cannot be learnt from."""
    if not rows.features or len(rows) < MINIMUM_ROWS:
        count = len(rows) if rows.features else 0
        raise ValueError(f"{count} rows are too few to learn from: at least {MINIMUM_ROWS} are needed")
    for name, field in target.items():
        if name not in rows.labels:
            raise ValueError(f"the rows have no label {name!r}")
        if _nothing(rows.labels[name], field.kind).any():
            raise ValueError(f"label {name!r} is missing in some rows: leave them out")
    if rows.weights is not None and not (np.isfinite(rows.weights).all() and (rows.weights >= 0).all()):
        raise ValueError("weights must be finite and not negative")
    if rows.weights is not None and not rows.weights.any():
        raise ValueError("every row has weight 0: nothing can be learnt")


def known_labels(rows: Rows, target: Mapping[str, TargetField]) -> NDArray[np.bool_]:
    """Which rows have every label: True where a row can be learnt from."""
    missing = [_nothing(rows.labels[name], field.kind) for name, field in target.items()]
    return np.asarray(~np.any(missing, axis=0))


def class_names(column: Column) -> tuple[str, ...]:
    """The classes among labels, in alphabetical order."""
    return tuple(sorted(set(column)))


def class_codes(column: Column, names: tuple[str, ...]) -> NDArray[np.int64]:
    """The place of each label in `names`; -1 for one that is not there."""
    places = {name: place for place, name in enumerate(names)}
    return np.array([places.get(value, -1) for value in column], dtype=np.int64)


def _nothing(column: Column, kind: str) -> NDArray[np.bool_]:
    """Rows without a label; of a series, those of which no step is known."""
    if kind != "series":
        return _missing(column, kind)
    return np.asarray(_missing(column, "number").all(axis=1))


def _missing(column: Column, kind: str) -> NDArray[np.bool_]:
    if kind == "number":
        return np.asarray(~(np.abs(np.asarray(column, dtype=np.float64)) <= LARGEST))
    return np.array([value is None for value in column], dtype=np.bool_)
