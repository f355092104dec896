"""A BERT encoder as arrays: what a server needs to predict, without torch.

Why texts of one length are computed together and never padded: a text's figures are then the same in whatever
block it comes. (A product of matrices gives a row the same bits for any number of rows; a test holds that.)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from driftloop.learners.text.one_thread import one_thread

Single = NDArray[np.float32]
Tokens = Sequence[int]

_AT_ONCE = 512
"""Tokens of one product: what is computed of them stays in the cache."""
_ROWS_AT_ONCE = 32


class Shape(BaseModel):
    """The sizes of an encoder, by the names of `config.json`. Other keys are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    hidden_size: int = Field(ge=1)
    num_hidden_layers: int = Field(ge=1)
    num_attention_heads: int = Field(ge=1)
    intermediate_size: int = Field(ge=1)
    max_position_embeddings: int = Field(ge=2)
    layer_norm_eps: float = Field(default=1e-12, gt=0)
    hidden_act: str = "gelu"
    model_type: str = "bert"


@dataclass(frozen=True, slots=True)
class Norm:
    """A layer norm."""

    scale: Single
    shift: Single
    epsilon: float

    def of(self, signal: Single) -> Single:
        """Mean 0 and variance 1 along the last axis, scaled and shifted; works in place."""
        signal -= signal.mean(axis=-1, keepdims=True)
        signal /= np.sqrt(np.mean(signal * signal, axis=-1, keepdims=True) + np.float32(self.epsilon))
        signal *= self.scale
        signal += self.shift
        return signal


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer; weights are (inputs, outputs), query, key and value side by side."""

    attend: Single
    attend_bias: Single
    out: Single
    out_bias: Single
    out_norm: Norm
    widen: Single
    widen_bias: Single
    narrow: Single
    narrow_bias: Single
    narrow_norm: Norm
    heads: int

    def of(self, signal: Single) -> Single:
        """(texts, tokens, hidden) from the same."""
        texts, tokens, hidden = signal.shape
        flat = signal.reshape(-1, hidden)
        attended = self._attended((flat @ self.attend + self.attend_bias).reshape(texts, tokens, 3, self.heads, -1))
        middle = attended.reshape(-1, hidden) @ self.out
        middle += self.out_bias
        middle += flat
        middle = self.out_norm.of(middle)
        wide = middle @ self.widen
        wide += self.widen_bias
        narrow = gelu(wide) @ self.narrow
        narrow += self.narrow_bias
        narrow += middle
        return self.narrow_norm.of(narrow).reshape(signal.shape)

    def _attended(self, parts: Single) -> Single:
        query, key, value = (np.ascontiguousarray(parts[:, :, which].swapaxes(1, 2)) for which in range(3))
        query *= np.float32(query.shape[-1] ** -0.5)
        scores = query @ key.swapaxes(-1, -2)
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        return np.ascontiguousarray((scores @ value).swapaxes(1, 2))


@dataclass(frozen=True, slots=True)
class Encoder:
    """Embeddings and layers."""

    words: Single
    positions: Single
    norm: Norm
    layers: tuple[Layer, ...]

    def lower(self, texts: Sequence[Tokens], layers: int) -> list[Single]:
        """The signal (tokens × hidden) of each text after the first `layers` layers."""
        with one_thread.held():
            return _each(texts, lambda ids: self._through(self._embedded(ids), self.layers[:layers]))

    def upper(self, signals: Sequence[Single], layers: int) -> Single:
        """The pooled vectors of texts (texts × hidden), from their signals after the first `layers` layers."""
        if not len(signals):
            return np.zeros((0, self.words.shape[1]), dtype=np.float32)
        with one_thread.held():
            return np.stack(_each(signals, lambda block: pooled(self._through(block, self.layers[layers:]))))

    def _embedded(self, ids: NDArray[np.int64]) -> Single:
        return self.norm.of(self.words[ids] + self.positions[: ids.shape[1]])

    @staticmethod
    def _through(signal: Single, layers: Sequence[Layer]) -> Single:
        for layer in layers:
            signal = layer.of(signal)
        return signal


def pooled(signal: Single) -> Single:
    """The mean over the tokens of each text, of length √hidden: entries are then of the size of a standard one."""
    mean = signal.mean(axis=1)
    length = np.sqrt((mean * mean).sum(axis=-1, keepdims=True))
    return np.asarray(mean / np.maximum(length, np.float32(1e-9)) * np.float32(mean.shape[-1] ** 0.5))


def gelu(signal: Single) -> Single:
    """The exact one, by the error function (to 6e-7: Abramowitz and Stegun 7.1.26); works in place.

    >>> gelu(np.array([[-1.0, 0.0, 2.0]], dtype=np.float32)).round(4).tolist()
    [[-0.158..., 0.0, 1.954...]]
    """
    for start in range(0, len(signal), _ROWS_AT_ONCE):
        part = signal[start : start + _ROWS_AT_ONCE]
        part *= np.float32(0.5) + np.float32(0.5) * _erf(part * np.float32(0.5**0.5))
    return signal


def _erf(values: Single) -> Single:
    size = np.abs(values)
    step = 1 / (1 + np.float32(0.3275911) * size)
    tail = np.float32(1.061405429) * step
    for weight in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail += np.float32(weight)
        tail *= step
    size *= -size
    tail *= np.exp(size, out=size)
    return np.copysign(1 - tail, values)


def _each(items: Sequence[Any], compute: Any) -> list[Single]:
    """What `compute` makes of items of one length at a time, in the order of the items."""
    by_length: dict[int, list[int]] = {}
    for place, item in enumerate(items):
        by_length.setdefault(len(item), []).append(place)
    found: list[Any] = [None] * len(items)
    for length, places in by_length.items():
        size = max(_AT_ONCE // length, 1)
        for start in range(0, len(places), size):
            part = places[start : start + size]
            for place, one in zip(part, compute(np.stack([items[place] for place in part])), strict=True):
                found[place] = one
    return found


def encoder_of(shape: Shape, weights: Mapping[str, Single]) -> Encoder:
    """The encoder in the weights of a checkpoint of BERT; raises ValueError where they are of another kind."""
    if shape.model_type != "bert" or shape.hidden_act != "gelu":
        raise ValueError(f"a base model is a BERT with gelu, this is {shape.model_type} with {shape.hidden_act}")

    def norm(name: str) -> Norm:
        return Norm(weights[f"{name}.weight"], weights[f"{name}.bias"], shape.layer_norm_eps)

    def layer(place: int) -> Layer:
        at = f"encoder.layer.{place}"
        three = [f"{at}.attention.self.{name}" for name in ("query", "key", "value")]
        dense = {n: f"{at}.{n}.dense" for n in ("attention.output", "intermediate", "output")}
        matrices = {n: np.ascontiguousarray(weights[f"{name}.weight"].T) for n, name in dense.items()}
        biases = {n: weights[f"{name}.bias"] for n, name in dense.items()}
        return Layer(
            np.ascontiguousarray(np.concatenate([weights[f"{name}.weight"].T for name in three], axis=1)),
            np.concatenate([weights[f"{name}.bias"] for name in three]),
            matrices["attention.output"], biases["attention.output"], norm(f"{at}.attention.output.LayerNorm"),
            matrices["intermediate"], biases["intermediate"],
            matrices["output"], biases["output"], norm(f"{at}.output.LayerNorm"),
            shape.num_attention_heads,
        )  # fmt: skip

    try:
        positions = weights["embeddings.position_embeddings.weight"]
        kind = weights["embeddings.token_type_embeddings.weight"][0]
        return Encoder(
            weights["embeddings.word_embeddings.weight"],
            positions + kind,
            norm("embeddings.LayerNorm"),
            tuple(layer(place) for place in range(shape.num_hidden_layers)),
        )
    except (KeyError, IndexError) as error:
        raise ValueError(f"the base model lacks the weights {error}") from error
