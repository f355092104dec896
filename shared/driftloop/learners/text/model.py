"""A fitted model of texts and other columns: it predicts with numpy alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from driftloop.learners.columns import ColumnCoder, Matrix
from driftloop.learners.network import Layers, Outputs
from driftloop.learners.parameters import Parameters
from driftloop.learners.parts import apply_link
from driftloop.learners.protocol import Predictions, Rows
from driftloop.learners.storage import read_model, write_model
from driftloop.learners.tabular import decide
from driftloop.learners.text.adapters import Adapters
from driftloop.learners.text.base import BaseModel, base_model
from driftloop.learners.text.encoder import Encoder, Single, encoder_of
from driftloop.learners.text.signals import base_signals

_VECTORS = 8192
"""Texts whose vector a version keeps: the same text comes again, and several readers ask for it."""


class Reading(Parameters):
    """How texts are read: which features, by which base model, cut off after how many tokens."""

    texts: tuple[str, ...] = Field(min_length=1)
    tokens: int
    base: str
    base_sha256: str
    method: Literal["lora", "full"]
    scale: float = 1.0

    def ids(self, base: BaseModel, rows: Rows) -> list[list[int]]:
        """The tokens of each row: those of its texts one after the other; a missing text has none."""
        share = max(self.tokens // len(self.texts), 3)
        columns = [_texts(rows, name) for name in self.texts]
        parts = [[base.pieces.ids(text, share) for text in column] for column in columns]
        return [[*row[0], *(one for more in row[1:] for one in more[1:])] for row in zip(*parts, strict=True)]


def _texts(rows: Rows, name: str) -> list[str]:
    column = rows.features.get(name)
    if column is None or column.dtype != object:
        return [""] * len(rows)
    return ["" if text is None else str(text) for text in column.tolist()]


@dataclass(frozen=True)
class Reader:
    """The part of a model that reads texts. `arrays` are what was trained of it: adapters, or all weights."""

    reading: Reading
    arrays: Mapping[str, Single]
    _known: dict[tuple[int, ...], Single] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def base(self) -> BaseModel:
        """Raises ValueError where it is not installed."""
        return base_model(self.reading.base, self.reading.base_sha256)

    @cached_property
    def adapters(self) -> Adapters:
        """The trained changes; of method lora alone."""
        return Adapters(self.reading.scale, self.arrays)

    @cached_property
    def encoder(self) -> Encoder:
        """The base model with what was trained."""
        if self.reading.method == "full":
            return encoder_of(self.base.shape, {**self.base.weights, **self.arrays})
        return self.adapters.on(self.base.encoder)

    def vectors(self, rows: Rows) -> Single:
        """One vector a row."""
        keys = [tuple(ids) for ids in self.reading.ids(self.base, rows)]
        fresh = [key for key in dict.fromkeys(keys) if key not in self._known]
        computed = dict(zip(fresh, self._computed(fresh), strict=True))
        found = [computed[key] if key in computed else self._known[key] for key in keys]
        if len(self._known) + len(computed) > _VECTORS:
            self._known.clear()
        self._known.update(computed)
        return np.stack(found)

    def _computed(self, ids: Sequence[tuple[int, ...]]) -> Single:
        if self.reading.method == "full":
            return self.encoder.upper(self.encoder.lower(ids, 0), 0)
        lowest = self.adapters.lowest
        return self.encoder.upper(base_signals.of(self.base, ids, lowest), lowest)


@dataclass(frozen=True)
class TextModel:
    """A fitted model. Without a reader it is a network of the other columns.

    `temperatures` divide the last layer's outputs of a category field, so that its confidence is what it says.
    """

    coder: ColumnCoder
    outputs: Outputs
    head: Layers
    reader: Reader | None
    temperatures: Mapping[str, float] = field(default_factory=dict)

    @property
    def trained_parameters(self) -> int:
        """Numbers that were trained: those of the adapters (or of the whole encoder) and of the last layers."""
        of_reader = 0 if self.reader is None else sum(int(array.size) for array in self.reader.arrays.values())
        return of_reader + sum(int(weights.size + bias.size) for weights, bias in self.head)

    def inputs(self, rows: Rows) -> Matrix:
        """What the last layers see."""
        columns = self.coder.encode(rows)
        if self.reader is None:
            return columns
        return np.hstack([self.reader.vectors(rows).astype(np.float64), columns])

    def raw(self, rows: Rows) -> Matrix:
        """Outputs before they are values or probabilities."""
        if not len(rows):
            return np.zeros((0, self.outputs.width))
        signal = self.inputs(rows)
        for weights, bias in self.head[:-1]:
            signal = np.maximum(signal @ weights + bias, 0.0)
        weights, bias = self.head[-1]
        return np.asarray(signal @ weights + bias)

    def predict(self, rows: Rows) -> Predictions:
        """One prediction a row; numbers in their own units."""
        raw = self.raw(rows)
        scores: dict[str, Matrix] = {}
        for one, place in self.outputs.slices():
            if one.classes is None:
                scores[one.name] = raw[:, place] * one.scale + one.mean
            else:
                scores[one.name] = apply_link("softmax", raw[:, place] / self.temperatures.get(one.name, 1.0))
        return decide(scores, {one.name: one.classes for one in self.outputs.fields})

    def save(self, folder: Path) -> None:
        """Write `model.json` and `model.safetensors`: what was trained, and the hash of the base model."""
        arrays: dict[str, NDArray[Any]] = {}
        for place, (weights, bias) in enumerate(self.head):
            arrays[f"head.{place:02d}.weights"] = weights.astype(np.float32)
            arrays[f"head.{place:02d}.bias"] = bias.astype(np.float32)
        described: dict[str, Any] = {
            "coder": self.coder.model_dump(mode="json"),
            "outputs": self.outputs.model_dump(mode="json"),
            "temperatures": dict(self.temperatures),
            "reading": None,
        }
        if self.reader is not None:
            described["reading"] = self.reader.reading.model_dump(mode="json")
            arrays |= {f"reader.{name}": array for name, array in self.reader.arrays.items()}
        write_model(folder, described, arrays)


def load_text_model(folder: Path) -> TextModel:
    """What `TextModel.save` wrote; raises ValueError where it is damaged or its base model is not installed."""
    description, arrays = read_model(folder)
    try:
        coder = ColumnCoder.model_validate(description["coder"])
        outputs = Outputs.model_validate(description["outputs"])
        reading = None if description["reading"] is None else Reading.model_validate(description["reading"])
        temperatures = {str(name): float(value) for name, value in description["temperatures"].items()}
        count = sum(name.startswith("head.") for name in arrays) // 2
        names = [(f"head.{place:02d}.weights", f"head.{place:02d}.bias") for place in range(count)]
        head = tuple((arrays[w].astype(np.float64), arrays[b].astype(np.float64)) for w, b in names)
    except (KeyError, TypeError, AttributeError, ValidationError) as error:
        raise ValueError(f"the model in {folder} is not of this learner: {error}") from error
    trained = {name.removeprefix("reader."): one for name, one in arrays.items() if name.startswith("reader.")}
    model = TextModel(coder, outputs, head, None if reading is None else Reader(reading, trained), temperatures)
    _check(model, folder)
    return model


def _check(model: TextModel, folder: Path) -> None:
    """Raises ValueError where the parts do not fit together; the base model is opened here."""
    vector = 0 if model.reader is None else model.reader.encoder.words.shape[1]
    widths = [vector + model.coder.width, *(len(bias) for _, bias in model.head)]
    fits = [
        weights.shape == (before, after)
        for (weights, _), before, after in zip(model.head, widths, widths[1:], strict=False)
    ]
    if not model.head or not all(fits) or widths[-1] != model.outputs.width:
        raise ValueError(f"the model in {folder} is damaged: its layers do not fit together")
