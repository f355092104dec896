"""What one field of a model computes from the matrix of features: plain arrays, no library needed to predict.

Why arrays and not the fitted objects of scikit-learn: they load in a millisecond, hold no code,
can be checked before use (a tree's node numbers are used as indices), and a server that only
predicts needs neither scikit-learn nor torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from driftloop.learners.columns import Matrix

Link = Literal["identity", "sigmoid", "softmax"]


class Part(Protocol):
    """A fitted function of the matrix."""

    def scores(self, matrix: Matrix) -> Matrix:
        """(rows, 1) values of a number, or (rows, classes) probabilities."""
        ...

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """What `save` stores by name."""
        ...


def apply_link(link: Link, raw: Matrix) -> Matrix:
    """Raw scores as values or probabilities; one raw column of a two-class model gives both."""
    if link == "identity":
        return raw
    if link == "sigmoid":
        second = 1.0 / (1.0 + np.exp(-np.clip(raw[:, :1], -500, 500)))
        return np.hstack([1.0 - second, second])
    shifted = np.exp(raw - raw.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


@dataclass(frozen=True, slots=True)
class ConstantPart:
    """The same scores for every row: what is learnt from labels of one class."""

    values: Matrix

    def scores(self, matrix: Matrix) -> Matrix:
        """The values, once a row."""
        return np.tile(self.values, (len(matrix), 1))

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """The values."""
        return {"values": self.values}


@dataclass(frozen=True, slots=True)
class LinearPart:
    """`link(matrix @ weights + intercept)`; weights are (columns, outputs)."""

    weights: Matrix
    intercept: Matrix
    link: Link

    def scores(self, matrix: Matrix) -> Matrix:
        """Values or probabilities."""
        return apply_link(self.link, matrix @ self.weights + self.intercept)

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Weights and intercept."""
        return {"weights": self.weights, "intercept": self.intercept}
