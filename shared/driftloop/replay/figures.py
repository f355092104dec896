"""What a replay was worth: the served predictions beside two that cost nothing.

*No change* says again what the last row was; *never retrained* is the first version for ever. A
loop that does not beat both was not worth running, and the reader must be able to see that.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftloop.replay.table import Column
from driftloop.spec.model_spec import Task


@dataclass(frozen=True, slots=True)
class Figures:
    """A score of each predictor over the same rows: accuracy in 0…1, or the mean absolute error."""

    served: float
    no_change: float
    never_retrained: float


def row_errors(task: Task, predictions: Column, labels: Column) -> NDArray[np.float64]:
    """The error of each row: |prediction − label|, or 1 where classes differ.

    >>> row_errors("binary", np.array(["a", "b"], dtype=object), np.array(["a", "a"], dtype=object))
    array([0., 1.])
    """
    if task == "regression":
        return np.abs(predictions.astype(np.float64) - labels.astype(np.float64))
    return np.not_equal(predictions, labels).astype(np.float64)


def score(task: Task, errors: NDArray[np.float64]) -> float:
    """Accuracy for classes, the mean absolute error for numbers."""
    mean = float(np.mean(errors))
    return mean if task == "regression" else 1.0 - mean


def figures(task: Task, labels: Column, first: int, served: Column, frozen: Column) -> Figures:
    """The three scores over the rows from `first` on.

    `labels` are those of the whole file, `served` and `frozen` those of the rows from `first`.
    """
    truth = labels[first:]
    return Figures(
        served=score(task, row_errors(task, served, truth)),
        no_change=score(task, row_errors(task, labels[first - 1 : -1], truth)),
        never_retrained=score(task, row_errors(task, frozen, truth)),
    )


def rolling_mean(errors: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """The mean of the last `window` values at each row (of fewer at the beginning).

    >>> rolling_mean(np.array([1.0, 0.0, 0.0, 1.0]), 2).tolist()
    [1.0, 0.5, 0.0, 0.5]
    """
    total = np.cumsum(np.concatenate([[0.0], errors]))
    ends = np.arange(1, len(errors) + 1)
    starts = np.maximum(0, ends - window)
    return np.asarray((total[ends] - total[starts]) / (ends - starts), dtype=np.float64)
