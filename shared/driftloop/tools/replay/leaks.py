"""Columns that know the target: copies of it, predictions of it, and what tells it in every row."""

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from driftloop.tools.replay.table import Column, Table, missing

_PREDICTION = re.compile(r"(?i)(^|[^a-z])(pred|predicted|prediction|yhat|y_hat|proba|probability|forecast)([^a-z]|$)")
_LOOKED_AT = 20_000
_FEW = 20
"""Rows for each value, on average, that a column of categories needs to be thought to know the target."""


def why_it_knows(table: Table, name: str, target: str, *, is_class: bool) -> str | None:
    """Why a column is left out because it holds the target itself; None where it does not."""
    mine, truth = _together(table, name, target)
    if len(truth) < 2:
        return None
    if _PREDICTION.search(name) and _is_prediction(mine, truth, is_class=is_class):
        return f"it is a prediction of {target} that is in the file already"
    if is_class and _is_copy(mine, truth):
        return f"it is {target} in other words: each of its values goes with one class"
    if not is_class and mine.dtype == np.float64 and np.array_equal(mine, truth):
        return f"it is a copy of {target}"
    return None


def leak_sentences(table: Table, features: Mapping[str, str], target: str, *, is_class: bool) -> list[str]:
    """A sentence for each feature that alone tells the target in every row: it may be known only afterwards."""
    found = []
    for name in features:
        mine, truth = _together(table, name, target)
        if len(truth) >= 2 * _FEW and _tells(mine, truth, is_class=is_class):
            found.append(
                f"{name} alone tells {target} in every row: where it is known only afterwards, leave it out "
                f"(--without {name})."
            )
    return found


def _together(table: Table, name: str, target: str) -> tuple[Column, Column]:
    mine, truth = table.columns[name], table.columns[target]
    every = max(1, len(truth) // _LOOKED_AT)
    mine, truth = mine[::every], truth[::every]
    there = ~missing(mine) & ~missing(truth)
    return mine[there], truth[there]


def _codes(column: Column) -> NDArray[np.intp]:
    values = column.astype(str) if column.dtype == object else column
    return np.unique(values, return_inverse=True)[1]


def _is_copy(mine: Column, truth: Column) -> bool:
    one, other = _codes(mine), _codes(truth)
    pairs = len(np.unique(one * (other.max() + 1) + other))
    return bool(other.max() > 0 and pairs == one.max() + 1 == other.max() + 1)


def _is_prediction(mine: Column, truth: Column, *, is_class: bool) -> bool:
    if not is_class:
        return mine.dtype == np.float64 and abs(_correlation(mine, truth)) > 0.5
    if mine.dtype == np.float64 and np.all((mine >= 0) & (mine <= 1)) and not np.all(mine == np.floor(mine)):
        return True
    return mine.dtype == truth.dtype and set(np.unique(mine.astype(str))) <= set(np.unique(truth.astype(str)))


def _tells(mine: Column, truth: Column, *, is_class: bool) -> bool:
    if not is_class:
        return mine.dtype == np.float64 and abs(_correlation(mine, truth)) > 0.9999
    one, other = _codes(mine), _codes(truth)
    if other.max() == 0 or one.max() == 0:
        return False
    pairs = np.unique(one * (other.max() + 1) + other)
    if len(pairs) == one.max() + 1 and len(mine) >= _FEW * (one.max() + 1):
        return True
    return mine.dtype == np.float64 and other.max() == 1 and _is_parted(mine, other)


def _is_parted(mine: Column, classes: NDArray[np.intp]) -> bool:
    """Whether one threshold parts the two classes."""
    low, high = mine[classes == 0], mine[classes == 1]
    return bool(low.max() < high.min() or high.max() < low.min())


def _correlation(mine: Column, truth: Column) -> float:
    if np.ptp(mine) == 0 or np.ptp(truth) == 0:
        return 0.0
    return float(np.corrcoef(mine, truth)[0, 1])
