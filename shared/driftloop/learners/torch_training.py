"""The training loop of `torch-mlp`, and the parts that `online-net` shares with it. It imports torch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from driftloop.learners.columns import ColumnCoder
from driftloop.learners.network import Layers, Outputs
from driftloop.learners.protocol import Checkpoint, Rows, Step
from driftloop.learners.targets import class_codes
from driftloop.learners.torch_checkpoint import kept_state, restored

if TYPE_CHECKING:
    from driftloop.learners.torch_mlp import MlpParameters

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Features, targets (a column a field: the standardised number, or the class's place), weights."""


def train(
    parameters: "MlpParameters",
    coder: ColumnCoder,
    outputs: Outputs,
    rows: Rows,
    *,
    held_out: Rows | None,
    start: Layers | None,
    seed: int,
    progress: Callable[[Step], None],
    checkpoint: Checkpoint | None = None,
) -> Layers:
    """The layers of the best epoch; `start` is gone on from (a copy of it) and decides the sizes.

    With a `checkpoint`, a fit that was killed goes on after the last epoch that it kept, and gives the
    same layers as one that was not.

    Raises ValueError where the loss is not finite: such a model is never given back.
    """
    with deterministic(seed, parameters.threads):
        device = device_of(parameters.device)
        network = network_of(parameters.hidden, parameters.dropout, coder.width, outputs.width, start).to(device)
        data = batch_of(coder, outputs, rows, device)
        check = batch_of(coder, outputs, held_out, device) if held_out is not None and len(held_out) else None
        epochs = _epochs(parameters, len(rows)) if start is None else parameters.incremental_epochs
        best = _run(
            network, parameters, outputs, data, check=check, epochs=epochs, seed=seed, progress=progress,
            checkpoint=checkpoint,
        )  # fmt: skip
        return layers_of(best)


