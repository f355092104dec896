"""The one way in for what others trained: verified, loaded, and held against what its own framework says."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from driftloop.learners.onnx_model import OnnxModel
from driftloop.learners.protocol import Model, Predictions, Rows
from driftloop.spec.model_spec import ModelSpec
from trainer_worker.adapters.command.folder import ResultFile, RunFolder

_RELATIVE, _ABSOLUTE = 1e-4, 1e-5
"""A model in single precision says a number of its framework this nearly."""


def imported_model(folder: RunFolder, result: ResultFile, spec: ModelSpec, checked: Rows) -> Model | None:
    """The model that a program left; None where it left predictions alone.

    Raises ValueError, with a sentence, for a file that is not the one that is named, cannot be loaded, has other
    inputs than the spec has features, or says something else on the check rows than the program's own model.
    """
    if result.format == "predictions":
        if spec.serving != "external":
            raise ValueError("predictions without a model prove a version only of a model that others serve")
        return None
    contents = folder.file(result.model)
    found = hashlib.sha256(contents).hexdigest()
    if result.sha256 is not None and result.sha256 != found:
        raise ValueError(f"{result.model} has SHA-256 {found}, result.json says {result.sha256}")
    model = OnnxModel.of(contents, spec, result.inputs, result.outputs)
    theirs = folder.predictions(result.checked, spec, len(checked))
    require_the_same(model.predict(checked), theirs, checked, spec)
    return model


def require_the_same(ours: Predictions, theirs: Predictions, rows: Rows, spec: ModelSpec) -> None:
    """Raises ValueError, with a sentence, where two models differ on rows, missing values among them."""
    for name, target in spec.target.items():
        if target.kind == "category":
            differ = ours.fields[name] != theirs.fields[name]
        else:
            both = ours.fields[name].astype(np.float64), theirs.fields[name].astype(np.float64)
            scale = np.abs(both[1]) * _RELATIVE + _ABSOLUTE * max(1.0, float(np.std(both[1])))
            differ = ~(np.abs(both[0] - both[1]) <= scale)
        if differ.any():
            holes = has_holes(rows)[differ]
            raise ValueError(
                f"the converted model says something else about {name!r} than its framework on {int(differ.sum())} of "
                f"{len(differ)} check rows ({int(holes.sum())} of them with a missing value)"
            )


def has_holes(rows: Rows) -> NDArray[np.bool_]:
    """The rows in which a feature is missing."""
    found = [
        np.array([value is None for value in column]) if column.dtype == object else np.isnan(column)
        for column in rows.features.values()
    ]
    return np.asarray(np.logical_or.reduce(found), dtype=np.bool_)
