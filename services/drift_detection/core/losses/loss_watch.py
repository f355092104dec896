"""Rows as their labels come in: losses to the monitors, by version, and the corrections of labels."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drift_detection.core.findings import Findings, References
from drift_detection.core.labels.label_maturity import Maturity
from drift_detection.core.labels.label_windows import LabelWatch
from drift_detection.core.losses.blocks import LossBlocks
from drift_detection.core.losses.corrections import KEPT, NOT_COUNTED, Counted, CountedRows, Revision
from drift_detection.core.losses.judging import FrameNames, Named, ScopedLosses
from drift_detection.core.losses.labelled_rows import LabelledRows, LazyIds
from drift_detection.core.losses.measures import (
    LAG,
    Floats,
    labels_of,
    learn_classes,
    measures_of,
    quality,
    quality_before,
    remembered,
    remembered_measures,
)
from drift_detection.core.losses.performance import Recent, push_each
from drift_detection.core.losses.turns import Turn, turns
from drift_detection.core.monitors.error_monitor import Alarm
from drift_detection.core.monitors.monitor import ModelMonitor
from drift_detection.core.monitors.monitor_set import MonitorSet
from drift_detection.core.monitors.sharing import VersionSharing
from drift_detection.core.reports.attribution import LossHistory
from drift_detection.core.rows import FrameRows, places_of
from driftloop.codec.frames import LABEL

Which = NDArray[np.intp]


class LossWatch:
    """Hands the losses of a frame's rows to the monitors of the segments that they are in."""

    def __init__(self, roster: MonitorSet) -> None:
        self._roster = roster
        spec = roster.spec
        self._labels = LabelWatch(roster)
        self.history = LossHistory()
        self.harmed_from = 0.0
        """Mean loss before the last harm of the whole model."""
        self.maturity = Maturity(spec.label_delay.expected_seconds)
        self.blocks = LossBlocks(spec.detection.loss_block_rows)
        self.counted = CountedRows(len(spec.segments), remembered_measures(spec))
        self.sharing = VersionSharing(roster)
        self.too_late = 0
        """Corrections of rows that are remembered no longer, or never were: rows of a version that is not judged."""
        self._waiting: LabelledRows | None = None
        self._waited: list[tuple[int, int]] = []
        """Of this frame: the first row that had waited for its version to be judged, and the row with which it was."""
        self._keeps_all = False
        self._measured: list[tuple[Recent, Floats]] = []
        self._named: Named = []
        """What was measured of the rows in hand, for the recent figures of each segment."""
        self._names = FrameNames()

    def change_spec(self, changed: Collection[str]) -> None:
        """The roster has another spec than before, in these parts."""
        spec = self._roster.spec
        if {"label delay", "target"} & {*changed}:
            self.maturity = Maturity(spec.label_delay.expected_seconds)
        if {"loss blocks", "target"} & {*changed}:
            self.blocks.begin_anew(spec.detection.loss_block_rows)
        if {"segments", "target"} & {*changed}:
            if self._waiting is not None:
                self.sharing.unjudged["spec_changed"] += len(self._waiting)
            self._waiting = None
            self.counted = CountedRows(len(spec.segments), remembered_measures(spec))
            self.history = LossHistory()
        if "target" in changed:
            self.harmed_from = 0.0
        self.sharing.change_spec(changed)

    def take(self, rows: FrameRows, first_row: int, references: References, found: Findings) -> None:
        """Take in the labelled rows of a frame, the first of them number `first_row`; then its corrections."""
        corrected = rows.corrected
        if len(corrected):
            learn_classes(rows, np.union1d(rows.judged, corrected), self._roster.classes)
        self._keeps_all, self._waited = bool(len(corrected)), []
        self.sharing.begin(rows, first_row, references)
        self._judge(self._judged_rows(rows, first_row), rows, references, found)
        if len(corrected):
            self._correct(rows, corrected, first_row + np.cumsum(rows.labelled)[corrected] - 1, found)
        self.sharing.end()

    def end(self, next_row: int) -> None:
        """The frame has been dealt with; the next labelled row has this number."""
        self.counted.trim(next_row)
        self.maturity.trim()

    def _judged_rows(self, rows: FrameRows, first_row: int) -> LabelledRows:
        which = rows.judged
        every = len(which) == len(rows)
        numbers = np.cumsum(rows.labelled)[which] + (first_row - 1)
        at, predicted_at = rows.known_at[which], rows.predicted_at[which]
        ids = LazyIds(rows.batch.column("prediction_id"), which)
        segments = tuple((name, codes if every else codes[which], values) for name, codes, values in rows.segments())
        lag = at - predicted_at
        measures = quality(rows, which, lag, self._roster.classes)
        labels = labels_of(rows, which, measures)
        targets = _targets(rows, None if every else pa.array(which))
        return LabelledRows(rows.losses[which], numbers, at, lag, ids, segments, measures, labels, targets)

    def _judge(self, judged: LabelledRows, rows: FrameRows, references: References, found: Findings) -> None:
        if not len(judged):
            return
        codes, names = rows.versions
        of, serving = codes[rows.judged], self._roster.judged
        current = names.index(serving.current) if serving.current in names else -2
        if (of == current).all() and self._waiting is None:
            serving.see(names[current])
            self._push(judged, found)
            return
        for turn in turns(of, names, serving):
            self._take_turn(turn, judged, references, found)

    def _take_turn(self, turn: Turn, judged: LabelledRows, references: References, found: Findings) -> None:
        """Rows up to where the versions change over, or up to the end of the frame."""
        if turn.drops_waiting and self._waiting is not None:
            self.sharing.push(turn.waited, self._waiting, found)
            self._waiting = None
        for version, which in turn.aside.items():
            self.sharing.push(version, judged.pick(which), found)
        if len(turn.current):
            self._push(judged.pick(turn.current), found)
        kept = judged.pick(turn.kept) if len(turn.kept) else None
        if turn.new is None:
            if kept is not None:
                self._waiting = kept.detached() if self._waiting is None else self._waiting.joined(kept.detached())
            return
        waited, self._waiting = [part for part in (self._waiting, kept) if part is not None], None
        believed = int(judged.rows[turn.believed])
        self._waited.append((int(waited[0].rows[0]), believed))
        self._roster.judged.see(turn.new)
        self._change_version(turn.new, references, found)
        self.sharing.change(turn.new, int(waited[0].at[0] - waited[0].lag[0]), believed)
        for part in waited:
            self._push(part, found)

    def _change_version(self, version: str, references: References, found: Findings) -> None:
        found.blocks.extend(self.blocks.change(version))
        self._roster.judge(references[version])
        self.counted.forget_windows()

    def _push(self, judged: LabelledRows, found: Findings) -> None:
        """Take in rows in parts that end where the rate of labelled rows is looked at."""
        begin, labels = 0, self._roster.labels
        self.maturity.judge(judged.at - judged.lag, judged.losses)
        while begin < len(judged):
            stop = min(len(judged), begin + labels.until_look)
            self._push_part(judged if stop - begin == len(judged) else judged.take(slice(begin, stop)), found)
            if labels.push(judged.at[begin:stop]):
                self._roster.declare_errors()
                self.sharing.declare_errors()
            begin = stop

    def _push_part(self, judged: LabelledRows, found: Findings) -> None:
        found.blocks.extend(self.blocks.push(judged.losses, judged.rows, judged.at))
        self._labels.take(judged, found)
        self.history.push(judged)
        ordinals = np.full((1 + len(judged.segments), len(judged)), NOT_COUNTED, np.int64)
        self._push_scope("", judged, None, ordinals[0], found)
        for place, (name, codes, values) in enumerate(judged.segments, start=1):
            for value, which in zip(values, places_of(codes, len(values)), strict=True):
                if len(which):
                    self._push_scope(f"{name}={value}", judged, which, ordinals[place], found)
        push_each(self._measured)
        self._names.name_all(judged, self._named)
        self._measured, self._named = [], []
        self.history.trim()
        self.sharing.count(judged)
        self._remember(judged, ordinals)

    def _remember(self, judged: LabelledRows, ordinals: NDArray[np.int64]) -> None:
        """Keep what a correction in this frame or a later one may ask for."""
        newest = slice(0 if self._keeps_all else max(len(judged) - KEPT, 0), None)
        measured = remembered(self._roster.spec, judged.measures)
        rows = Counted(judged.rows, judged.lag, judged.losses, judged.labels, ordinals, measured)
        self.counted.push(judged.kept_ids(newest), rows.take(newest))

    def _push_scope(
        self,
        segment: str,
        judged: LabelledRows,
        which: Which | None,
        ordinals: NDArray[np.int64],
        found: Findings,
    ) -> None:
        for monitor in self._roster.monitors_of(segment):
            mine = which
            if segment and not monitor.since_row <= judged.rows[0] <= judged.rows[-1] < monitor.until_row:
                mine = _between(judged.rows, which, monitor.since_row, monitor.until_row)
            if mine is None or len(mine):
                self._push_to(monitor, judged, mine, ordinals, found)

    def _push_to(
        self,
        monitor: ModelMonitor,
        judged: LabelledRows,
        which: Which | None,
        ordinals: NDArray[np.int64],
        found: Findings,
    ) -> None:
        segment = monitor.segment
        found.segments.add(segment)
        version = self._roster.judged.current or "0.0.0"
        scope = ScopedLosses(judged, which, segment, version)
        ordinals[slice(None) if which is None else which] = monitor.quality.rows + np.arange(len(scope.losses))
        monitor.labelled_rows += len(scope.losses)
        self._measured.append((monitor.quality, scope.measures))
        if monitor.errors is None:
            return
        excuse = self.sharing.excuser(monitor.errors, segment, judged)
        for harm in scope.judge(monitor.errors, monitor.rules, excuse, named=self._named):
            if segment or harm.by_rule:
                found.harms.append(harm)
                continue
            self.harmed_from = harm.alarm.reference
            behind = len(judged) - 1 - int(np.searchsorted(judged.rows, harm.raised.row))
            found.harms.append(replace(harm, parts=self._parts(harm.alarm, behind)))

    def _parts(self, alarm: Alarm, behind: int) -> dict[str, float]:
        return self.history.added_loss(alarm.onset_rows_ago, behind, alarm.reference)

    # -- corrections ------------------------------------------------------------------------------

    def _correct(self, rows: FrameRows, corrected: Which, newest: NDArray[np.int64], found: Findings) -> None:
        """Count the new labels in place of the old ones, wherever these were counted."""
        measures = quality(rows, corrected, np.zeros(len(corrected), np.int64), self._roster.classes)
        ids = LazyIds(rows.batch.column("prediction_id"), corrected).kept(slice(None)).to_list()
        unjudged = np.full(len(newest), np.iinfo(np.int64).max)
        for first, believed in reversed(self._waited):
            unjudged[newest < believed] = first
        labels = labels_of(rows, corrected, measures)
        kept = remembered(self._roster.spec, measures)
        replaced = self.counted.correct(ids, rows.losses[corrected], labels, kept, newest, unjudged)
        self.too_late += len(corrected) - len(replaced.places)
        if len(replaced.places):
            self._revise(rows, corrected[replaced.places], measures[:, replaced.places], replaced, found)

    def _revise(self, rows: FrameRows, which: Which, new: Floats, replaced: Revision, found: Findings) -> None:
        self.maturity.revise(rows.predicted_at[which], replaced.losses, rows.losses[which])
        new[LAG] = replaced.lag / 1000  # how late a label was is told by the first one
        old = quality_before(rows, which, new, replaced)
        for segment, part, ordinals in self._scopes(rows, which, replaced):
            counted = ordinals != NOT_COUNTED
            monitor = self._roster.monitors.get(segment)
            if monitor is not None:
                counted &= replaced.numbers[part] >= monitor.since_row
            if monitor is not None and counted.any():
                found.segments.add(segment)
                monitor.revise(ordinals[counted], old[:, part[counted]], new[:, part[counted]])

    @staticmethod
    def _scopes(rows: FrameRows, which: Which, replaced: Revision) -> Iterator[tuple[str, Which, NDArray[np.int64]]]:
        """The whole model and each segment, which of the rows are its, and the places it counted them at."""
        yield "", np.arange(len(which)), replaced.ordinals[0]
        for place, (name, codes, values) in enumerate(rows.segments(), start=1):
            for value, part in zip(values, places_of(codes[which], len(values)), strict=True):
                yield f"{name}={value}", part, replaced.ordinals[place][part]

    # -- state ------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """All that frames have left behind."""
        return {
            "history": self.history.snapshot(),
            "harmed_from": self.harmed_from,
            "blocks": self.blocks.snapshot(),
            "maturity": self.maturity.snapshot(),
            "counted": self.counted.snapshot(),
            "too_late": self.too_late,
            "sharing": self.sharing.snapshot(),
            "waiting": self._waiting.to_state() if self._waiting is not None else None,
        }

    def restore(self, state: dict[str, Any], references: References) -> None:
        """Take up where `snapshot` left off; the roster must have been restored before."""
        self.sharing.restore(state["sharing"], references)
        self.history.restore(state["history"])
        self.harmed_from = state["harmed_from"]
        self.blocks.restore(state["blocks"])
        self.maturity.restore(state["maturity"])
        self.counted.restore(state["counted"])
        self.too_late = state["too_late"]
        waiting = LabelledRows.of_state(state["waiting"]) if state["waiting"] is not None else None
        self._waiting = None if waiting is None else waiting.measured(len(measures_of(self._roster.spec)))


def _targets(rows: FrameRows, which: pa.Array | None) -> dict[str, pa.Array]:
    """The labels of rows that are judged (None: of all), by the names of their columns."""
    columns = {f"{LABEL}{name}": rows.column(f"{LABEL}{name}") for name in rows.spec.target}
    return {name: one if which is None else one.take(which) for name, one in columns.items() if one is not None}


def _between(rows: NDArray[np.int64], which: Which | None, since: int, until: int) -> Which:
    """Those of the rows whose number is at least `since` and below `until`."""
    every = np.arange(len(rows)) if which is None else which
    return every[(rows[every] >= since) & (rows[every] < until)]
