"""Rows that are old enough for their labels to be in, apart from those that are not.

Why: early labels are not a fair part of all labels (a default is known late, a refusal at once), so the
loss of the newest rows is provisional. By the time of the prediction, not of the label, rows are counted
in spans of an eighth of the delay that the spec expects.

What is read are the spans that are remembered, whether or not older ones have been dropped yet: a frame may
reach far back, and a late label may fall into a span that is gone. So figures go by the rows, not by frames.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.losses.blocks import FRACTION

SPANS = 8
"""Spans in one expected delay."""
KEPT = 32
"""Spans that are remembered: as many old rows as three delays hold."""

Moments = NDArray[np.int64]


class Maturity:
    """Rows, labels and losses by the time of the prediction; nothing where labels come at once.

    >>> maturity = Maturity(expected_seconds=80)
    >>> at = np.arange(100) * 1000
    >>> maturity.see(at)
    >>> maturity.judge(at[:50], np.full(50, 0.5))
    >>> maturity.metrics()["mature_loss"], maturity.metrics()["provisional_labelled_share"]
    (0.5, 0.4444444444444444)
    """

    def __init__(self, expected_seconds: float) -> None:
        self._width = int(expected_seconds * 1000 / SPANS)
        self._spans: dict[int, list[int]] = {}

    def see(self, at: Moments) -> None:
        """Take in rows by when they were predicted (milliseconds)."""
        if self._width:
            self._add(at, 0, np.ones(len(at), np.int64))

    def judge(self, at: Moments, losses: NDArray[np.float64]) -> None:
        """Take in the losses of rows that were predicted then."""
        if self._width:
            self._add(at, 1, np.ones(len(at), np.int64))
            self._add(at, 2, np.rint(losses * FRACTION).astype(np.int64))

    def revise(self, at: Moments, before: NDArray[np.float64], losses: NDArray[np.float64]) -> None:
        """Other losses in place of those taken in before, of rows that were predicted then."""
        if self._width:
            known = np.isin(at // self._width, list(self._spans))
            change = np.rint(losses * FRACTION).astype(np.int64) - np.rint(before * FRACTION).astype(np.int64)
            self._add(at[known], 2, change[known])

    def _add(self, at: Moments, place: int, amounts: NDArray[np.int64]) -> None:
        spans, of = np.unique(at // self._width, return_inverse=True)
        sums = np.zeros(len(spans), np.int64)
        np.add.at(sums, of, amounts)
        for span, amount in zip(spans.tolist(), sums.tolist(), strict=True):
            self._spans.setdefault(span, [0, 0, 0])[place] += amount

    def trim(self) -> None:
        """Forget the oldest spans; late labels of theirs count no more."""
        self._spans = self._remembered()

    def _remembered(self) -> dict[int, list[int]]:
        oldest = max(self._spans, default=0) - KEPT
        return {span: sums for span, sums in self._spans.items() if span > oldest}

    def metrics(self) -> dict[str, float]:
        """Labelled share and mean loss of mature and of provisional rows; {} where labels come at once."""
        remembered = self._remembered()
        newest = max(remembered, default=0)
        parts = {
            "mature": [sums for span, sums in remembered.items() if span < newest - SPANS],
            "provisional": [sums for span, sums in remembered.items() if span >= newest - SPANS],
        }
        found: dict[str, float] = {}
        for name, spans in parts.items():
            rows, labelled, loss = (sum(column) for column in zip(*spans, strict=True)) if spans else (0, 0, 0)
            if rows:
                found |= {f"{name}_rows": float(rows), f"{name}_labelled_share": labelled / rows}
            if labelled:
                found[f"{name}_loss"] = loss / FRACTION / labelled
        return found

    def snapshot(self) -> list[list[Any]]:
        """The spans."""
        return [[span, *sums] for span, sums in self._spans.items()]

    def restore(self, state: list[list[Any]]) -> None:
        """Take them up again."""
        self._spans = {span: sums for span, *sums in state}
