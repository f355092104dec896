"""Rows as they were predicted: which columns of which segment have shifted."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.findings import Change, Findings, References
from drift_detection.core.losses.measures import operations
from drift_detection.core.monitors.monitor_set import MonitorSet
from drift_detection.core.monitors.segment_slots import SEGMENTS
from drift_detection.core.row_index import Step
from drift_detection.core.rows import FrameRows, places_of
from drift_detection.core.sliding_windows import Cut
from drift_detection.core.windows.monitor import WindowMonitor
from drift_detection.core.windows.reference import FrameTallies

Which = NDArray[np.intp] | slice
Scope = tuple[str, Which, int]
"""A segment, which of a frame's seen rows are its, and how many."""


class ColumnWatch:
    """Hands the columns of a frame's rows to the monitors of the segments that they are in.

    `step` names a row of a frame as signals do.
    """

    def __init__(self, roster: MonitorSet, step: Callable[[FrameRows, int], Step]) -> None:
        self._roster, self._step = roster, step
        self._operations: NDArray[np.float64] | None = None
        self._due = False

    def take(self, rows: FrameRows, references: References, found: Findings) -> None:
        """Take in the rows of a frame that are a prediction's first sight."""
        if not len(rows.seen):
            return
        codes, names = rows.versions
        segments = [(name, codes_[rows.seen], values) for name, codes_, values in rows.segments()]
        tallies: dict[str, FrameTallies] = {}
        self._operations = operations(rows, rows.seen)
        for start, stop in self._reviewed_spans(rows, self._paced_spans(rows, codes[rows.seen], names, references)):
            reference = self._roster.reference
            counted = None
            if reference is not None:
                counted = tallies.get(reference.version) or reference.tallies(rows)
                tallies[reference.version] = counted
            self._take_scopes([("", slice(start, stop), stop - start)], counted, rows, found)
            fields = [list(_scopes(name, of[start:stop], values, start)) for name, of, values in segments]
            self._admit(fields)
            for scopes in fields:
                self._take_scopes(scopes, counted, rows, found)
            self._due = bool(segments) and self._roster.slots.push(
                [(name, of[start:stop], values) for name, of, values in segments], stop - start
            )
        self._operations = None

    def _admit(self, fields: Sequence[Sequence[Scope]]) -> None:
        """Segments that are new get their monitors in the order of their first rows, while there is room."""
        known = self._roster.monitors
        fresh = [
            (int(which[0]), place, segment)
            for place, scopes in enumerate(fields)
            for segment, which, _ in scopes
            if segment not in known and not isinstance(which, slice)
        ]
        if len(known) <= SEGMENTS:
            for _, _, segment in sorted(fresh):
                self._roster.monitor(segment)

    def _reviewed_spans(self, rows: FrameRows, spans: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """The spans, cut where it is looked at which segments are watched."""
        slots = self._roster.slots
        for start, end in spans:
            begin = start
            while begin < end:
                stop = min(end, begin + slots.until_review) if self._roster.spec.segments else end
                yield begin, stop
                if self._due:
                    row = int(rows.seen[stop - 1])
                    self._roster.review_segments(self._step(rows, row).row + 1)
                begin = stop

    def _paced_spans(
        self, rows: FrameRows, codes: NDArray[np.int32], names: list[str], references: References
    ) -> Iterator[tuple[int, int]]:
        """The spans, cut where the rate of rows is looked at: limits change there."""
        at = rows.predicted_at[rows.seen]
        traffic = self._roster.traffic
        for start, end in self._gathering_spans(rows, codes, names, references):
            begin = start
            while begin < end:
                stop = min(end, begin + traffic.until_look)
                yield begin, stop
                if traffic.push(at[begin:stop]):
                    self._roster.declare_windows()
                begin = stop

    def _gathering_spans(
        self, rows: FrameRows, codes: NDArray[np.int32], names: list[str], references: References
    ) -> Iterator[tuple[int, int]]:
        """The spans, cut where the first rows of a version are enough for a reference."""
        for start, end in self._spans(codes, names, references):
            gathered, begin = self._roster.first_rows, start
            if gathered is not None:
                code = names.index(gathered.version) if gathered.version in names else -2
                own = np.flatnonzero(codes[start:end] == code) + start
                enough = len(own) >= gathered.missing
                stop = int(own[gathered.missing - 1]) + 1 if enough else end
                gathered.take(rows.batch, rows.seen[own[own < stop]])
                begin = stop
                yield start, stop
                if enough:
                    self._roster.serve_first_rows(rows.frame.header.spec_version)
            if begin < end or gathered is None:
                yield begin, end

    def _spans(self, codes: NDArray[np.int32], names: list[str], references: References) -> Iterator[tuple[int, int]]:
        """Runs of rows that are compared with one reference; the reference is set before each is given."""
        start, serving = 0, self._roster.serving
        current = names.index(serving.current) if serving.current in names else -2
        if not (codes == current).all():
            for index, code in enumerate(codes.tolist()):
                if code >= 0 and serving.see(names[code]):
                    if index > start:
                        yield start, index
                    start = index
                    self._roster.serve(references[names[code]])
                    self._roster.gather(names[code])
        yield start, len(codes)

    def _take_scopes(
        self, scopes: Sequence[Scope], counted: FrameTallies | None, rows: FrameRows, found: Findings
    ) -> None:
        """Rows of the whole model, or of all the segments of one field."""
        watched: list[tuple[str, Which, WindowMonitor, Cut]] = []
        by_time = self._roster.spec.detection.window_seconds is not None
        for segment, which, count in scopes:
            monitor = self._roster.monitors.get(segment)
            if monitor is None:
                continue
            found.segments.add(segment)
            monitor.take_rows(count, None if self._operations is None else self._operations[:, which])
            if counted is not None and monitor.windows is not None:
                at = rows.predicted_at[rows.seen][which] if by_time else None
                watched.append((segment, which, monitor.windows, monitor.windows.rings.cut(count, at)))
        if counted is None:
            return
        tallies = counted.count_each([(which, cut) for _, which, _, cut in watched])
        for (segment, which, windows, cut), counts in zip(watched, tallies, strict=True):
            columns = windows.battery.reference.columns
            for shift in windows.push(counts, cut):
                place = cut.closing_row(shift.block)
                row = int(rows.seen[which.start + place if isinstance(which, slice) else int(which[place])])
                version = self._roster.serving.current or "0.0.0"
                step, labelled = self._step(rows, row), bool(rows.labelled[row])
                found.changes.append(Change(segment, version, columns[shift.column], shift, step, labelled))


def _scopes(field: str, codes: NDArray[np.int32], values: Sequence[str], start: int) -> Iterator[Scope]:
    """The segments of one field that have rows among those from `start` on."""
    for value, which in zip(values, places_of(codes, len(values)), strict=True):
        if len(which):
            yield f"{field}={value}", start + which, len(which)
