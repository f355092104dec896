"""Page's CUSUM for several alternatives at once, in whole numbers.

Why whole numbers: S ← max(0, S + x) summed in another order gives another rounding, and then a batch
would not equal its rows. Log-likelihood ratios are kept as multiples of 2⁻²⁰; sums of them are exact.

Why no loop over rows: with L the running sum and S₀ the state before the batch,
S_n = L_n − min(−S₀, min_{k≤n} L_k), a running minimum.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

ONE = 1 << 20
"""One nat of evidence."""
_FEW = 12
"""Events that are taken in one by one."""


@dataclass(slots=True)
class Cusum:
    """The sums, and the rows since each last stood at zero (where its rise began).

    >>> sums = Cusum.empty(1)
    >>> sums.take_events(np.array([2, 3]), 5, up=np.array([3]), down=np.array([1]), threshold=5)
    3
    >>> sums.age.tolist()
    [2]
    """

    sums: Integers
    age: Integers
    peak: int = 0

    @classmethod
    def empty(cls, components: int) -> "Cusum":
        """All sums at zero."""
        return cls(np.zeros(components, np.int64), np.zeros(components, np.int64))

    def take_events(
        self, events: NDArray[np.intp], rows: int, up: Integers, down: Integers, threshold: int
    ) -> int | None:
        """Take in `rows` rows: those at `events` (ascending) add `up`, the others subtract `down`.

        Gives the row at which a sum first reaches the threshold (state as after that row), or None.
        Only events can raise a sum, so only they are looked at.
        """
        if len(events) <= _FEW:
            return self._take_few(events.tolist(), rows, up.tolist(), down.tolist(), threshold)
        count = np.arange(len(events), dtype=np.int64)
        before = np.multiply.outer(up + down, count) - np.multiply.outer(down, events.astype(np.int64))
        floor = np.minimum(np.minimum.accumulate(before, axis=1), -self.sums[:, None])
        after = before + up[:, None] - floor
        if len(events) and after.max() >= threshold:
            first = int(np.argmax((after >= threshold).any(axis=0)))
            self._settle(before[:, : first + 1], events[: first + 1], after[:, first], int(events[first]) + 1)
            return int(events[first])
        end = up * len(events) - down * (rows - len(events))
        lowest = floor[:, -1] if len(events) else -self.sums
        self._settle(before, events, np.maximum(end - lowest, 0), rows)
        self.age[self.sums == 0] = 0
        return None

    def _take_few(self, events: list[int], rows: int, up: list[int], down: list[int], threshold: int) -> int | None:
        """The same of a few events, one by one: numpy would not have begun."""
        sums, began, done, reached = self.sums.tolist(), [-1] * len(up), 0, None
        for row in events:
            for one, gain in enumerate(up):
                held = max(sums[one] - down[one] * (row - done), 0)
                if not held:
                    began[one] = row
                sums[one] = held + gain
            done = row + 1
            if max(sums) >= threshold:
                rows, reached = done, row
                break
        sums = [max(held - loss * (rows - done), 0) for held, loss in zip(sums, down, strict=True)]
        ages = zip(sums, began, self.age.tolist(), strict=True)
        self.age = np.array(
            [(age + rows if since < 0 else rows - since) if held else 0 for held, since, age in ages], np.int64
        )
        self.sums = np.array(sums, np.int64)
        return reached

    def take_all(self, steps: Integers, threshold: int) -> int | None:
        """Take in a matrix (components × rows) of steps; gives the row of the first crossing, or None."""
        level = np.cumsum(steps, axis=1)
        before = level - steps
        floor = np.minimum(np.minimum.accumulate(before, axis=1), -self.sums[:, None])
        after = np.maximum(level - floor, 0)
        crossed = np.flatnonzero((after >= threshold).any(axis=0))
        last = int(crossed[0]) if len(crossed) else steps.shape[1] - 1
        self._settle(before[:, : last + 1], np.arange(last + 1), after[:, last], last + 1)
        self.age[self.sums == 0] = 0
        return last if len(crossed) else None

    def _settle(self, before: Integers, at: NDArray[np.intp], sums: Integers, rows: int) -> None:
        """The state after `rows` rows: a rise began where its running sum was lowest, for the last time."""
        self.age = self.age + rows
        if before.shape[1]:
            lowest = before.min(axis=1)
            last = before.shape[1] - 1 - np.argmin(before[:, ::-1], axis=1)
            restarted = lowest <= -self.sums
            self.age[restarted] = rows - at[last[restarted]]
        self.sums = sums.copy()
