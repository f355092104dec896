"""What became of a model's alarms: the false ones are counted beside the budget that was declared."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ROWS = 1000
"""Losses after an alarm that say whether it was right."""
SHARE = 0.25
"""Share of the reported rise that must still be there: at the time of an alarm, a rise looks larger than it is."""


class AlarmStats:
    """Alarms of a model and all its segments since it was first seen.

    An alarm is *unconfirmed* if what it reported did not last: a rise of the loss that is gone in the next
    1,000 losses, or a shift of columns that ends before its version does. These are the false alarms and the
    drifts that ended by themselves, so at most this many alarms were false. An alarm whose version was
    replaced before that could be seen counts as raised only.
    """

    def __init__(self) -> None:
        self.raised = 0
        self.unconfirmed = 0

    def false_per_month(self, months: float) -> float:
        """Unconfirmed alarms a month, over `months` since the model was first seen; a day counts at least.

        >>> ledger = AlarmStats()
        >>> ledger.unconfirmed = 1
        >>> ledger.false_per_month(0.001), ledger.false_per_month(4.0)
        (30.0, 0.25)
        """
        return self.unconfirmed / max(months, 1 / 30)

    def snapshot(self) -> list[int]:
        """The counts."""
        return [self.raised, self.unconfirmed]

    def restore(self, state: list[int]) -> None:
        """Take them up again."""
        self.raised, self.unconfirmed = state


class Confirmation:
    """Watches the losses after an alarm, for one detector.

    >>> seen = Confirmation()
    >>> seen.begin(0.1, 0.3)
    >>> seen.push(np.full(999, 0.1)), seen.push(np.full(2, 0.1)), seen.push(np.full(1000, 0.1))
    (0, 1, 0)
    """

    def __init__(self) -> None:
        self._line: float | None = None
        self._rows = 0
        self._sum = 0.0

    def begin(self, reference: float, current: float) -> None:
        """An alarm went off: the loss rose from `reference` to `current`."""
        self._line, self._rows, self._sum = reference + SHARE * (current - reference), 0, 0.0

    def push(self, losses: Floats) -> int:
        """Take in losses; 1 where they show that the alarm was not right."""
        if self._line is None:
            return 0
        taken = losses[: ROWS - self._rows]
        self._sum = float(np.cumsum(np.concatenate(([self._sum], taken)))[-1])
        self._rows += len(taken)
        if self._rows < ROWS:
            return 0
        gone = self._sum / ROWS <= self._line
        self._line = None
        return int(gone)

    def snapshot(self) -> list[Any]:
        """What is being watched."""
        return [self._line, self._rows, self._sum]

    def restore(self, state: list[Any]) -> None:
        """Take it up again."""
        self._line, self._rows, self._sum = state
