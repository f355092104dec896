"""`lora-text`: a small transformer that reads text, trained by LoRA on corrections and pseudo-labels.

The base model (MiniLM, 22.7 million numbers) stays as it is and is there once. What is trained is a low-rank change
of its topmost layers, and a small network from its vector and the other columns to the target fields: less than
one per cent of the numbers. The signals below the changed layers are worked out once a fit, so that an epoch is
about the changed layers alone.

Why our own encoder and not `transformers` and `peft`: those want a `click` that another part of the product
cannot have, bring a client for a model hub, and need torch where a model only predicts. Vectors are those of
`transformers` to 5e-6.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from driftloop.learners.columns import ColumnCoder
from driftloop.learners.network import Layers, Outputs
from driftloop.learners.parameters import Parameters, read_parameters
from driftloop.learners.protocol import KeepsCheckpoints, Model, Rows, Step
from driftloop.learners.targets import check_rows
from driftloop.learners.text.base import DEFAULT, base_model
from driftloop.learners.text.calibration import LEAST_ROWS, temperatures
from driftloop.learners.text.model import Reader, Reading, TextModel, load_text_model
from driftloop.learners.torch_mlp import MlpParameters
from driftloop.plugins import require
from driftloop.spec.model_spec import ModelSpec

_EVERY = 8
"""Without rows to watch, every eighth row is not learnt from and says how sure the model may be."""


class LoraTextParameters(Parameters):
    """The regime."""

    base: str = DEFAULT
    """A base model: the name of a package that carries one, or of a folder in one of `DRIFTLOOP_BASE_MODELS`."""
    method: Literal["lora", "full"] = "lora"
    """`full` trains all weights of the base model and stores them with the version."""
    rank: int = Field(default=16, ge=1, le=256)
    alpha: float = Field(default=32.0, gt=0)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    layers: int = Field(default=3, ge=1)
    """How many layers are changed, from the top."""
    tokens: int = Field(default=128, ge=8, le=512)
    """A text is cut off after so many tokens; several texts share them."""
    hidden: tuple[int, ...] = Field(default=(64,), max_length=4)
    learning_rate: float = Field(default=0.001, gt=0)
    full_learning_rate: float = Field(default=0.0001, gt=0)
    """Of the base model's weights, with method `full`."""
    weight_decay: float = Field(default=0.01, ge=0)
    batch_rows: int = Field(default=16, ge=1)
    epochs: int = Field(default=4, ge=1)
    incremental_epochs: int = Field(default=2, ge=1)
    minimum_steps: int = Field(default=100, ge=0)
    """Of few rows more epochs are made, until there are so many steps."""
    patience: int = Field(default=2, ge=1)
    clip: float = Field(default=1.0, gt=0)
    cache_mb: int = Field(default=1024, ge=0)
    """Signals below the changed layers are held in memory up to this; beyond, they are worked out in each epoch."""
    threads: int = Field(default=1, ge=1, le=64)

    @property
    def scale(self) -> float:
        """What a low-rank change is multiplied by."""
        return self.alpha / self.rank

    def epochs_of(self, rows: int, *, update: bool) -> int:
        """Epochs of a fit of so many rows."""
        batches = -(-rows // self.batch_rows)
        return self.incremental_epochs if update else max(self.epochs, -(-self.minimum_steps // batches))


class LoraText(KeepsCheckpoints):
    """The learner. `stops_early` tells the trainer to give it later rows to watch, and to be calibrated by."""

    stops_early = True
    weighs_rows = True

    def __init__(self, spec: ModelSpec, parameters: LoraTextParameters) -> None:
        self._spec = spec
        self._parameters = parameters
        self._texts = tuple(name for name, feature in spec.features.items() if feature.kind == "text")
        self._others = {name: feature for name, feature in spec.features.items() if feature.kind != "text"}

    def fit(
        self,
        rows: Rows,
        held_out: Rows | None,
        *,
        warm_start: Model | None,
        seed: int,
        progress: Callable[[Step], None],
    ) -> Model:
        """A model of texts and other columns. Rows that say how sure it may be are not learnt from."""
        require("torch", "text", "learner lora-text")
        check_rows(rows, self._spec.target)
        start = self._start(warm_start)
        seen = Outputs.fit(self._spec.target, rows)
        watched = held_out if held_out is not None and len(held_out) else None
        if watched is None and len(rows) >= _EVERY * LEAST_ROWS:
            kept = np.arange(len(rows)) % _EVERY == _EVERY - 1
            rows, watched = _picked(rows, ~kept), _picked(rows, kept)
        if start is None:
            coder, outputs, head = ColumnCoder.fit("standard", self._others, rows), seen, None
        else:
            coder, (outputs, head) = start.coder, start.outputs.widened(seen, start.head)
        train = self._train if self._texts else self._train_columns
        model = train(rows, watched, coder, outputs, start=start, head=head, seed=seed, progress=progress)
        said = {} if watched is None else temperatures(outputs, model.raw(watched), watched)
        before = {} if start is None else dict(start.temperatures)
        return TextModel(model.coder, model.outputs, model.head, model.reader, {**before, **said})

    def load(self, folder: Path) -> Model:
        """The model that was saved there; needs the base model, and no torch."""
        return load_text_model(folder)

    def _train(
        self, rows: Rows, watched: Rows | None, coder: ColumnCoder, outputs: Outputs, *,
        start: TextModel | None, head: Layers | None, seed: int, progress: Callable[[Step], None],
    ) -> TextModel:  # fmt: skip
        from driftloop.learners.text.training import train_text

        base = base_model(self._parameters.base)
        reading = Reading(
            texts=self._texts, tokens=min(self._parameters.tokens, base.shape.max_position_embeddings),
            base=base.name, base_sha256=base.sha256, method=self._parameters.method, scale=self._parameters.scale,
        )  # fmt: skip
        begun = None
        if start is not None and head is not None:
            if start.reader is None or start.reader.reading != reading:
                raise ValueError("the base version reads other texts, or with another base model: train in full")
            begun = start.reader.arrays, head
        arrays, layers = train_text(
            self._parameters, base, reading, coder, outputs, rows=rows, held_out=watched, start=begun, seed=seed,
            progress=progress, checkpoint=self._checkpoint,
        )  # fmt: skip
        return TextModel(coder, outputs, _single(layers), Reader(reading, arrays))

    def _train_columns(
        self, rows: Rows, watched: Rows | None, coder: ColumnCoder, outputs: Outputs, *,
        start: TextModel | None, head: Layers | None, seed: int, progress: Callable[[Step], None],
    ) -> TextModel:  # fmt: skip
        """A spec without texts: a network of its columns."""
        from driftloop.learners.torch_training import train

        del start  # all that is gone on from is in `head`
        regime = MlpParameters(hidden=self._parameters.hidden or (64,), threads=self._parameters.threads)
        layers = train(
            regime, coder, outputs, rows, held_out=watched, start=head, seed=seed, progress=progress,
            checkpoint=self._checkpoint,
        )  # fmt: skip
        return TextModel(coder, outputs, _single(layers), None)

    def _start(self, model: Model | None) -> TextModel | None:
        if model is None:
            return None
        if not isinstance(model, TextModel):
            raise ValueError(  # noqa: TRY004  (the request is wrong, not the code)
                "the base version was made by another learner: train in full"
            )
        if not model.coder.covers(self._others) or set(model.outputs.names) != set(self._spec.target):
            raise ValueError("the base version has other features or target fields: train in full")
        return model


def _single(layers: Layers) -> Layers:
    """The layers as they are stored, in single precision."""
    return tuple((w.astype(np.float32).astype(np.float64), b.astype(np.float32).astype(np.float64)) for w, b in layers)


def _picked(rows: Rows, which: NDArray[np.bool_]) -> Rows:
    return rows.take(np.flatnonzero(which))


def make(spec: ModelSpec, parameters: Mapping[str, Any]) -> LoraText:
    """The entry point."""
    return LoraText(spec, read_parameters(LoraTextParameters, "lora-text", parameters))
