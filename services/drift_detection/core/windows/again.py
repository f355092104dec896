"""Columns that have shifted may shift once more, and that is news too.

While an alarm stands, windows are also compared with what the columns looked like after it. A window
that differs from *that* is a second change, be it onward or back. Where one follows the other without
rest (a slow drift), only the first is said.
"""

from typing import Any

import numpy as np

from drift_detection.core.windows.battery import Battery
from drift_detection.core.windows.rings import HALF, Window
from drift_detection.core.windows.shift import Shift, shift_of


class ChangedAgain:
    """Watches for a second change while a first one stands, on the newest half windows."""

    def __init__(self, battery: Battery) -> None:
        self._battery = battery
        self._since = 0
        self._after: tuple[Window, Battery] | None = None
        self._rested = False

    def begin(self, block: int) -> None:
        """A shift has been said at this block."""
        self._since, self._after, self._rested = block, None, False

    def see(self, window: Window, *, standing: bool) -> list[Shift]:
        """The next half window; the change if it is one."""
        if not standing:
            self._after = None
            return []
        if self._after is None:
            if window.block >= self._since + HALF:
                self._after = window, self._battery.learned(window.tally, window.rows)
                self._rested = False
            return []
        after = self._after[1]
        excess = after.run(window.tally[None, :], np.array([window.rows], dtype=np.int64)).excess[0]
        over = np.flatnonzero(excess.max(axis=1) >= 1).tolist()
        if not over:
            self._rested = True
            return []
        rested = self._rested
        self.begin(window.block)
        return [shift_of(after, window, excess, over, again=True)] if rested else []

    def snapshot(self) -> list[Any]:
        """What windows are compared with."""
        after = self._after
        kept = None if after is None else [after[0].block, after[0].rows, after[0].tally.tolist()]
        return [self._since, self._rested, kept]

    def restore(self, state: list[Any]) -> None:
        """Take up where `snapshot` left off."""
        self._since, self._rested, kept = state
        self._after = None
        if kept is not None:
            window = Window(kept[0], -1, kept[1], np.array(kept[2], dtype=np.int64))
            self._after = window, self._battery.learned(window.tally, window.rows)
