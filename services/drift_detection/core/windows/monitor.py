"""The window monitor of one model and segment: which columns have shifted, said once."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.monitors.alarm_stats import AlarmStats
from drift_detection.core.sliding_windows import Counts, Cut, Rings, Window
from drift_detection.core.windows.battery import Battery, Findings
from drift_detection.core.windows.rechange import ChangedAgain
from drift_detection.core.windows.shift import Shift, shift_of
from drift_detection.core.windows.tallied import TalliedWindows

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
        """What is said of the newest short window, and the block that it closed with."""
        self._unread: tuple[int, TalliedWindows, Floats] | None = None
        """The same window where it has been judged, but nothing was asked of it yet."""
        self._last_joined = 0
        self._calm_since = 0
        self._again = ChangedAgain(battery)

    def declare(self, level: float) -> None:
        """From here on, judge at another false-alarm level."""
        self.battery = self.battery.at_level(level)
        self._again.judge_by(self.battery)
        self._found = self._unread = None

    @property
    def alarmed(self) -> list[str]:
        """Names of the columns that stand alarmed."""
        return [self.battery.reference.columns[index].name for index in sorted(self._alarmed)]

    def push(self, tallies: Counts, cut: Cut) -> list[Shift]:
        """Add rows by their tallies; gives the shifts that are news."""
        if not self._learns or self._learned is not None:
            return self._see(self.rings.push(tallies, cut))
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
            tallied = self.battery.tallied(np.stack([window.tally for window in windows]), lengths)
            excess = self.battery.excess(tallied)
            self._keep_newest(windows, tallied, excess)
            over_limit = excess.max(axis=2) >= 1
            some_over = over_limit.any(axis=1).tolist()
        if not self._alarmed and not (windows and any(some_over)):
            self._see_quiet(closed)
            return []
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
        self._again.end()
        return shifts

    def _see_quiet(self, closed: list[Window]) -> None:
        """Windows of which none is over a limit while no alarm stands: only the newest is to be remembered."""
        quarter = next((window for window in reversed(closed) if window.level < 0), None)
        if quarter is not None:
            self._again.see(quarter, standing=False)
            self._again.end()

    def _keep_newest(self, windows: list[Window], tallied: TalliedWindows, excess: Floats) -> None:
        """What was judged of the newest short window is likely to be asked for."""
        short = [place for place, window in enumerate(windows) if window.level == 0]
        self._unread = None
        if short:
            newest = short[-1]
            self._unread = windows[newest].block, tallied.one(newest), excess[newest : newest + 1]

    def _take_reference(self, tally: Counts, rows: int) -> None:
        self._learned = tally, rows
        self.battery = self.battery.learned(tally, rows)
        self._found = self._unread = None

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
        """What is said of the newest short window; None before there is one."""
        say_of_newest([self])
        return None if self._found is None or self._found[0] != self.rings.blocks else self._found[1]

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

    def read_judged(self) -> bool:
        """Whether it is known what is said of the newest short window; what was judged as it closed is read for it."""
        block = self.rings.blocks
        if self._unread is not None:
            judged_with, tallied, excess = self._unread
            self._unread = None
            if judged_with == block:
                self.keep(self.battery.findings(tallied, excess)[0])
        return self._found is not None and self._found[0] == block

    def keep(self, found: Findings | None) -> None:
        """This is said of the newest short window; None: there is none."""
        self._found = None if found is None else (self.rings.blocks, found)


def say_of_newest(monitors: Iterable[WindowMonitor]) -> None:
    """Work out what is said of the newest short windows, in one go where they are held against the same."""
    by_battery: dict[int, list[tuple[WindowMonitor, Counts, int]]] = {}
    for monitor in monitors:
        if monitor.read_judged():
            continue
        latest = monitor.rings.latest()
        if latest is None:
            monitor.keep(None)
        else:
            by_battery.setdefault(id(monitor.battery), []).append((monitor, *latest))
    for same in by_battery.values():
        tallies, rows = np.stack([tally for _, tally, _ in same]), np.array([rows for _, _, rows in same], np.int64)
        for (monitor, _, _), found in zip(same, same[0][0].battery.run(tallies, rows), strict=True):
            monitor.keep(found)
