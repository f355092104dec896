"""When each row of a recorded file happened, by the file itself.

Of the columns that hold times, the one is taken in whose order the rows stand already; where they stand in
none, the only one. Dates of birth order nobody's rows.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from driftloop.codec.time_words import how_to_write_all
from driftloop.counted import counted
from driftloop.errors import ExitCode, UserError
from driftloop.tools.replay.table import Column, Table

NONE = "none"
_IN_ORDER = 0.99
_LEAST_THERE = 0.5
_BIRTH = re.compile(r"(?i)birth|born|dob|geburt|geb_dat|naiss|nacim")
_CLOCK_NAME = re.compile(r"(?i)time|hour|clock|zeit|uhr|heure|hora")
_EVENT_NAME = re.compile(r"(?i)time|date|when|stamp|datum|zeit|^ts$|^at$|_at$")
_DAY = 86_400.0
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC).timestamp()
LATEST = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
"""The messages of the loop carry times between these."""


@dataclass(frozen=True, slots=True)
class FileTime:
    """The columns that tell when a row happened, and its seconds since 1970, row by row, in order.

    `moved`: rows that stood out of order in the file. `filled`: rows without a time, which got the one before.
    `dates`: whether rows can be dated by it (years 1990 to 2099).
    """

    columns: tuple[str, ...]
    seconds: NDArray[np.float64]
    moved: int = 0
    filled: int = 0
    descending: bool = False

    @property
    def dates(self) -> bool:
        """Whether messages may carry these times."""
        return bool(self.seconds[0] >= EARLIEST and self.seconds[-1] < LATEST)

    def take(self, which: NDArray[np.bool_]) -> "FileTime":
        """The times of some rows."""
        return replace(self, seconds=self.seconds[which])

    def sentences(self) -> list[str]:
        """What a person must know about it."""
        name = " and ".join(self.columns)
        said = [f"Rows are ordered by {name}."]
        if self.descending:
            said = [f"The file has the newest row first: it is read from its end, by {name}."]
        elif self.moved:
            said = [f"{counted(self.moved, 'row', 'were')} out of order: rows are sorted by {name}."]
        if self.filled:
            said.append(f"{counted(self.filled, 'row', 'have')} no {name}: taken to be as late as the row before.")
        if not self.dates:
            said.append(
                f"{name} goes beyond the years 1990 to 2099, so that rows keep its order and get dates of ours."
            )
        return said


def in_time(table: Table, asked: str | None, target: str) -> tuple[Table, FileTime | None]:
    """The table in the order of its own time, where it has one (`asked`: the column, or `none`).

    Raises UserError where the column that is asked for holds no times.
    """
    if asked == NONE or len(table) < 2:
        return table, None
    if asked is not None and asked not in table.moments:
        how = how_to_write_all(table.columns[asked][:100].tolist()) if asked in table.columns else ""
        said = f"The column {asked} holds no times: {f'{how}; or ' if how else ''}name another with --time, or none."
        raise UserError(said, ExitCode.USAGE)
    name = asked or _chosen(table, target)
    if name is None:
        return table, None
    clock = _clock_beside(table, name)
    seconds, filled = _filled(table.columns[name] if clock is None else table.columns[name] + table.columns[clock])
    columns = (name,) if clock is None else (name, clock)
    return _sorted(table, FileTime(columns, seconds, filled=filled))


def _sorted(table: Table, time: FileTime) -> tuple[Table, FileTime]:
    """Equal times keep the file's order; where the newest row is first, the file is turned round."""
    seconds = time.seconds
    falls, rises = int(np.count_nonzero(np.diff(seconds) < 0)), int(np.count_nonzero(np.diff(seconds) > 0))
    if not falls:
        return table, time
    turned = falls >= _IN_ORDER * (falls + rises)
    places = np.arange(len(seconds))[::-1] if turned else np.arange(len(seconds))
    places = places[np.argsort(seconds[places], kind="stable")]
    moved = int(np.count_nonzero(seconds < np.maximum.accumulate(seconds)))
    return table.take(places), replace(time, seconds=seconds[places], moved=moved, descending=turned)


def _chosen(table: Table, target: str) -> str | None:
    usable = [name for name in table.columns if name in table.moments and name != target and _is_usable(table, name)]
    ordered = [name for name in usable if _share_in_order(table.columns[name]) >= _IN_ORDER]
    if ordered:
        return max(ordered, key=lambda name: len(np.unique(table.columns[name])))
    called = [name for name in usable if _EVENT_NAME.search(name)]
    return next(iter(called or usable), None)


def _is_usable(table: Table, name: str) -> bool:
    column = table.columns[name]
    there = column[~np.isnan(column)]
    return not _BIRTH.search(name) and len(there) >= _LEAST_THERE * len(column) and len(there) > 0 and np.ptp(there) > 0


def _share_in_order(column: Column) -> float:
    """Of all changes from row to row, how many go one way."""
    steps = np.diff(column[~np.isnan(column)])
    falls, rises = int(np.count_nonzero(steps < 0)), int(np.count_nonzero(steps > 0))
    return float(max(falls, rises) / max(1, falls + rises))


def _clock_beside(table: Table, name: str) -> str | None:
    """The time of day that belongs to a column of days."""
    days = table.columns[name]
    there = days[~np.isnan(days)]
    if name in table.clocks or np.any(there % _DAY):
        return None
    clocks = [clock for clock in table.columns if clock in table.clocks]
    called = [clock for clock in clocks if _CLOCK_NAME.search(clock)]
    return called[0] if called else clocks[0] if len(clocks) == 1 else None


def _filled(seconds: Column) -> tuple[NDArray[np.float64], int]:
    """Missing times are those of the row before (at the beginning: of the first that has one)."""
    gaps = np.isnan(seconds)
    if not gaps.any():
        return seconds, 0
    last = np.maximum.accumulate(np.where(gaps, -1, np.arange(len(seconds))))
    last[last < 0] = int(np.argmin(gaps))
    return seconds[last], int(gaps.sum())
