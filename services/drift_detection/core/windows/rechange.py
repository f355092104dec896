"""Columns that have shifted may shift once more, and that is news too.

While an alarm stands, windows are also compared with what the columns looked like after it. A window
that differs from *that* is a second change, be it onward or back. Where one follows the other without
rest (a slow drift), only the first is said.
"""

from typing import Any

import msgspec
import numpy as np

from drift_detection.core.kept.narrow import narrow_integers
from drift_detection.core.sliding_windows import Window
from drift_detection.core.windows.battery import Battery
from drift_detection.core.windows.shift import Shift, shift_of


class ChangedAgain:
    """Watches for a second change while a first one stands, on the newest quarter windows."""

    def __init__(self, battery: Battery) -> None:
        self._battery = battery
        self._since = 0
        self._before: Window | None = None
        self._after: tuple[Window, Battery] | None = None
        self._rested = False

    def judge_by(self, battery: Battery) -> None:
        """From here on, another battery judges (of the same reference, at another level)."""
        self._battery = battery
        if self._after is not None:
            kept = self._after[0]
            self._after = kept, battery.learned(kept.tally, kept.rows)

    def begin(self, block: int) -> None:
        """A shift has been said at this block."""
        self._since, self._after, self._rested = block, None, False

    def see(self, window: Window, *, standing: bool) -> list[Shift]:
        """The next quarter window; the change if it is one."""
        before, self._before = self._before, window
        if not standing:
            self._after = None
            return []
        if self._after is None:
            if before is not None and window.block >= self._since + 2:
                both = msgspec.structs.replace(
                    window, rows=before.rows + window.rows, tally=before.tally + window.tally
                )
                self._after = both, self._battery.learned(both.tally, both.rows)
                self._rested = False
            return []
        after = self._after[1]
        excess = after.excess(after.tallied(window.tally[None, :], np.array([window.rows], dtype=np.int64)))[0]
        over = np.flatnonzero(excess.max(axis=1) >= 1).tolist()
        if not over:
            self._rested = True
            return []
        rested = self._rested
        self.begin(window.block)
        return [shift_of(after, window, excess, over, again=True)] if rested else []

    def end(self) -> None:
        """No more windows for now: the last one is kept in as few bytes as hold it."""
        if self._before is not None:
            self._before = msgspec.structs.replace(self._before, tally=narrow_integers(self._before.tally))

    def snapshot(self) -> list[Any]:
        """What windows are compared with."""
        return [self._since, self._rested, _kept(self._before), _kept(self._after[0] if self._after else None)]

    def restore(self, state: list[Any]) -> None:
        """Take up where `snapshot` left off."""
        self._since, self._rested = state[0], state[1]
        self._before, after = _window(state[2]), _window(state[3])
        self._after = None if after is None else (after, self._battery.learned(after.tally, after.rows))


def _kept(window: Window | None) -> list[Any] | None:
    return None if window is None else [window.block, window.rows, window.tally.tolist()]


def _window(state: list[Any] | None) -> Window | None:
    return None if state is None else Window(state[0], -1, state[1], np.array(state[2], dtype=np.int64))
