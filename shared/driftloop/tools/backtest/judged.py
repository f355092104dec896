"""What an accuracy hides, in a backtest: its runs keep losses, not predictions.

Of two classes a loss tells what was said: the other one. Of more it tells only whether each class was found.
"""

from typing import Any

import numpy as np

from driftloop.learners.protocol import Column
from driftloop.statistics.losses import row_losses
from driftloop.tools.backtest.simulate import Run
from driftloop.tools.backtest.stream import Stream
from driftloop.tools.backtest.table import Floats, LossTable
from driftloop.tools.replay.judging import class_figures, constant_answer

_FIGURES = ("recall", "precision", "f1")


def constant_json(stream: Stream, table: LossTable) -> dict[str, Any]:
    """The score of the best answer that is always the same, and the majority class where there are classes."""
    truth = stream.labels[table.layout.first :]
    answer = constant_answer(truth)
    mean = float(np.mean(row_losses(stream.spec.target, {stream.target: answer}, {stream.target: truth})))
    if stream.is_regression:
        return {"constant": round(mean, 6), "majority": None, "majority_class": None, "positive": None}
    figures = class_figures(truth, answer)
    return {
        "constant": round(1 - mean, 6),
        "majority": round(figures.majority, 6),
        "majority_class": figures.majority_class,
        "positive": figures.positive,
    }


def classes_json(stream: Stream, table: LossTable, run: Run) -> dict[str, float | None]:
    """Recall, precision and F1 of what a policy served; None where its losses do not tell."""
    if stream.is_regression or run.by_row is None:
        return dict.fromkeys(_FIGURES)
    truth = stream.labels[table.layout.first :]
    classes = np.unique(truth.astype(str))
    if len(classes) > 2:
        found = [1.0 - float(np.mean(run.by_row[truth == name])) for name in classes]
        return {"recall": round(float(np.mean(found)), 6), "precision": None, "f1": None}
    figures = class_figures(truth, _said(truth, run.by_row))
    return {name: round(getattr(figures, name), 6) for name in _FIGURES}


def _said(truth: Column, losses: Floats) -> Column:
    """What was said of two classes."""
    classes = np.unique(truth.astype(str))
    return np.where(losses > 0, np.where(truth == classes[0], classes[-1], classes[0]), truth).astype(object)
