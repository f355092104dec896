"""The network of `tft`, a compact Temporal Fusion Transformer. It imports torch.

What of the paper is here: a variable selection network for the past, the future and what does not change; gated
residual networks everywhere; an entity's embedding as the context that selects, enriches and starts the LSTMs; LSTM
encoder and decoder; attention whose heads share their values, so that its weights can be read; an output a quantile.
What is added: a straight line from the inputs of a step (and from the newest past) to its outputs. What was a day
ago and what is planned go through it, so that the network learns from the first epoch on only what a line cannot say.

References
----------
B. Lim, S. Arik, N. Loeff, T. Pfister: Temporal Fusion Transformers for interpretable multi-horizon time series
forecasting. International Journal of Forecasting 37 (2021).
"""

from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import nn

Tensor: TypeAlias = torch.Tensor


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides the sizes: inputs of each variable of the past and of the horizon, entities of each category."""

    past: tuple[int, ...]
    future: tuple[int, ...]
    static: int
    entities: tuple[int, ...]
    outputs: int
    hidden: int
    heads: int
    dropout: float


class GatedResidual(nn.Module):  # type: ignore[misc]  # torch has no types here
    """GLU(dense(ELU(dense(x) + context))) + x, normed; of the last axis."""

    def __init__(self, width: int, dropout: float, *, inputs: int | None = None, context: bool = False) -> None:
        super().__init__()
        taken = width if inputs is None else inputs
        self.into = nn.Linear(taken, width)
        self.context = nn.Linear(width, width, bias=False) if context else None
        self.out = nn.Linear(width, 2 * width)
        self.skip = nn.Linear(taken, width) if taken != width else nn.Identity()
        self.dropout, self.norm = nn.Dropout(dropout), nn.LayerNorm(width)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """As wide as `width`."""
        hidden = self.into(x)
        if self.context is not None and context is not None:
            hidden = hidden + self.context(context)
        gated = nn.functional.glu(self.out(self.dropout(nn.functional.elu(hidden))), dim=-1)
        return self.norm(gated + self.skip(x))


class Selection(nn.Module):  # type: ignore[misc]  # torch has no types here
    """Variable selection: each variable is embedded, passes a gate, and a softmax weighs them.

    `sizes` are the inputs of each variable, which stand side by side: a value and whether it is known, or the
    figures of a moment.
    """

    def __init__(self, sizes: tuple[int, ...], width: int, dropout: float) -> None:
        super().__init__()
        self.variables, inputs = len(sizes), sum(sizes)
        self.embed = nn.Linear(inputs, self.variables * width)
        owners = torch.repeat_interleave(torch.arange(self.variables), torch.tensor(sizes))
        mine = torch.arange(self.variables).repeat_interleave(width)[:, None] == owners[None, :]
        self.register_buffer("mine", mine.to(torch.float32), persistent=False)
        self.gate = nn.Linear(width, 2 * width)
        self.weigh = GatedResidual(width, dropout, inputs=inputs, context=True)
        self.choose = nn.Linear(width, self.variables)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Rows × steps × inputs; gives rows × steps × width."""
        weights = torch.softmax(self.choose(self.weigh(x, context)), dim=-1)
        embedded = nn.functional.linear(x, self.embed.weight * self.mine, self.embed.bias)
        embedded = embedded.unflatten(-1, (self.variables, -1))
        each = embedded + nn.functional.glu(self.gate(nn.functional.elu(embedded)), dim=-1)
        return self.norm((weights.unsqueeze(-2) @ each).squeeze(-2))


class Attention(nn.Module):  # type: ignore[misc]  # torch has no types here
    """Heads that share their values: the mean of their weights is the attention that can be read."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.size = heads, max(1, width // heads)
        self.query = nn.Linear(width, heads * self.size)
        self.key = nn.Linear(width, heads * self.size)
        self.value = nn.Linear(width, self.size)
        self.out = nn.Linear(self.size, width)

    def forward(self, queries: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
        """Rows × queries × width; `mask` (queries × keys) is true where a query may not look."""
        asked = self.query(queries).unflatten(-1, (self.heads, self.size)).transpose(1, 2)
        offered = self.key(keys).unflatten(-1, (self.heads, self.size)).transpose(1, 2)
        scores = asked @ offered.transpose(-1, -2) * self.size**-0.5
        weights = torch.softmax(scores.masked_fill(mask, float("-inf")), dim=-1).mean(dim=1)
        return self.out(weights @ self.value(keys))


class Tft(nn.Module):  # type: ignore[misc]  # torch has no types here
    """Rows to rows × horizon × outputs, in standard units."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width, dropout = shape.hidden, shape.dropout
        self.entities = nn.ModuleList(nn.Embedding(size, width) for size in shape.entities)
        self.static = GatedResidual(width, dropout, inputs=width + shape.static)
        self.contexts = nn.ModuleList(GatedResidual(width, dropout) for _ in range(4))
        self.past = Selection(shape.past, width, dropout)
        self.future = Selection(shape.future, width, dropout)
        self.encoder = nn.LSTM(width, width, batch_first=True)
        self.decoder = nn.LSTM(width, width, batch_first=True)
        self.after_lstm, self.after_attention = Gate(width, dropout), Gate(width, dropout)
        self.enrich = GatedResidual(width, dropout, context=True)
        self.attention = Attention(width, shape.heads)
        self.feed = GatedResidual(width, dropout)
        self.out = nn.Linear(width, shape.outputs)
        self.line = nn.Linear(sum(shape.future) + sum(shape.past), shape.outputs)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.line.weight)

    def forward(self, past: Tensor, future: Tensor, static: Tensor, entities: Tensor) -> Tensor:
        """Ascending along the last axis, so that no quantile crosses another."""
        about = self._about(static, entities)
        select, hidden, cell, enrich = (context(about) for context in self.contexts)
        chosen_past = self.past(past, select.unsqueeze(1))
        chosen_future = self.future(future, select.unsqueeze(1))
        seen, state = self.encoder(chosen_past, (hidden.unsqueeze(0), cell.unsqueeze(0)))
        told, _ = self.decoder(chosen_future, state)
        both = torch.cat([chosen_past, chosen_future], dim=1)
        steps = self.enrich(self.after_lstm(torch.cat([seen, told], dim=1), both), enrich.unsqueeze(1))
        horizon, before = future.shape[1], past.shape[1]
        late = torch.arange(before + horizon, device=past.device)
        mask = late[None, :] > late[before:, None]
        asked = steps[:, before:]
        attended = self.after_attention(self.attention(asked, steps, mask), asked)
        newest = past[:, -1:].expand(-1, horizon, -1)
        raw = self.out(self.feed(attended)) + self.line(torch.cat([future, newest], dim=-1))
        return raw.sort(dim=-1).values

    def _about(self, static: Tensor, entities: Tensor) -> Tensor:
        known = [embed(entities[:, place]) for place, embed in enumerate(self.entities)]
        embedded = torch.stack(known).sum(dim=0) if known else static.new_zeros(len(static), self.out.in_features)
        return self.static(torch.cat([embedded, static], dim=-1))


class Gate(nn.Module):  # type: ignore[misc]  # torch has no types here
    """GLU(x) + what was before it, normed."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.gate, self.dropout, self.norm = nn.Linear(width, 2 * width), nn.Dropout(dropout), nn.LayerNorm(width)

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        """As `x`."""
        return self.norm(nn.functional.glu(self.gate(self.dropout(x)), dim=-1) + before)