def _epochs(parameters: "MlpParameters", rows: int) -> int:
    batches = -(-rows // parameters.batch_rows)
    return max(parameters.epochs, -(-parameters.minimum_steps // batches))


def _run(
    network: nn.Sequential,
    parameters: "MlpParameters",
    outputs: Outputs,
    data: Batch,
    *,
    check: Batch | None,
    epochs: int,
    seed: int,
    progress: Callable[[Step], None],
    checkpoint: Checkpoint | None,
) -> dict[str, torch.Tensor]:
    optimizer = torch.optim.Adam(
        network.parameters(), lr=parameters.learning_rate, weight_decay=parameters.weight_decay, fused=True
    )
    order = torch.Generator().manual_seed(seed % 2**63)
    best: dict[str, torch.Tensor] = deepcopy(network.state_dict())
    least, waited, done = float("inf"), 0, 0
    kept = checkpoint.load() if checkpoint is not None else None
    if kept is not None:
        best, least, waited, done = restored(kept, network, optimizer, order)
    for epoch in range(done + 1, epochs + 1):
        if waited >= parameters.patience:
            break
        training = _epoch(network, optimizer, parameters, outputs, data, order=order)
        watched = training if check is None else _evaluate(network, outputs, check)
        if not np.isfinite(training) or not np.isfinite(watched):
            raise ValueError(f"the loss is not finite in epoch {epoch}: the model is not usable")
        progress(Step(epoch, epochs, training, None if check is None else watched))
        if watched < least:
            best, least, waited = deepcopy(network.state_dict()), watched, 0
        else:
            waited += 1
        if checkpoint is not None and checkpoint.is_due():
            checkpoint.save(kept_state(network, optimizer, order, best=best, least=least, waited=waited, done=epoch))
    return best


def _epoch(
    network: nn.Sequential,
    optimizer: torch.optim.Optimizer,
    parameters: "MlpParameters",
    outputs: Outputs,
    data: Batch,
    *,
    order: torch.Generator,
) -> float:
    network.train()
    shuffled = torch.randperm(len(data[0]), generator=order).to(data[0].device)
    batches = zip(*(torch.split(part[shuffled], parameters.batch_rows) for part in data), strict=True)
    total, mass = 0.0, 0.0
    for features, targets, weights in batches:
        optimizer.zero_grad(set_to_none=True)
        loss = batch_loss(network(features), targets, weights, outputs)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), parameters.clip)
        optimizer.step()
        total, mass = total + float(loss.detach()) * len(features), mass + len(features)
    return total / mass


def _evaluate(network: nn.Sequential, outputs: Outputs, data: Batch) -> float:
    network.eval()
    with torch.no_grad():
        features, targets, weights = data
        return float(batch_loss(network(features), targets, weights, outputs))


def batch_loss(raw: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor, outputs: Outputs) -> torch.Tensor:
    """Weighted mean over rows of the sum over fields: squared error of numbers, or pinball loss, and cross entropy."""
    losses = torch.zeros(len(raw), device=raw.device)
    for column, (field, place) in enumerate(outputs.slices()):
        wanted = targets[:, column]
        if field.classes is None:
            losses = losses + _number_losses(wanted - raw[:, place.start], outputs.quantiles.get(field.name))
        else:
            known = wanted.long().clamp(min=0)
            entropy = nn.functional.cross_entropy(raw[:, place], known, reduction="none")
            losses = losses + torch.where(wanted >= 0, entropy, 0.0)
    return (losses * weights).sum() / weights.sum().clamp(min=1e-12)


def _number_losses(gaps: torch.Tensor, quantile: float | None) -> torch.Tensor:
    if quantile is None:
        return gaps**2
    return torch.maximum(quantile * gaps, (quantile - 1) * gaps)


def network_of(hidden: tuple[int, ...], dropout: float, inputs: int, width: int, start: Layers | None) -> nn.Sequential:
    """Linear layers with ReLU between them; `start` (copied) decides the sizes."""
    sizes = [inputs, *hidden, width] if start is None else [inputs, *(len(bias) for _, bias in start)]
    modules: list[nn.Module] = []
    for place, (before, after) in enumerate(pairwise(sizes)):
        layer = nn.Linear(before, after)
        if start is not None:
            with torch.no_grad():
                layer.weight.copy_(torch.tensor(start[place][0].T, dtype=torch.float32))
                layer.bias.copy_(torch.tensor(start[place][1], dtype=torch.float32))
        modules.append(layer)
        if place < len(sizes) - 2:
            modules += [nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*modules)


def layers_of(state: dict[str, torch.Tensor]) -> Layers:
    """The weights of a network as arrays."""
    arrays = {name: tensor.detach().cpu().numpy().astype(np.float64) for name, tensor in state.items()}
    places = sorted({int(name.split(".")[0]) for name in arrays})
    return tuple((np.ascontiguousarray(arrays[f"{at}.weight"].T), arrays[f"{at}.bias"]) for at in places)


def batch_of(coder: ColumnCoder, outputs: Outputs, rows: Rows, device: torch.device) -> Batch:
    """Rows as tensors."""
    columns = [
        (np.asarray(rows.labels[field.name], dtype=np.float64) - field.mean) / field.scale
        if field.classes is None
        else class_codes(rows.labels[field.name], field.classes).astype(np.float64)
        for field in outputs.fields
    ]
    weights = np.ones(len(rows)) if rows.weights is None else rows.weights
    arrays = (coder.encode(rows), np.column_stack(columns), weights)
    features, targets, mass = (torch.tensor(array, dtype=torch.float32, device=device) for array in arrays)
    return features, targets, mass


def device_of(wanted: str) -> torch.device:
    """The device that is asked for; raises ValueError where this machine has none."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ValueError("device cuda was asked for and this machine has none: choose cpu or auto")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


@contextmanager
def deterministic(seed: int, threads: int) -> Iterator[None]:
    """Seeds and settings for the length of a fit; what was set before comes back."""
    before, exact = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng():
        torch.manual_seed(seed % 2**63)
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(mode=True, warn_only=True)
        try:
            yield
        finally:
            torch.set_num_threads(before)
            torch.use_deterministic_algorithms(exact)
