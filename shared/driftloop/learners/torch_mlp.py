"""`torch-mlp`: a network of two hidden layers, trained by torch, kept as arrays.

Two faults of its ancestor are not in it. The best weights are a deep copy, so that early stopping
gives back the best and not the last; and the scalers are fitted once, on the training rows of the
first fit, and go with the model, so that an incremental update sees the same feature space.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from driftloop.learners.columns import ColumnCoder
from driftloop.learners.network import NetworkModel, Outputs, load_network, network_base
from driftloop.learners.parameters import Parameters, read_parameters
from driftloop.learners.protocol import KeepsCheckpoints, Model, Rows, Step
from driftloop.learners.targets import check_rows
from driftloop.plugins import require
from driftloop.spec.model_spec import ModelSpec


class MlpParameters(Parameters):
    """The regime. `incremental_epochs` is the number of passes of a warm start.

    Where `epochs` passes over few rows would be less than `minimum_steps` steps of the optimizer, more
    passes are made: twenty passes over 800 rows are 260 steps, after which nothing has been learnt yet.
    """

    hidden: tuple[int, ...] = Field(default=(64, 64), min_length=1, max_length=8)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    learning_rate: float = Field(default=0.001, gt=0)
    weight_decay: float = Field(default=1e-5, ge=0)
    batch_rows: int = Field(default=64, ge=1)
    epochs: int = Field(default=20, ge=1)
    minimum_steps: int = Field(default=2000, ge=0)
    incremental_epochs: int = Field(default=5, ge=1)
    patience: int = Field(default=5, ge=1)
    clip: float = Field(default=1.0, gt=0)
    device: Literal["auto", "cpu", "cuda"] = "cpu"
    threads: int = Field(default=1, ge=1, le=64)


class TorchMlp(KeepsCheckpoints):
    """The learner. `stops_early` tells the trainer to give it later rows to watch."""

    stops_early = True
    weighs_rows = True

    def __init__(self, spec: ModelSpec, parameters: MlpParameters) -> None:
        self._spec = spec
        self._parameters = parameters

    def fit(
        self,
        rows: Rows,
        held_out: Rows | None,
        *,
        warm_start: Model | None,
        seed: int,
        progress: Callable[[Step], None],
    ) -> Model:
        """One network for all target fields; the best epoch by loss on `held_out` (training loss without it)."""
        require("torch", "torch", "learner torch-mlp")
        from driftloop.learners.torch_training import train

        check_rows(rows, self._spec.target)
        base = network_base(warm_start, self._spec)
        coder = base.coder if base else ColumnCoder.fit("standard", self._spec.features, rows)
        outputs = Outputs.fit(self._spec.target, rows)
        layers = None
        if base is not None:
            outputs, layers = base.outputs.widened(outputs, base.layers)
        layers = train(
            self._parameters, coder, outputs, rows, held_out=held_out, start=layers, seed=seed, progress=progress,
            checkpoint=self._checkpoint,
        )  # fmt: skip
        return NetworkModel(coder, outputs, layers)

    def load(self, folder: Path) -> Model:
        """The model that was saved there; needs no torch."""
        return load_network(folder)


def make(spec: ModelSpec, parameters: Mapping[str, Any]) -> TorchMlp:
    """The entry point."""
    return TorchMlp(spec, read_parameters(MlpParameters, "torch-mlp", parameters))
