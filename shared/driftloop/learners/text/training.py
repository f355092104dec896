"""The training loop of `lora-text`. It imports torch: import it only where something is trained."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from driftloop.learners.columns import ColumnCoder
from driftloop.learners.network import Layers, Outputs
from driftloop.learners.protocol import Checkpoint, Rows, Step
from driftloop.learners.text.base import BaseModel
from driftloop.learners.text.encoder import Single
from driftloop.learners.text.model import Reading
from driftloop.learners.text.torch_encoder import TorchReader
from driftloop.learners.torch_checkpoint import kept_state, restored
from driftloop.learners.torch_training import batch_loss, batch_of, deterministic, layers_of, network_of

if TYPE_CHECKING:
    from driftloop.learners.lora_text import LoraTextParameters

_SORTED_BATCHES = 8
"""Batches whose rows are sorted by length among each other: less of them is padding."""


class _Rows:
    """Rows as the network wants them: signals of texts below what is trained, columns, targets, weights."""

    def __init__(self, reader: TorchReader, reading: Reading, coder: ColumnCoder, outputs: Outputs, rows: Rows) -> None:
        self.columns, self.targets, self.weights = batch_of(coder, outputs, rows, torch.device("cpu"))
        self._reader = reader
        self._ids = reading.ids(reader.base, rows)
        self.lengths = np.array([len(ids) for ids in self._ids])
        self._signals = reader.signals(self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    def texts(self, which: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """The padded signals of some rows, and which tokens are there."""
        if self._signals is None:
            return self._reader.padded(self._reader.computed([self._ids[row] for row in which]))
        return self._reader.padded([self._signals[row] for row in which])


class TextNetwork(nn.Module):  # type: ignore[misc]  # torch is not followed
    """Texts through the encoder, beside the other columns into the last layers."""

    def __init__(self, reader: TorchReader, head: nn.Sequential) -> None:
        super().__init__()
        self.reader, self.head = reader, head

    def forward(self, signals: torch.Tensor, present: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
        """The outputs of rows."""
        found: torch.Tensor = self.head(torch.cat([self.reader(signals, present), columns], dim=1))
        return found


def train_text(
    parameters: "LoraTextParameters",
    base: BaseModel,
    reading: Reading,
    coder: ColumnCoder,
    outputs: Outputs,
    *,
    rows: Rows,
    held_out: Rows | None,
    start: tuple[Mapping[str, Single], Layers] | None,
    seed: int,
    progress: Callable[[Step], None],
    checkpoint: Checkpoint | None = None,
) -> tuple[dict[str, Single], Layers]:
    """What was trained of the reader, and the last layers, of the best epoch.

    `start` is what an earlier version trained; it is gone on from (a copy of it). Raises ValueError where the loss
    is not finite.
    """
    with deterministic(seed, parameters.threads):
        reader = TorchReader(base, parameters, start[0] if start else {})
        inputs = base.shape.hidden_size + coder.width
        head = network_of(parameters.hidden, 0.0, inputs, outputs.width, start[1] if start else None)
        network = TextNetwork(reader, head)
        data = _Rows(reader, reading, coder, outputs, rows)
        check = _Rows(reader, reading, coder, outputs, held_out) if held_out is not None and len(held_out) else None
        fit = _Fit(network, parameters, outputs, seed)
        epochs = parameters.epochs_of(len(rows), update=start is not None)
        best = fit.run(data, check, epochs, progress, checkpoint)
        return _trained(reader, best), layers_of(_part(best, "head."))


def _part(state: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def _trained(reader: TorchReader, state: dict[str, torch.Tensor]) -> dict[str, Single]:
    return reader.named({name: tensor.cpu().numpy() for name, tensor in _part(state, "reader.").items()})


class _Fit:
    """A network and how it is trained."""

    def __init__(self, network: TextNetwork, parameters: "LoraTextParameters", outputs: Outputs, seed: int) -> None:
        self._network, self._parameters, self._outputs = network, parameters, outputs
        rate = parameters.learning_rate if parameters.method == "lora" else parameters.full_learning_rate
        groups = [
            {"params": [one for one in network.reader.parameters() if one.requires_grad], "lr": rate},
            {"params": list(network.head.parameters()), "lr": parameters.learning_rate},
        ]
        self._optimizer = torch.optim.AdamW(groups, weight_decay=parameters.weight_decay, fused=True)
        self._order = torch.Generator().manual_seed(seed % 2**63)

    def run(
        self, data: _Rows, check: _Rows | None, epochs: int, progress: Callable[[Step], None],
        checkpoint: Checkpoint | None,
    ) -> dict[str, torch.Tensor]:  # fmt: skip
        """The state of the best epoch, by the loss on `check` (on the rows themselves without it)."""
        best: dict[str, torch.Tensor] = deepcopy(self._network.state_dict())
        least, waited, done = float("inf"), 0, 0
        kept = checkpoint.load() if checkpoint is not None else None
        if kept is not None:
            best, least, waited, done = restored(kept, self._network, self._optimizer, self._order)
        for epoch in range(done + 1, epochs + 1):
            if check is not None and waited >= self._parameters.patience:
                break  # the loss of the learnt rows alone says nothing of when to stop: it only wavers
            training = self._epoch(data)
            watched = training if check is None else self._evaluate(check)
            if not np.isfinite(training) or not np.isfinite(watched):
                raise ValueError(f"the loss is not finite in epoch {epoch}: the model is not usable")
            progress(Step(epoch, epochs, training, None if check is None else watched))
            if watched < least:
                best, least, waited = deepcopy(self._network.state_dict()), watched, 0
            else:
                waited += 1
            if checkpoint is not None and checkpoint.is_due():
                checkpoint.save(
                    kept_state(
                        self._network, self._optimizer, self._order, best=best, least=least, waited=waited, done=epoch
                    )
                )
        return best

    def _epoch(self, data: _Rows) -> float:
        self._network.train()
        total = 0.0
        for which in self._batches(data):
            self._optimizer.zero_grad(set_to_none=True)
            loss = self._loss(data, which)
            loss.backward()
            nn.utils.clip_grad_norm_(self._network.parameters(), self._parameters.clip)
            self._optimizer.step()
            total += float(loss.detach()) * len(which)
        return total / len(data)

    def _evaluate(self, data: _Rows) -> float:
        self._network.eval()
        order = np.argsort(data.lengths, kind="stable")
        parts = [order[at : at + 64].tolist() for at in range(0, len(order), 64)]
        with torch.no_grad():
            return sum(float(self._loss(data, part)) * len(part) for part in parts) / len(data)

    def _loss(self, data: _Rows, which: list[int]) -> torch.Tensor:
        signals, present = data.texts(which)
        raw = self._network(signals, present, data.columns[which])
        return batch_loss(raw, data.targets[which], data.weights[which], self._outputs)

    def _batches(self, data: _Rows) -> Iterator[list[int]]:
        """Every row once, in random order; rows of one batch are of about one length."""
        size = self._parameters.batch_rows
        order = torch.randperm(len(data), generator=self._order).numpy()
        for start in range(0, len(order), size * _SORTED_BATCHES):
            part = order[start : start + size * _SORTED_BATCHES]
            part = part[np.argsort(data.lengths[part], kind="stable")]
            batches = [part[at : at + size].tolist() for at in range(0, len(part), size)]
            for place in torch.randperm(len(batches), generator=self._order).tolist():
                yield batches[place]
