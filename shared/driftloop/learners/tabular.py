"""The model that most learners make: a coder for the columns, and a part for each target field."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from driftloop.learners.columns import ColumnCoder, Matrix
from driftloop.learners.parts import ConstantPart, LinearPart, Part
from driftloop.learners.protocol import Column, Model, Predictions, Rows
from driftloop.learners.storage import read_model, write_model
from driftloop.learners.trees import TreePart
from driftloop.spec.model_spec import ModelSpec

_TIE_DIGITS = 12
"""Probabilities this close are equal, so that a tie is settled by the alphabet and not by the last bit."""


@dataclass(frozen=True, slots=True)
class FieldModel:
    """One target field: its part, and the names of its classes (None for a number)."""

    part: Part
    classes: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class TabularModel:
    """A fitted model. `extra` is what its learner needs to go on from it (JSON)."""

    coder: ColumnCoder
    fields: Mapping[str, FieldModel]
    extra: Mapping[str, Any]

    def predict(self, rows: Rows) -> Predictions:
        """One prediction a row; confidence is the mean over category fields of the highest probability."""
        matrix = self.coder.encode(rows)
        scores = {name: field.part.scores(matrix) for name, field in self.fields.items()}
        return decide(scores, {name: field.classes for name, field in self.fields.items()})

    def save(self, folder: Path) -> None:
        """Write `model.json` and `model.safetensors`."""
        names = list(self.fields)
        arrays = {
            f"{place}.{key}": array
            for place, name in enumerate(names)
            for key, array in self.fields[name].part.arrays().items()
        }
        fields = [_describe(name, self.fields[name]) for name in names]
        coder = self.coder.model_dump(mode="json")
        write_model(folder, {"coder": coder, "fields": fields, "extra": dict(self.extra)}, arrays)


def load_tabular(folder: Path) -> TabularModel:
    """What `TabularModel.save` wrote; raises ValueError where it is damaged."""
    description, arrays = read_model(folder)
    try:
        coder = ColumnCoder.model_validate(description["coder"])
        fields = {
            entry["name"]: FieldModel(
                _part(entry, {k.removeprefix(f"{at}."): a for k, a in arrays.items() if k.startswith(f"{at}.")}),
                None if entry["classes"] is None else tuple(entry["classes"]),
            )
            for at, entry in enumerate(description["fields"])
        }
        model = TabularModel(coder, fields, description["extra"])
    except (KeyError, TypeError, ValidationError) as error:
        raise ValueError(f"the model in {folder} is not of this learner: {error}") from error
    _check(model)
    return model


def usable_base(model: Model | None, spec: ModelSpec, style: str) -> TabularModel | None:
    """The model that an incremental fit goes on from, None for a full fit.

    Raises ValueError where it was made by another kind of learner or from other features or fields.
    """
    if model is None:
        return None
    if not isinstance(model, TabularModel) or model.coder.style != style:
        raise ValueError("the base version was made by another learner: train in full")
    if not model.coder.covers(spec.features) or set(model.fields) != set(spec.target):
        raise ValueError("the base version has other features or target fields: train in full")
    return model


def decide(scores: Mapping[str, Matrix], classes: Mapping[str, tuple[str, ...] | None]) -> Predictions:
    """Predictions from scores by field: the value of a number, the most probable class of a category."""
    fields: dict[str, Column] = {}
    confidences: list[NDArray[np.float64]] = []
    for name, score in scores.items():
        names = classes[name]
        if names is None:
            fields[name] = score[:, 0].astype(np.float64)
            continue
        best = np.round(score, _TIE_DIGITS).argmax(axis=1)
        fields[name] = np.array(names, dtype=object)[best]
        confidences.append(score[np.arange(len(score)), best])
    return Predictions(fields, np.clip(np.mean(confidences, axis=0), 0.0, 1.0) if confidences else None)


def _describe(name: str, field: FieldModel) -> dict[str, Any]:
    part = field.part
    entry: dict[str, Any] = {"name": name, "classes": None if field.classes is None else list(field.classes)}
    match part:
        case ConstantPart():
            return entry | {"part": "constant"}
        case LinearPart():
            return entry | {"part": "linear", "link": part.link}
        case TreePart():
            return entry | {"part": "trees", "link": part.link, "single_precision": part.single_precision}
    raise TypeError(f"a {type(part).__name__} cannot be stored")


def _part(entry: Mapping[str, Any], arrays: dict[str, NDArray[Any]]) -> Part:
    match entry["part"]:
        case "constant":
            return ConstantPart(**arrays)
        case "linear":
            return LinearPart(**arrays, link=entry["link"])
        case "trees":
            return TreePart(**arrays, link=entry["link"], single_precision=entry["single_precision"])
    raise ValueError(f"a model has no part called {entry['part']!r}")


def _check(model: TabularModel) -> None:
    columns = model.coder.width
    for name, field in model.fields.items():
        if isinstance(field.part, TreePart):
            field.part.check(columns)
        if isinstance(field.part, LinearPart) and len(field.part.weights) != columns:
            raise ValueError(f"the stored weights of {name!r} do not fit its {columns} columns")
