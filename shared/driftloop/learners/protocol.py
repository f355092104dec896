"""What a learner promises. Twenty lines are enough for one's own: see docs/extending.md."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from driftloop.spec.model_spec import ModelSpec

Column = NDArray[Any]
"""float64 with NaN for missing, or object holding str with None for missing; a series is rows × steps (float64)."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Labelled rows in stream order. Columns are by name, all of one length.

    `labels` is empty where rows are only to be predicted. `weights` multiplies a row's loss. `at`, of forecasts, is
    when each was made (milliseconds since 1970): the hour of the day is an input that everybody knows.
    """

    features: Mapping[str, Column]
    labels: Mapping[str, Column] = field(default_factory=dict)
    weights: NDArray[np.float64] | None = None
    at: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(next(iter(self.features.values())))

    def take(self, which: slice | NDArray[np.intp]) -> Self:
        """The rows that `which` picks, in its order."""
        return type(self)(
            {name: column[which] for name, column in self.features.items()},
            {name: column[which] for name, column in self.labels.items()},
            None if self.weights is None else self.weights[which],
            None if self.at is None else self.at[which],
        )


@dataclass(frozen=True, slots=True)
class Predictions:
    """A value by target field (float64, or object holding str); confidence in 0…1 where the model has one."""

    fields: Mapping[str, Column]
    confidence: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """How far a fit has come: `step` of `steps`, and the losses so far."""

    step: int
    steps: int
    training_loss: float | None = None
    validation_loss: float | None = None


class Model(Protocol):
    """A fitted model: immutable, and what `load` gives is the same as what was saved."""

    def predict(self, rows: Rows) -> Predictions:
        """One prediction a row. Missing columns and unknown categories count as missing values."""
        ...

    def save(self, folder: Path) -> None:
        """Write files into an empty folder: safetensors, skops or JSON, never a bare pickle."""
        ...


class Learner(Protocol):
    """Makes models. An instance is made for one run, from the spec and the learner's parameters.

    A learner with an attribute `stops_early = True` is given later rows as `held_out` to watch
    while it fits (a part of the training rows, never those that the version is validated on).
    One with `forecasts = True` learns series, and no other is asked to. One with `weighs_rows = True`
    counts each row by its weight; of no other is it known, so that a spec with `training.recency` refuses it.
    It refuses one with `learns_in_order = True` too, which takes rows one after another and so forgets older ones.
    """

    def fit(
        self,
        rows: Rows,
        held_out: Rows | None,
        *,
        warm_start: Model | None,
        seed: int,
        progress: Callable[[Step], None],
    ) -> Model:
        """A model of `rows`. The same rows and seed give the same model.

        `held_out` (later rows) is for stopping early; `warm_start` is a model of an earlier version
        that an incremental fit goes on from and must not change. Raises ValueError where the rows
        cannot be learnt from, with a sentence that says why.
        """
        ...

    def load(self, folder: Path) -> Model:
        """The model that `save` wrote."""
        ...


class Checkpoint(Protocol):
    """Where a fit keeps how far it has come, so that one that is killed is gone on with and not begun anew."""

    def load(self) -> bytes | None:
        """What the same fit of the same rows kept last; None where it is begun."""
        ...

    def is_due(self) -> bool:
        """Whether it is worth keeping something now: what is lost in between is seconds."""
        ...

    def save(self, state: bytes) -> None:
        """Keep `state` in place of what was kept."""
        ...


@runtime_checkable
class Resumable(Protocol):
    """A learner with long fits. A fit that goes on gives the same model as one that was never interrupted."""

    def keep_at(self, checkpoint: Checkpoint) -> None:
        """Where the next fit keeps how far it has come."""
        ...


class KeepsCheckpoints:
    """What a `Resumable` learner needs: the checkpoint of its next fit, None where it is not to keep any."""

    _checkpoint: Checkpoint | None = None

    def keep_at(self, checkpoint: Checkpoint) -> None:
        """Where the next fit keeps its weights, its optimizer and its random states, epoch by epoch."""
        self._checkpoint = checkpoint


LearnerFactory = Callable[[ModelSpec, Mapping[str, Any]], Learner]
"""What an entry point names. Raises ValueError for parameters it does not know."""
