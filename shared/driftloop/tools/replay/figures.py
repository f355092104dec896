"""What a replay was worth: the served predictions beside two that cost nothing.

*No change* says again what the last row was; *never retrained* is the first version for ever. A
loop that does not beat both was not worth running, and the reader must be able to see that.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftloop.learners.protocol import Column
from driftloop.spec.model_spec import ModelSpec
from driftloop.statistics.losses import row_losses
from driftloop.tools.replay.judging import constant_answer

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StreamLosses:
    """The loss of each streamed row, by predictor. `constant` says always what is best to say always."""

    served: Floats
    no_change: Floats
    never_retrained: Floats
    constant: Floats


def stream_losses(
    spec: ModelSpec,
    labels: Mapping[str, Column],
    first: int,
    served: Mapping[str, Column],
    frozen: Mapping[str, Column],
) -> StreamLosses:
    """Losses of the rows from `first` on.

    `labels` are those of the whole recording, `served` and `frozen` those of the streamed rows.
    """
    if spec.forecast is not None:
        return _of_forecasts(spec, labels, first, served, frozen)
    truth = {name: column[first:] for name, column in labels.items()}
    last = {name: column[first - 1 : -1] for name, column in labels.items()}
    constant = {name: constant_answer(column) for name, column in truth.items()}
    return StreamLosses(*(row_losses(spec.target, said, truth) for said in (served, last, frozen, constant)))


def _of_forecasts(
    spec: ModelSpec,
    labels: Mapping[str, Column],
    first: int,
    served: Mapping[str, Column],
    frozen: Mapping[str, Column],
) -> StreamLosses:
    """The same of forecasts: the cheap ones say one value for all steps and quantiles."""
    assert spec.forecast is not None
    wide = spec.forecast.values_a_step
    truth = {name: column[first:] for name, column in labels.items()}
    last = {
        name: np.repeat(column[first - 1 : -1, -1:], column.shape[1] * wide, axis=1) for name, column in labels.items()
    }
    constant = {name: np.repeat(constant_answer(column), wide, axis=1) for name, column in truth.items()}
    return StreamLosses(*(row_losses(spec.target, said, truth) for said in (served, last, frozen, constant)))


def is_accuracy(spec: ModelSpec) -> bool:
    """Whether the score of a model is an accuracy; else it is a mean absolute error."""
    return all(field.kind == "category" for field in spec.target.values())


def score(spec: ModelSpec, losses: Floats) -> float:
    """Accuracy in 0…1 for classes, the mean (scaled) absolute error for numbers."""
    mean = float(np.mean(losses))
    return 1.0 - mean if is_accuracy(spec) else mean


def rolling_mean(losses: Floats, window: int) -> Floats:
    """The mean of the last `window` values at each row (of fewer at the beginning).

    >>> rolling_mean(np.array([1.0, 0.0, 0.0, 1.0]), 2).tolist()
    [1.0, 0.5, 0.0, 0.5]
    """
    total = np.cumsum(np.concatenate([[0.0], losses]))
    ends = np.arange(1, len(losses) + 1)
    starts = np.maximum(0, ends - window)
    return np.asarray((total[ends] - total[starts]) / (ends - starts), dtype=np.float64)
