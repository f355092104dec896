"""Rows as they were predicted: which columns of which segment have shifted."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.found import Change, Findings, References
from drift_detection.core.measures import operations
from drift_detection.core.roster import Roster
from drift_detection.core.rows import FrameRows, places_of
from drift_detection.core.trail import Step
from drift_detection.core.windows.monitor import WindowMonitor
from drift_detection.core.windows.reference import FrameTallies
from drift_detection.core.windows.rings import Cut

Which = NDArray[np.intp] | slice
Scope = tuple[str, Which, int]
"""A segment, which of a frame's seen rows are its, and how many."""


class ColumnWatch:
    """Hands the columns of a frame's rows to the monitors of the segments that they are in.

    `step` names a row of a frame as signals do.
    """

    def __init__(self, roster: Roster, step: Callable[[FrameRows, int], Step]) -> None:
        self._roster, self._step = roster, step
        self._operations: NDArray[np.float64] | None = None

    def take(self, rows: FrameRows, references: References, found: Findings) -> None:
        """Take in the rows of a frame that are a prediction's first sight."""
        if not len(rows.seen):
            return
        codes, names = rows.versions
        segments = [(name, codes_[rows.seen], values) for name, codes_, values in rows.segments()]
        tallies: dict[str, FrameTallies] = {}
        self._operations = operations(rows, rows.seen)
        for start, stop in self._paced_spans(rows, codes[rows.seen], names, references):
            reference = self._roster.reference
            counted = None
            if reference is not None:
                counted = tallies.get(reference.version) or reference.tallies(rows)
                tallies[reference.version] = counted
            self._take_scopes([("", slice(start, stop), stop - start)], counted, rows, found)
            for name, of, values in segments:
                parts = zip(values, places_of(of[start:stop], len(values)), strict=True)
                scopes = [(f"{name}={value}", start + which, len(which)) for value, which in parts if len(which)]
                self._take_scopes(scopes, counted, rows, found)

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
            monitor = self._roster.monitor(segment)
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
                found.changes.append(Change(segment, version, columns[shift.column], shift, self._step(rows, row)))
