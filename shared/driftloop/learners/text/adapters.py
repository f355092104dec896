"""LoRA: a low-rank change of the query and value matrices of an encoder's topmost layers.

E. Hu et al., LoRA: Low-Rank Adaptation of Large Language Models (2021). The change of a matrix is
`scale` × a @ b with a of (inputs, rank) and b of (rank, outputs); `scale` is alpha / rank.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from driftloop.learners.text.encoder import Encoder, Layer, Single

PARTS = ("query", "value")
_PLACE = {"query": 0, "value": 2}
"""Where each stands in a layer's matrix of query, key and value."""


@dataclass(frozen=True)
class Adapters:
    """The changes by `LAYER.query.a`, `LAYER.query.b`, `LAYER.value.a`, `LAYER.value.b` (layers counted from 0)."""

    scale: float
    arrays: Mapping[str, Single]

    @property
    def lowest(self) -> int:
        """The lowest layer that is changed; those below are the base model's."""
        return min(int(name.partition(".")[0]) for name in self.arrays)

    def on(self, encoder: Encoder) -> Encoder:
        """The encoder with the changes in its matrices; what is not changed is shared, not copied.

        Raises ValueError where they are not of this encoder.
        """
        layers = list(encoder.layers)
        for place in sorted({int(name.partition(".")[0]) for name in self.arrays}):
            if place >= len(layers):
                raise ValueError(f"an adapter is of layer {place}, the base model has {len(layers)}")
            layers[place] = self._changed(layers[place], place)
        return replace(encoder, layers=tuple(layers))

    def _changed(self, layer: Layer, place: int) -> Layer:
        attend, hidden = layer.attend.copy(), len(layer.attend)
        for part in PARTS:
            first, second = self.arrays[f"{place}.{part}.a"], self.arrays[f"{place}.{part}.b"]
            if first.shape[0] != hidden or second.shape[1] != hidden or first.shape[1] != second.shape[0]:
                raise ValueError(f"the adapter of layer {place} does not fit the base model")
            start = _PLACE[part] * hidden
            attend[:, start : start + hidden] += np.float32(self.scale) * (first @ second)
        return replace(layer, attend=attend)
