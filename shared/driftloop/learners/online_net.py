"""`online-net`: a small network that goes on learning from each batch of feedback.

The regime is that of the adaptive learning service: Adam at 0.001, the loss of a row times its feedback weight,
gradients clipped at 1, the rate lowered to 0.8 of itself after ten steps without a better loss. On top of it the
rate adapts to the context: times 0.9 while losses get worse, times 1.1 while they get better by more than 5 %,
within a hundredth and ten times of where it began.

Why it does not forget: an incremental fit gets the rows of the policy's window, the newest of which are the new
batch; each of its steps is one batch of new rows beside one of older rows.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from driftloop.learners.columns import ColumnCoder
from driftloop.learners.network import NetworkModel, Outputs, load_network, network_base
from driftloop.learners.parameters import Parameters, read_parameters
from driftloop.learners.protocol import Model, Rows, Step
from driftloop.learners.targets import check_rows
from driftloop.plugins import require
from driftloop.spec.model_spec import ModelSpec


class OnlineNetParameters(Parameters):
    """The regime. `steps` and `batch_rows` are those of a full fit, `update_steps` and `update_rows` of an update."""

    hidden: tuple[int, ...] = Field(default=(32,), min_length=1, max_length=4)
    learning_rate: float = Field(default=0.001, gt=0)
    clip: float = Field(default=1.0, gt=0)
    plateau_factor: float = Field(default=0.8, gt=0, lt=1)
    plateau_patience: int = Field(default=10, ge=1)
    steps: int = Field(default=1500, ge=1)
    batch_rows: int = Field(default=64, ge=1)
    update_steps: int = Field(default=60, ge=1)
    update_rows: int = Field(default=10, ge=1)
    """Rows of the newest feedback; each step of an update takes them all, and as many again of `batch_rows` older."""


class OnlineNet:
    """The learner."""

    weighs_rows = True

    def __init__(self, spec: ModelSpec, parameters: OnlineNetParameters) -> None:
        self._spec = spec
        self._parameters = parameters

    def fit(
        self,
        rows: Rows,
        held_out: Rows | None,  # noqa: ARG002  (an online learner is judged by the rows that come next)
        *,
        warm_start: Model | None,
        seed: int,
        progress: Callable[[Step], None],
    ) -> Model:
        """One network for all target fields; a warm start keeps its scaling and its rate."""
        require("torch", "torch", "learner online-net")
        from driftloop.learners.online_training import train_online

        check_rows(rows, self._spec.target)
        base = network_base(warm_start, self._spec)
        outputs = Outputs.fit(self._spec.target, rows)
        if base is None:
            coder, layers = ColumnCoder.fit("standard", self._spec.features, rows), None
        else:
            coder = base.coder
            outputs, layers = base.outputs.widened(outputs, base.layers)
        learnt = train_online(self._parameters, coder, outputs, rows, start=layers, seed=seed, progress=progress)
        return NetworkModel(coder, outputs, learnt)

    def load(self, folder: Path) -> Model:
        """The model that was saved there; needs no torch."""
        return load_network(folder)


def make(spec: ModelSpec, parameters: Mapping[str, Any]) -> OnlineNet:
    """The entry point."""
    return OnlineNet(spec, read_parameters(OnlineNetParameters, "online-net", parameters))
