"""Temperatures: how sure a model may say it is, found on rows that it did not learn from.

C. Guo et al., On Calibration of Modern Neural Networks (2017). One number a field, found by trying: the curve is
smooth and has one minimum, and a search by hand gives the same number everywhere. As in Platt's scaling, N rows
that are all right are not proof of certainty: a part of 1 / (N + 2) of each counts as any other class.
"""

import numpy as np
from numpy.typing import NDArray

from driftloop.learners.columns import Matrix
from driftloop.learners.network import Outputs
from driftloop.learners.protocol import Rows
from driftloop.learners.targets import class_codes

LEAST_ROWS = 50
"""Fewer rows say nothing of how sure a model may be."""
_TRIED = np.geomspace(0.05, 20.0, 121)


def temperatures(outputs: Outputs, raw: Matrix, rows: Rows) -> dict[str, float]:
    """The temperature of each category field by rows with labels, and the model's outputs for them.

    Of rows of different weights only the heaviest count, as many as are enough and those that weigh as much as the
    last of them: pseudo-labels are what a model said, and say nothing of how right it is. {} where the rows are too
    few.
    """
    found: dict[str, float] = {}
    for field, place in outputs.slices():
        if field.classes is None or len(field.classes) < 2:
            continue
        codes = class_codes(rows.labels[field.name], field.classes)
        which = _heaviest(rows.weights, codes >= 0)
        if which.sum() >= LEAST_ROWS:
            found[field.name] = _best(raw[which][:, place], codes[which])
    return found


def _heaviest(weights: NDArray[np.float64] | None, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which of the known rows count."""
    if weights is None:
        return known
    found = np.sort(weights[known & (weights > 0)])[::-1]
    least = found[min(LEAST_ROWS, len(found)) - 1] if len(found) else np.inf
    return np.asarray(known & (weights >= least))


def _best(raw: Matrix, codes: NDArray[np.int64]) -> float:
    losses = [_surprise(raw / tried, codes) for tried in _TRIED]
    return float(f"{_TRIED[int(np.argmin(losses))]:.6g}")


def _surprise(raw: Matrix, codes: NDArray[np.int64]) -> float:
    top = raw.max(axis=1)
    logs = raw - (top + np.log(np.exp(raw - top[:, None]).sum(axis=1)))[:, None]
    rows, classes = raw.shape
    right = logs[np.arange(rows), codes]
    others = (logs.sum(axis=1) - right) / (classes - 1)
    doubt = 1 / (rows + 2)
    return float(-np.mean((1 - doubt) * right + doubt * others))
