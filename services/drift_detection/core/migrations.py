"""Snapshots of earlier layouts, brought to the one of today: references and alarms that stand are not forgotten.

Layout 5 (from 4): the losses since an onset are kept with their rows; an empty column is watched and a constant
one has three bins, so tallies are wider; versions that share traffic, the segments' shares of rows and what a
spec changed are known. A step to the next layout is a function here, and a snapshot of each earlier one is among
the tests' data.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.findings import References
from drift_detection.core.labels.selection import LabelledClasses
from drift_detection.core.losses.loss_trail import LossTrail
from drift_detection.core.monitors.segment_slots import SegmentSlots
from drift_detection.core.sliding_windows import pack_tallies, unpack_tallies
from drift_detection.core.windows.bins import ColumnBins
from drift_detection.core.windows.reference import Reference

State = dict[str, Any]
Counts = NDArray[np.int64]

LAYOUT = 5
"""Of the snapshots that are written."""


def migrated(state: State, references: References) -> State:
    """The state in today's layout; one of a layout that nothing leads on from comes back as it is."""
    while (step := STEPS.get(state.get("layout", 0))) is not None:
        state = step(state, references)
    return state


def _from_4(state: State, references: References) -> State:
    roster, losses = state["roster"], state["losses"]
    judged, serving = (
        references[version[0]] if has and version[0] is not None else None
        for version, has in zip((roster["judged"], roster["serving"]), roster["profiled"], strict=True)
    )
    monitors = {segment: _monitor_from_4(kept, judged, serving) for segment, kept in roster["monitors"].items()}
    slots = SegmentSlots().snapshot()
    sharing = {
        "others": {},
        "unjudged": {},
        "predicted": {},
        "labelled": LabelledClasses().snapshot(),
        "since": state["counts"][3],
    }
    return {
        **state,
        "layout": 5,
        "roster": {**roster, "monitors": monitors, "slots": slots, "target_since": 0},
        "losses": {**losses, "sharing": sharing},
        "begun_anew": {},
    }


def _monitor_from_4(kept: State, judged: Reference | None, serving: Reference | None) -> State:
    errors = kept["errors"]
    if errors is not None:
        errors = {**errors, "trail": LossTrail().snapshot(), "excused": None}
    labels = None if judged is None else judged.labels
    return {
        **kept,
        "since_row": 0,
        "errors": errors,
        "windows": _windows_from_4(kept["windows"], serving),
        "labels": _windows_from_4(kept["labels"], labels),
    }


def _windows_from_4(kept: State | None, reference: Reference | None) -> State | None:
    """Windows with the bins that constant and empty columns have now."""
    if kept is None or reference is None:
        return kept
    wider = _Wider(reference.columns)
    if wider.same:
        return kept
    since, rested, before, after = kept["again"]
    learned = kept["learned"]
    return {
        **kept,
        "rings": {
            **kept["rings"],
            "tallies": pack_tallies(wider.tallies(unpack_tallies(kept["rings"]["tallies"], wider.old_width))),
        },
        "alarmed": [[wider.columns[column], *found] for column, *found in kept["alarmed"]],
        "again": [since, rested, wider.window(before), wider.window(after)],
        "learned": None if learned is None else [wider.tallies(np.array([learned[0]]))[0].tolist(), learned[1]],
    }


class _Wider:
    """From tallies of layout 4 to those of the same columns in layout 5."""

    def __init__(self, columns: tuple[ColumnBins, ...]) -> None:
        self._columns = columns
        self._old_counts = [_bins_in_4(column) for column in columns]
        self.columns = [place for place, count in enumerate(self._old_counts) if count]
        """Where each of the old columns is now."""
        self._old_bins = sum(self._old_counts)
        self.old_width = self._old_bins + 2 * len(self.columns)
        self.same = all(count == column.count for count, column in zip(self._old_counts, columns, strict=True))

    def tallies(self, old: Counts) -> Counts:
        """Rows of tallies, wider."""
        parts, start = [], 0
        sums = [np.zeros((len(old), len(self._columns)), np.int64) for _ in range(2)]
        rows = old[:, : next(count for count in self._old_counts if count)].sum(axis=1)
        for place, (count, column) in enumerate(zip(self._old_counts, self._columns, strict=True)):
            part = np.zeros((len(old), column.count), np.int64)
            if not count:
                part[:, -1] = rows
            elif count == column.count:
                part = old[:, start : start + count]
            else:
                part[:, 1], part[:, -1] = old[:, start], old[:, start + 1]
            parts.append(part)
            start += count
            if count:
                was = self.columns.index(place)
                for at, kind in enumerate(sums):
                    kind[:, place] = old[:, self._old_bins + at * len(self.columns) + was]
        return np.concatenate([*parts, *sums], axis=1)

    def window(self, kept: list[Any] | None) -> list[Any] | None:
        """A window that is compared with: [block, rows, tally]."""
        return None if kept is None else [kept[0], kept[1], self.tallies(np.array([kept[2]]))[0].tolist()]


def _bins_in_4(column: ColumnBins) -> int:
    """How many bins the column had: none where it was empty, two where it was one value."""
    if float(column.shares[-1]) == 1.0:
        return 0
    constant = column.kind == "number" and column.count == 4 and column.deviation == 0 and column.shares[1] > 0
    return 2 if constant and column.shares[0] == 0 == column.shares[2] else column.count


STEPS: Mapping[int, Callable[[State, References], State]] = {4: _from_4}
