"""The training loop of `tft`. It imports torch."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from driftloop.learners.protocol import Checkpoint, Rows, Step
from driftloop.learners.series_coder import Encoded, SeriesCoder
from driftloop.learners.tft_model import Arrays, TftModel
from driftloop.learners.tft_network import Shape, Tft
from driftloop.learners.torch_checkpoint import kept_state, restored
from driftloop.learners.torch_training import deterministic, device_of
from driftloop.spec.model_spec import ModelSpec

if TYPE_CHECKING:
    from driftloop.learners.tft import TftParameters

Tensor: TypeAlias = torch.Tensor
Batch = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]
"""Past, future, static, entities, truths in standard units (NaN in a gap), weights."""
_BLOCK_ROWS = 256


@dataclass(slots=True)
class _Fit:
    """What an epoch needs."""

    network: Tft
    parameters: "TftParameters"
    levels: tuple[float, ...]
    data: Batch
    check: Batch | None
    epochs: int
    batch_rows: int


def train_tft(
    parameters: "TftParameters",
    spec: ModelSpec,
    coder: SeriesCoder,
    rows: Rows,
    *,
    held_out: Rows | None,
    start: TftModel | None,
    seed: int,
    progress: Callable[[Step], None],
    checkpoint: Checkpoint | None = None,
) -> TftModel:
    """The model of the best epoch; `start` is gone on from (a copy of it) and decides the sizes.

    With a `checkpoint`, a fit that was killed goes on after the last epoch that it kept, and gives the same model as
    one that was not. Raises ValueError where the loss is not finite.
    """
    rule = spec.forecast
    assert rule is not None
    sizes = {"hidden": parameters.hidden, "heads": parameters.heads} if start is None else dict(start.sizes)
    with deterministic(seed, parameters.threads):
        device = device_of(parameters.device)
        network = network_of(coder, rule.quantiles, sizes, None if start is None else start.arrays, parameters.dropout)
        fit = _Fit(
            network.to(device),
            parameters,
            rule.quantiles,
            _batch(spec, coder, rows, device),
            _batch(spec, coder, held_out, device) if held_out is not None and len(held_out) else None,
            parameters.epochs if start is None else parameters.incremental_epochs,
            parameters.batch_rows if start is None else min(parameters.batch_rows, parameters.incremental_batch_rows),
        )
        best = _run(fit, seed, progress, checkpoint)
        arrays = {name: tensor.cpu().numpy().astype(np.float32) for name, tensor in best.items()}
        return TftModel(spec, coder, rule.quantiles, sizes, arrays, 1.0 if start is None else start.widen)


def network_of(
    coder: SeriesCoder,
    quantiles: tuple[float, ...],
    sizes: Mapping[str, int],
    arrays: Arrays | None,
    dropout: float = 0.0,
) -> Tft:
    """A network of those sizes, with the weights of `arrays`.

    An entity that is new since begins as the place of all that are unknown. Raises ValueError where they do not fit.
    """
    shape = Shape(
        past=coder.past_sizes,
        future=coder.future_sizes,
        static=2 * len(coder.numbers),
        entities=tuple(len(known) + 1 for _, known in coder.categories),
        outputs=max(1, len(quantiles)),
        hidden=sizes["hidden"],
        heads=sizes["heads"],
        dropout=dropout,
    )
    network = Tft(shape)
    if arrays is not None:
        state = {name: torch.tensor(array) for name, array in arrays.items()}
        for place, size in enumerate(shape.entities):
            name = f"entities.{place}.weight"
            known = state.get(name)
            if known is not None and len(known) < size:
                state[name] = torch.cat([known, known[:1].expand(size - len(known), -1)])
        try:
            network.load_state_dict(state)
        except RuntimeError as error:
            raise ValueError(f"the stored weights do not fit the network: {error}") from error
    network.eval()
    return network


def standard_units(network: Tft, encoded: Encoded) -> NDArray[np.float64]:
    """What the network says of rows: rows × horizon × outputs."""
    kind = next(network.parameters()).dtype
    inputs = [torch.tensor(part, dtype=kind) for part in (encoded.past, encoded.future, encoded.static)]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            return network(*inputs, torch.tensor(encoded.entities)).numpy().astype(np.float64)  # type: ignore[no-any-return]
    finally:
        torch.set_num_threads(threads)


def _run(fit: _Fit, seed: int, progress: Callable[[Step], None], checkpoint: Checkpoint | None) -> dict[str, Tensor]:
    network, parameters = fit.network, fit.parameters
    optimizer = torch.optim.Adam(
        network.parameters(), lr=parameters.learning_rate, weight_decay=parameters.weight_decay
    )
    order = torch.Generator().manual_seed(seed % 2**63)
    best: dict[str, Tensor] = deepcopy(network.state_dict())
    least, waited, done = float("inf"), 0, 0
    kept = checkpoint.load() if checkpoint is not None else None
    if kept is not None:
        best, least, waited, done = restored(kept, network, optimizer, order)
    for epoch in range(done + 1, fit.epochs + 1):
        if waited >= parameters.patience:
            break
        for group in optimizer.param_groups:
            group["lr"] = parameters.learning_rate * _rate(epoch, fit.epochs)
        training = _epoch(fit, optimizer, order)
        watched = training if fit.check is None else _evaluate(fit, fit.check)
        if not np.isfinite(training) or not np.isfinite(watched):
            raise ValueError(f"the loss is not finite in epoch {epoch}: the model is not usable")
        progress(Step(epoch, fit.epochs, training, None if fit.check is None else watched))
        if watched < least:
            best, least, waited = deepcopy(network.state_dict()), watched, 0
        else:
            waited += 1
        if checkpoint is not None and checkpoint.is_due():
            checkpoint.save(kept_state(network, optimizer, order, best=best, least=least, waited=waited, done=epoch))
    return best


def _rate(epoch: int, epochs: int) -> float:
    """The rate falls along half a cosine to a tenth: the last epochs settle what the first found."""
    return float(0.1 + 0.9 * 0.5 * (1 + np.cos(np.pi * (epoch - 1) / max(1, epochs))))


def _epoch(fit: _Fit, optimizer: torch.optim.Optimizer, order: torch.Generator) -> float:
    fit.network.train()
    device = fit.data[0].device
    shuffled = torch.randperm(len(fit.data[0]), generator=order).to(device)
    total = 0.0
    for which in torch.split(shuffled, fit.batch_rows):
        past, future, static, entities, truths, weights = (part[which] for part in fit.data)
        if fit.parameters.forget:
            known = torch.rand(entities.shape, generator=order).to(device) >= fit.parameters.forget
            entities = entities * known
        optimizer.zero_grad(set_to_none=True)
        loss = _loss(fit.network(past, future, static, entities), truths, weights, fit.levels)
        loss.backward()
        nn.utils.clip_grad_norm_(fit.network.parameters(), fit.parameters.clip)
        optimizer.step()
        total += float(loss.detach()) * len(which)
    return total / len(shuffled)


def _evaluate(fit: _Fit, data: Batch) -> float:
    fit.network.eval()
    found, mass = 0.0, 0
    with torch.no_grad():
        for which in torch.split(torch.arange(len(data[0]), device=data[0].device), _BLOCK_ROWS):
            past, future, static, entities, truths, weights = (part[which] for part in data)
            found += float(_loss(fit.network(past, future, static, entities), truths, weights, fit.levels)) * len(which)
            mass += len(which)
    return found / mass


def _loss(said: Tensor, truths: Tensor, weights: Tensor, levels: tuple[float, ...]) -> Tensor:
    """Each row's mean over the steps that are known, weighted: a gap is masked."""
    known = ~torch.isnan(truths)
    gaps = torch.nan_to_num(truths, nan=0.0).unsqueeze(-1) - said
    if levels:
        level = torch.tensor(levels, dtype=said.dtype, device=said.device)
        steps = torch.maximum(level * gaps, (level - 1) * gaps).mean(dim=-1)
    else:
        steps = gaps.abs().squeeze(-1)
    rows = (steps * known).sum(dim=1) / known.sum(dim=1).clamp(min=1)
    return (rows * weights).sum() / weights.sum().clamp(min=1e-12)


def _batch(spec: ModelSpec, coder: SeriesCoder, rows: Rows, device: torch.device) -> Batch:
    encoded, name = coder.encode(spec, rows), next(iter(spec.target))
    truths = coder.target.units(np.asarray(rows.labels[name], dtype=np.float64))
    weights = np.ones(len(rows)) if rows.weights is None else rows.weights
    floats = (encoded.past, encoded.future, encoded.static, truths, weights)
    past, future, static, true, mass = (torch.tensor(part, dtype=torch.float32, device=device) for part in floats)
    return past, future, static, torch.tensor(encoded.entities, device=device), true, mass
