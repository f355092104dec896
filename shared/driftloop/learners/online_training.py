"""The training loop of `online-net`. It imports torch: import it only where something is trained."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from driftloop.learners.adaptive_rate import AdaptiveRate
from driftloop.learners.columns import ColumnCoder
from driftloop.learners.network import Layers, Outputs
from driftloop.learners.protocol import Rows, Step
from driftloop.learners.torch_training import (
    Batch,
    batch_loss,
    batch_of,
    deterministic,
    layers_of,
    network_of,
)

if TYPE_CHECKING:
    from driftloop.learners.online_net import OnlineNetParameters

_TOLD_EVERY = 50


def train_online(
    parameters: "OnlineNetParameters",
    coder: ColumnCoder,
    outputs: Outputs,
    rows: Rows,
    *,
    start: Layers | None,
    seed: int,
    progress: Callable[[Step], None],
) -> Layers:
    """The layers after the last step; `start` is gone on from (a copy of it) and decides the sizes.

    Raises ValueError where the loss is not finite: such a model is never given back.
    """
    with deterministic(seed, threads=1):
        network = network_of(parameters.hidden, 0.0, coder.width, outputs.width, start)
        data = batch_of(coder, outputs, rows, torch.device("cpu"))
        optimizer = torch.optim.Adam(network.parameters(), lr=parameters.learning_rate)
        plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, factor=parameters.plateau_factor, patience=parameters.plateau_patience
        )
        adaptive = AdaptiveRate(parameters.learning_rate, parameters.learning_rate, adaptive=True)
        steps = parameters.steps if start is None else parameters.update_steps
        for step, batch in enumerate(_batches(parameters, data, steps, seed, update=start is not None), start=1):
            loss = _step(network, optimizer, outputs, batch, parameters.clip)
            if not np.isfinite(loss):
                raise ValueError(f"the loss is not finite in step {step}: the model is not usable")
            plateau.step(loss)
            _adapt(optimizer, adaptive, loss, parameters.learning_rate)
            if step % _TOLD_EVERY == 0 or step == steps:
                progress(Step(step, steps, loss))
        return layers_of(network.state_dict())


def _adapt(optimizer: torch.optim.Optimizer, adaptive: AdaptiveRate, loss: float, first: float) -> None:
    """Both rules move the one rate: what the plateau left of it, times what the context says."""
    before = adaptive.rate
    adaptive.learn(loss)
    for group in optimizer.param_groups:
        moved = group["lr"] * adaptive.rate / before
        group["lr"] = float(np.clip(moved, 0.01 * first, 10.0 * first))


def _step(
    network: nn.Sequential, optimizer: torch.optim.Optimizer, outputs: Outputs, batch: Batch, clip: float
) -> float:
    features, targets, weights = batch
    optimizer.zero_grad(set_to_none=True)
    loss = batch_loss(network(features), targets, weights, outputs)
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), clip)
    optimizer.step()
    return float(loss.detach())


def _batches(parameters: "OnlineNetParameters", data: Batch, steps: int, seed: int, *, update: bool) -> Iterator[Batch]:
    """Rows drawn at random; in an update, all of the newest and some of those before them."""
    count = len(data[0])
    order = torch.Generator().manual_seed(seed % 2**63)
    newest = min(parameters.update_rows, count) if update else 0
    new = torch.arange(count - newest, count)
    for _ in range(steps):
        older = torch.randint(count - newest, (parameters.batch_rows,), generator=order) if count > newest else new[:0]
        rows = torch.cat([new, older])
        yield data[0][rows], data[1][rows], data[2][rows]
