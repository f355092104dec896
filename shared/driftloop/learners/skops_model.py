"""Models of scikit-learn in skops files, made elsewhere. They hold no code: see `skops_file`.

A model takes one matrix, whose columns are features in a declared order: numbers with NaN for missing, or, where a
category is among them, objects with None for a missing text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from driftloop.codec.scalars import category_text
from driftloop.learners.protocol import Column, Predictions, Rows
from driftloop.learners.skops_file import read_skops
from driftloop.learners.storage import read_description, write_description
from driftloop.spec.model_spec import ModelSpec

MODEL_FILE = "model.skops"


@dataclass(frozen=True)
class SkopsModel:
    """A loaded model; `inputs` are the columns of its matrix, `targets` the fields that it predicts, in its order."""

    contents: bytes
    kinds: Mapping[str, str]
    targets: Mapping[str, str]
    inputs: tuple[str, ...]
    estimator: Any

    @classmethod
    def of(cls, contents: bytes, spec: ModelSpec, inputs: tuple[str, ...] = ()) -> "SkopsModel":
        """The model in a file's bytes; raises ValueError, with a sentence, where it does not fit the spec."""
        estimator = read_skops(contents)
        named = tuple(map(str, getattr(estimator, "feature_names_in_", ())))
        columns = inputs or named or tuple(spec.features)
        unknown = [name for name in columns if name not in spec.features]
        if unknown:
            raise ValueError(f"the model takes {', '.join(unknown)}, which the spec has not as features")
        wanted = getattr(estimator, "n_features_in_", None)
        if wanted != len(columns):
            raise ValueError(f"the model takes {wanted} columns, {len(columns)} are declared: name them with `inputs`")
        if not hasattr(estimator, "predict"):
            raise ValueError(f"a {type(estimator).__name__} predicts nothing: it is no model")
        kinds = {name: feature.kind for name, feature in spec.features.items()}
        return cls(contents, kinds, {name: target.kind for name, target in spec.target.items()}, columns, estimator)

    def predict(self, rows: Rows) -> Predictions:
        """One prediction a row."""
        if not len(rows):
            empty: dict[str, Column] = {
                name: np.empty(0, dtype=np.float64 if kind == "number" else object)
                for name, kind in self.targets.items()
            }
            return Predictions(empty)
        matrix = self._matrix(rows)
        said = np.asarray(self.estimator.predict(matrix))
        table = said.reshape(len(rows), -1)
        if table.shape[1] != len(self.targets):
            raise ValueError(f"the model predicts {table.shape[1]} values a row, the spec has {len(self.targets)}")
        fields = {name: _field(table[:, place], kind) for place, (name, kind) in enumerate(self.targets.items())}
        return Predictions(fields, self._confidence(matrix))

    def save(self, folder: Path) -> None:
        """Write the file as it came, and how it is fed."""
        description = {"inputs": list(self.inputs), "kinds": dict(self.kinds), "targets": dict(self.targets)}
        write_description(folder, description)
        (folder / MODEL_FILE).write_bytes(self.contents)

    def _matrix(self, rows: Rows) -> np.ndarray:
        if all(self.kinds[name] == "number" for name in self.inputs):
            return np.column_stack([_numbers(rows, name) for name in self.inputs])
        matrix = np.empty((len(rows), len(self.inputs)), dtype=object)
        for place, name in enumerate(self.inputs):
            column = rows.features.get(name)
            matrix[:, place] = _numbers(rows, name) if self.kinds[name] == "number" else column
        return matrix

    def _confidence(self, matrix: np.ndarray) -> np.ndarray | None:
        if len(self.targets) > 1 or not hasattr(self.estimator, "predict_proba"):
            return None
        chances = np.asarray(self.estimator.predict_proba(matrix), dtype=np.float64)
        sure: np.ndarray = np.clip(chances.max(axis=1), 0.0, 1.0)
        return sure


class SkopsLearner:
    """Loads what others trained; nothing can be fitted with it."""

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec

    def fit(self, *_rows: Any, **_how: Any) -> NoReturn:
        """Raises ValueError: it was made elsewhere."""
        raise ValueError("a model in a skops file was trained elsewhere: it cannot be trained here")

    def load(self, folder: Path) -> SkopsModel:
        """What `SkopsModel.save` wrote; raises ValueError where it is damaged."""
        described = read_description(folder)
        try:
            contents = (folder / MODEL_FILE).read_bytes()
            inputs, kinds, targets = tuple(described["inputs"]), described["kinds"], described["targets"]
        except (OSError, KeyError, TypeError) as error:
            raise ValueError(f"the model in {folder} is no skops file: {error}") from error
        return SkopsModel(contents, kinds, targets, inputs, read_skops(contents))


def make(spec: ModelSpec, parameters: Mapping[str, Any]) -> SkopsLearner:
    """The entry point; it has no parameters."""
    del parameters
    return SkopsLearner(spec)


def _numbers(rows: Rows, name: str) -> np.ndarray:
    column = rows.features.get(name)
    return np.full(len(rows), np.nan) if column is None else column.astype(np.float64)


def _field(values: np.ndarray, kind: str) -> Column:
    if kind == "number":
        return values.astype(np.float64)
    return np.array([category_text(value) for value in values.tolist()], dtype=object)
