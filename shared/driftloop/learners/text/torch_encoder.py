"""The encoder in torch, for training: frozen layers with LoRA beside them, or all weights."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from driftloop.learners.text.adapters import PARTS
from driftloop.learners.text.base import BaseModel
from driftloop.learners.text.encoder import Single
from driftloop.learners.text.signals import base_signals

if TYPE_CHECKING:
    from driftloop.learners.lora_text import LoraTextParameters

_LINEAR = {part: f"attention.self.{part}" for part in ("query", "key", "value")} | {
    "out": "attention.output.dense", "widen": "intermediate.dense", "narrow": "output.dense",
}  # fmt: skip
_NORMS = {"out_norm": "attention.output.LayerNorm", "narrow_norm": "output.LayerNorm"}
_KEYS = _LINEAR | _NORMS
_EMBEDDINGS = ("word_embeddings.weight", "position_embeddings.weight", "token_type_embeddings.weight")
_MEGABYTE = 1 << 20


class _Weights(nn.Module):  # type: ignore[misc]  # torch is not followed
    """Weight and bias under the names of a checkpoint: trained, or as they are."""

    def __init__(self, weights: Mapping[str, Single], key: str, *, trained: bool) -> None:
        super().__init__()
        for name in ("weight", "bias"):
            tensor = torch.tensor(weights[f"{key}.{name}"])
            if trained:
                self.register_parameter(name, nn.Parameter(tensor))
            else:
                self.register_buffer(name, tensor, persistent=False)


class _TorchLayer(nn.Module):  # type: ignore[misc]  # torch is not followed
    """One layer of a checkpoint (`weights` by the names within a layer)."""

    def __init__(self, weights: Mapping[str, Single], parameters: "LoraTextParameters", heads: int) -> None:
        super().__init__()
        whole = parameters.method == "full"
        self._heads, self._scale, self._dropout = heads, parameters.scale, parameters.dropout
        self.parts = nn.ModuleDict({name: _Weights(weights, key, trained=whole) for name, key in _KEYS.items()})
        self.lora = nn.ParameterDict()
        if not whole:
            hidden = len(weights[f"{_LINEAR['query']}.bias"])
            for part in PARTS:
                first = torch.empty(hidden, parameters.rank)
                nn.init.kaiming_uniform_(first, a=5**0.5)
                self.lora[f"{part}_a"] = nn.Parameter(first)
                self.lora[f"{part}_b"] = nn.Parameter(torch.zeros(parameters.rank, hidden))

    def forward(self, signal: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """(rows, tokens, hidden) from the same."""
        rows, tokens, hidden = signal.shape
        query, key, value = (
            self._linear(part, signal).view(rows, tokens, self._heads, -1).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=present[:, None, None, :])
        attended = attended.transpose(1, 2).reshape(rows, tokens, hidden)
        middle = self._norm("out_norm", signal + self._linear("out", attended))
        wide = functional.gelu(self._linear("widen", middle))
        return self._norm("narrow_norm", middle + self._linear("narrow", wide))

    def _linear(self, name: str, signal: torch.Tensor) -> torch.Tensor:
        part = self.parts[name]
        found = functional.linear(signal, part.weight, part.bias)
        if f"{name}_a" not in self.lora:
            return found
        seen = functional.dropout(signal, self._dropout, self.training)
        return found + self._scale * (seen @ self.lora[f"{name}_a"] @ self.lora[f"{name}_b"])

    def _norm(self, name: str, signal: torch.Tensor) -> torch.Tensor:
        part = self.parts[name]
        return functional.layer_norm(signal, part.weight.shape, part.weight, part.bias, 1e-12)


class TorchReader(nn.Module):  # type: ignore[misc]  # torch is not followed
    """Signals of texts to one vector each. `start` is what an earlier version trained (copied)."""

    def __init__(self, base: BaseModel, parameters: "LoraTextParameters", start: Mapping[str, Single]) -> None:
        super().__init__()
        self.base, self._whole = base, parameters.method == "full"
        weights = {**base.weights, **start} if self._whole else base.weights
        shape = base.shape
        self.lowest = 0 if self._whole else max(shape.num_hidden_layers - parameters.layers, 0)
        self._most_bytes = parameters.cache_mb * _MEGABYTE
        self.layers = nn.ModuleList(
            _TorchLayer(_within(weights, place), parameters, shape.num_attention_heads)
            for place in range(self.lowest, shape.num_hidden_layers)
        )
        self.embeddings = nn.ParameterList()
        if self._whole:
            self.embeddings.extend(nn.Parameter(torch.tensor(weights[f"embeddings.{name}"])) for name in _EMBEDDINGS)
            self.norm = _Weights(weights, "embeddings.LayerNorm", trained=True)
        elif start:
            self._take(start)

    def _take(self, start: Mapping[str, Single]) -> None:
        """Go on from adapters; raises ValueError where they are of other layers or of another rank."""
        kept = {name: torch.tensor(array) for name, array in start.items()}
        ours = self.state_dict()
        if {self._key(name): tensor.shape for name, tensor in ours.items()} != {n: t.shape for n, t in kept.items()}:
            raise ValueError("the base version has adapters of another rank or of other layers: train in full")
        self.load_state_dict({name: kept[self._key(name)] for name in ours})

    def forward(self, signals: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """The pooled vectors (rows × hidden)."""
        if self._whole:
            words, positions, kinds = self.embeddings
            found = functional.embedding(signals, words) + positions[: signals.shape[1]] + kinds[0]
            signals = functional.layer_norm(found, self.norm.weight.shape, self.norm.weight, self.norm.bias, 1e-12)
        for layer in self.layers:
            signals = layer(signals, present)
        there = present.unsqueeze(-1).to(signals.dtype)
        mean = (signals * there).sum(dim=1) / there.sum(dim=1)
        return functional.normalize(mean, dim=1) * mean.shape[1] ** 0.5

    def signals(self, ids: Sequence[Sequence[int]]) -> Sequence[np.ndarray] | None:
        """What `padded` takes, of all texts; None where that is too much to hold at once."""
        hidden = self.base.shape.hidden_size
        if not self._whole and sum(map(len, ids)) * hidden * 4 > self._most_bytes:
            return None
        return self.computed(ids)

    def computed(self, ids: Sequence[Sequence[int]]) -> Sequence[np.ndarray]:
        """The same of some texts, worked out now."""
        if self._whole:
            return [np.array(one, dtype=np.int64) for one in ids]
        return base_signals.of(self.base, [tuple(one) for one in ids], self.lowest)

    @staticmethod
    def padded(signals: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
        """Signals side by side, filled up with zeros, and which tokens are there."""
        longest = max(len(one) for one in signals)
        whole = np.zeros((len(signals), longest, *signals[0].shape[1:]), dtype=signals[0].dtype)
        present = np.zeros((len(signals), longest), dtype=np.bool_)
        for place, one in enumerate(signals):
            whole[place, : len(one)] = one
            present[place, : len(one)] = True
        return torch.from_numpy(whole), torch.from_numpy(present)

    def named(self, state: Mapping[str, np.ndarray]) -> dict[str, Single]:
        """Trained arrays by the names under which they are stored."""
        return {self._key(name): array for name, array in state.items()}

    def _key(self, name: str) -> str:
        head, *rest = name.split(".")
        if head == "embeddings":
            return f"embeddings.{_EMBEDDINGS[int(rest[0])]}"
        if head == "norm":
            return f"embeddings.LayerNorm.{rest[0]}"
        place = self.lowest + int(rest[0])
        if rest[1] == "lora":
            return f"{place}.{rest[2].replace('_', '.')}"
        return f"encoder.layer.{place}.{_KEYS[rest[2]]}.{rest[3]}"


def _within(weights: Mapping[str, Single], place: int) -> dict[str, Single]:
    prefix = f"encoder.layer.{place}."
    return {name.removeprefix(prefix): array for name, array in weights.items() if name.startswith(prefix)}
