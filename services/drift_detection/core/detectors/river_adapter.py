"""river's detectors behind our protocol.

Why state is replayed and not copied: river's objects offer no state but a pickle, and nothing is
unpickled here. An adapter keeps the values since the object was made, in a bounded list, and a
restored one takes them in again. When the list is full, the object is made anew from its newer half:
a rule of the adapter, in every run the same, so that state stays a function of the list.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from drift_detection.core.detectors.protocol import DetectorDefaults, Floats, LossReference, State

MEMORY = 20_000


class RiverDetector(DetectorDefaults):
    """One of river's drift detectors, made one-sided: alarms only where the recent mean is the higher.

    `make` gives a fresh river object; `memory_rows` bounds the values kept.
    """

    def __init__(self, make: Callable[[], Any], reference: LossReference, *, memory_rows: float = MEMORY) -> None:
        if memory_rows < 100:
            raise ValueError(f"memory_rows must be at least 100, not {memory_rows}")
        self._make = make
        self._memory = int(memory_rows)
        self._bound = reference.bound
        self._told = reference.mean, reference.rows
        self._begin([])
        self._statistic = 0.0
        self._onset = 0

    def _begin(self, values: list[float]) -> None:
        self._inner = self._make()
        self._values = values
        self._sum = float(np.sum(values))
        for value in values:
            self._inner.update(value)

    @property
    def average_run_length(self) -> float | None:
        """river states none."""
        return None

    @property
    def statistic(self) -> float:
        """Mean of the losses since the last alarm (at an alarm: the rise that was found)."""
        return self._statistic

    @property
    def threshold(self) -> float:
        """A rise of any size, once river calls it a change."""
        return 0.0

    @property
    def onset_rows_ago(self) -> int:
        """Rows after the split that explains the rise best, at the last alarm."""
        return self._onset

    @property
    def reference_level(self) -> tuple[float, int]:
        """Mean and rows before the rise, or all rows while there is none."""
        return (self._sum / len(self._values) * self._bound, len(self._values)) if self._values else self._told

    def update(self, value: float) -> bool:
        """Take in one loss."""
        return self.update_many(np.array([value], dtype=np.float64)) is not None

    def update_many(self, values: Floats) -> int | None:
        """Take in losses up to the next alarm."""
        losses = np.asarray(values, dtype=np.float64)
        if not np.isfinite(losses).all():
            raise ValueError("a detector takes finite losses")
        for index, value in enumerate(np.clip(losses / self._bound, 0, 1).tolist()):
            if self._take(value):
                return index
        return None

    def _take(self, value: float) -> bool:
        if len(self._values) >= self._memory:
            self._begin(self._values[-self._memory // 2 :])
        self._inner.update(value)
        self._values.append(value)
        self._sum += value
        if not self._inner.drift_detected:
            return False
        before, after, rows = best_split(np.array(self._values))
        rose = after > before
        if rose:
            self._statistic, self._onset = (after - before) * self._bound, rows
        self._begin(self._values[-rows:])
        return rose

    def snapshot(self) -> State:
        """The values kept."""
        return {"values": self._values, "statistic": self._statistic, "onset": self._onset}

    def restore(self, state: State) -> None:
        """Take the kept values in again."""
        self._begin([float(value) for value in state["values"]])
        self._statistic, self._onset = state["statistic"], state["onset"]


def best_split(values: Floats) -> tuple[float, float, int]:
    """(mean before, mean after, rows after) of the split whose two means differ most significantly.

    >>> best_split(np.array([0.0] * 10 + [1.0] * 5))
    (0.0, 1.0, 5)
    """
    count = len(values)
    if count < 2:
        return 0.0, float(values.mean()) if count else 0.0, count
    sums = np.cumsum(values)
    left = np.arange(1, count)
    before, after = sums[:-1] / left, (sums[-1] - sums[:-1]) / (count - left)
    split = int(np.argmax((after - before) ** 2 * left * (count - left)))
    return float(before[split]), float(after[split]), count - split - 1
