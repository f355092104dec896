"""A network as arrays.

It predicts with numpy in double precision: no torch is needed, and the size of a block of rows
does not change a digit that counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from pydantic import Field, ValidationError

from driftloop.learners.columns import ColumnCoder, Matrix
from driftloop.learners.parameters import Parameters
from driftloop.learners.parts import apply_link
from driftloop.learners.protocol import Model, Predictions, Rows
from driftloop.learners.quantiles import quantile_of
from driftloop.learners.storage import read_model, write_model
from driftloop.learners.tabular import decide
from driftloop.learners.targets import class_names
from driftloop.spec.model_spec import ModelSpec, TargetField

Layers = tuple[tuple[Matrix, Matrix], ...]
"""(weights of (inputs, outputs), bias) of each layer in order; ReLU between them."""


class Output(Parameters):
    """A target field: its classes, or how a number was standardised."""

    name: str
    classes: tuple[str, ...] | None = None
    mean: float = 0.0
    scale: float = 1.0

    @property
    def width(self) -> int:
        """Outputs of the network that belong to the field."""
        return 1 if self.classes is None else len(self.classes)


class Outputs(Parameters):
    """The last layer's meaning, field by field in order."""

    fields: tuple[Output, ...]
    quantiles: dict[str, float] = Field(default_factory=dict, exclude=True)
    """Fields that are learnt for a quantile. What a network says needs no such word: it is not stored."""

    @classmethod
    def fit(cls, target: Mapping[str, TargetField], rows: Rows) -> Self:
        """Classes and moments of the labels of `rows`."""
        quantiles = {name: asked for name, field in target.items() if (asked := quantile_of(field)) is not None}
        return cls(fields=tuple(_fit(name, field, rows) for name, field in target.items()), quantiles=quantiles)

    @property
    def names(self) -> tuple[str, ...]:
        """The fields' names."""
        return tuple(field.name for field in self.fields)

    @property
    def width(self) -> int:
        """Outputs of the last layer."""
        return sum(field.width for field in self.fields)

    def slices(self) -> list[tuple[Output, slice]]:
        """Where each field's outputs stand."""
        ends = np.cumsum([field.width for field in self.fields]).tolist()
        return [(field, slice(end - field.width, end)) for field, end in zip(self.fields, ends, strict=True)]

    def widened(self, seen: "Outputs", layers: Layers) -> tuple["Outputs", Layers]:
        """These outputs with the classes that are new in `seen`, and layers with room for them.

        The scaling of numbers stays. A new class starts with weight 0 and the lowest bias of its field.
        """
        weights, bias = layers[-1]
        fields, blocks, biases = [], [], []
        newcomers = {field.name: field.classes or () for field in seen.fields}
        for field, place in self.slices():
            new = sorted(set(newcomers[field.name]) - set(field.classes or ())) if field.classes is not None else []
            fields.append(field.model_copy(update={"classes": (*field.classes, *new)}) if field.classes else field)
            blocks.append(np.hstack([weights[:, place], np.zeros((len(weights), len(new)))]))
            biases.append(np.concatenate([bias[place], np.full(len(new), bias[place].min())]))
        return type(self)(fields=tuple(fields), quantiles=seen.quantiles), (
            *layers[:-1],
            (np.hstack(blocks), np.concatenate(biases)),
        )


def _fit(name: str, field: TargetField, rows: Rows) -> Output:
    if field.kind == "category":
        return Output(name=name, classes=class_names(rows.labels[name]))
    values = np.asarray(rows.labels[name], dtype=np.float64)
    mean, scale = float(values.mean()), float(values.std())
    return Output(name=name, mean=mean, scale=scale if scale > 1e-12 * max(1.0, abs(mean)) else 1.0)


@dataclass(frozen=True, slots=True)
class NetworkModel:
    """A fitted network."""

    coder: ColumnCoder
    outputs: Outputs
    layers: Layers

    def predict(self, rows: Rows) -> Predictions:
        """One prediction a row; numbers in their own units."""
        signal = self.coder.encode(rows)
        for weights, bias in self.layers[:-1]:
            signal = np.maximum(signal @ weights + bias, 0.0)
        weights, bias = self.layers[-1]
        raw = signal @ weights + bias
        scores: dict[str, Matrix] = {}
        for field, place in self.outputs.slices():
            if field.classes is None:
                scores[field.name] = raw[:, place] * field.scale + field.mean
            else:
                scores[field.name] = apply_link("softmax", raw[:, place])
        return decide(scores, {field.name: field.classes for field in self.outputs.fields})

    def save(self, folder: Path) -> None:
        """Write `model.json` and `model.safetensors`."""
        arrays = {}
        for place, (weights, bias) in enumerate(self.layers):
            arrays[f"layer.{place:02d}.weights"] = weights
            arrays[f"layer.{place:02d}.bias"] = bias
        described = {"coder": self.coder.model_dump(mode="json"), "outputs": self.outputs.model_dump(mode="json")}
        write_model(folder, described, arrays)


def load_network(folder: Path) -> NetworkModel:
    """What `NetworkModel.save` wrote; raises ValueError where it is damaged."""
    description, arrays = read_model(folder)
    try:
        coder = ColumnCoder.model_validate(description["coder"])
        outputs = Outputs.model_validate(description["outputs"])
        layers = tuple(
            (arrays[f"layer.{place:02d}.weights"], arrays[f"layer.{place:02d}.bias"])
            for place in range(len(arrays) // 2)
        )
    except (KeyError, ValidationError) as error:
        raise ValueError(f"the model in {folder} is not of this learner: {error}") from error
    widths = [coder.width, *(len(bias) for _, bias in layers)]
    fits = [
        weights.shape == (before, after)
        for (weights, _), before, after in zip(layers, widths, widths[1:], strict=False)
    ]
    if not layers or not all(fits) or widths[-1] != outputs.width:
        raise ValueError(f"the model in {folder} is damaged: its layers do not fit together")
    return NetworkModel(coder, outputs, layers)


def network_base(model: Model | None, spec: ModelSpec) -> NetworkModel | None:
    """The version that a warm start goes on from; raises ValueError where it is none that a network can go on from."""
    if model is None:
        return None
    if not isinstance(model, NetworkModel):
        raise ValueError(  # noqa: TRY004  (the request is wrong, not the code)
            "the base version was made by another learner: train in full"
        )
    if not model.coder.covers(spec.features) or set(model.outputs.names) != set(spec.target):
        raise ValueError("the base version has other features or target fields: train in full")
    return model
