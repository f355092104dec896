"""The window monitor of one model and segment: which columns have shifted, said once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.monitors.alarm_stats import AlarmStats
from drift_detection.core.sliding_windows import Counts, Cut, Rings, Window
from drift_detection.core.windows.battery import Battery, Findings
from drift_detection.core.windows.rechange import ChangedAgain
from drift_detection.core.windows.shift import Shift, shift_of

Floats = NDArray[np.float64]

RELEASE = 0.6
"""A column is calm again when every test on a window of later rows stands below this part of its limit."""
EPISODE_WINDOWS = 8
"""Columns that follow within this many windows belong to the shift that was already said."""


class WindowMonitor:
    """Owns the windows of one stream of rows and remembers which columns stand alarmed.

    With `learns`, the first two windows of rows are taken for the reference in place of the profile's.
    The other parameters are those of `Rings`.
    """

    def __init__(
        self,
        battery: Battery,
        window_rows: int,
        minimum_rows: int,
        *,
        learns: bool,
        tumbling: bool = False,
        window_seconds: float | None = None,
        ledger: AlarmStats | None = None,
    ) -> None:
        self.battery = battery
        self._ledger = ledger or AlarmStats()
        self._learns = learns
        self._learned: tuple[Counts, int] | None = None
        self.rings = Rings(
            window_rows,
            minimum_rows,
            battery.reference.width,
            tumbling=tumbling,
            window_seconds=window_seconds,
            first_column=battery.reference.columns[0].count,
            bins=battery.reference.bins,
        )
        self._alarmed: dict[int, tuple[int, int]] = {}
        """Columns with the level and the block at which they were alarmed."""
        self._found: tuple[int, Findings] | None = None
        self._last_joined = 0
        self._calm_since = 0
        self._again = ChangedAgain(battery)

    def declare(self, level: float) -> None:
        """From here on, judge at another false-alarm level."""
        self.battery = self.battery.at_level(level)
        self._again.judge_by(self.battery)
        self._found = None

    @property
    def alarmed(self) -> list[str]:
        """Names of the columns that stand alarmed."""
        return [self.battery.reference.columns[index].name for index in sorted(self._alarmed)]

    def push(self, tallies: Counts, cut: Cut) -> list[Shift]:
        """Add rows by their tallies; gives the shifts that are news."""
        closed: list[Window] = []
        for windows in self.rings.closing(tallies, cut):
            if self._learns and self._learned is None:
                self._learn(windows)
            else:
                closed.extend(windows)
        return self._see(closed)

    def _learn(self, closed: list[Window]) -> None:
        """The first long window (two short ones) becomes the reference, and windows begin after it."""
        long = next((window for window in closed if window.level >= 1), None)
        if long is not None:
            self._take_reference(long.tally, long.rows)
            self.rings.forget()

    def _see(self, closed: list[Window]) -> list[Shift]:
        windows = [window for window in closed if window.level >= 0]
        if windows:
            lengths = np.array([window.rows for window in windows], dtype=np.int64)
            excess = self.battery.excess(np.stack([window.tally for window in windows]), lengths)
            over_limit = excess.max(axis=2) >= 1
            some_over = over_limit.any(axis=1).tolist()
        shifts: list[Shift] = []
        place = -1
        for window in closed:
            if window.level < 0:
                again = self._again.see(window, standing=bool(self._alarmed))
                self._ledger.raised += len(again)
                shifts.extend(again)
                continue
            place += 1
            if (some_over[place] or self._alarmed) and self._counts(window):
                shifts.extend(self._judge(window, excess[place], np.flatnonzero(over_limit[place])))
        if closed:
            self._again.end()
        return shifts

    def _take_reference(self, tally: Counts, rows: int) -> None:
        self._learned = tally, rows
        self.battery = self.battery.learned(tally, rows)
        self._found = None

    def _counts(self, window: Window) -> bool:
        """A long window that reaches back into a shift that is over says nothing new."""
        return window.level == 0 or self._begun(window) >= self._calm_since

    def _begun(self, window: Window) -> int:
        """The last block before the window."""
        return window.block - (self.rings.parts << window.level)

    def _judge(self, window: Window, excess: Floats, over: NDArray[np.intp]) -> list[Shift]:
        """What is news in a window, by the excess of its columns and tests and the columns over a limit."""
        worst = excess.max(axis=1)
        begun = self._begun(window)
        calm = [
            one
            for one, (level, block) in self._alarmed.items()
            if window.level >= level and begun >= block and worst[one] < RELEASE
        ]
        for column in calm:
            del self._alarmed[column]
        if calm:
            self._calm_since = window.block
            self._ledger.unconfirmed += not self._alarmed
        fresh = [int(column) for column in over if int(column) not in self._alarmed]
        if not fresh:
            return []
        running = bool(self._alarmed) and window.block - self._last_joined <= EPISODE_WINDOWS * self.rings.parts
        self._alarmed.update(dict.fromkeys(fresh, (window.level, window.block)))
        self._last_joined = window.block
        if running:
            return []
        self._ledger.raised += 1
        self._again.begin(window.block)
        return [shift_of(self.battery, window, excess, fresh)]

    def findings(self) -> Findings | None:
        """The battery on the newest short window; None before there is one."""
        if self._found is not None and self._found[0] == self.rings.blocks:
            return self._found[1]
        latest = self.rings.latest()
        if latest is None:
            return None
        found = self.battery.run(latest[0][None, :], np.array([latest[1]], dtype=np.int64))
        self._found = self.rings.blocks, found
        return found

    def snapshot(self) -> dict[str, Any]:
        """Windows and alarms."""
        return {
            "rings": self.rings.snapshot(),
            "alarmed": [[column, *found] for column, found in self._alarmed.items()],
            "last_joined": self._last_joined,
            "calm_since": self._calm_since,
            "again": self._again.snapshot(),
            "learned": None if self._learned is None else [self._learned[0].tolist(), self._learned[1]],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up where `snapshot` left off."""
        self.rings.restore(state["rings"])
        self._alarmed = {column: (level, block) for column, level, block in state["alarmed"]}
        self._last_joined, self._calm_since = state["last_joined"], state["calm_since"]
        self._again.restore(state["again"])
        if state["learned"] is not None:
            self._take_reference(np.array(state["learned"][0], dtype=np.int64), state["learned"][1])
