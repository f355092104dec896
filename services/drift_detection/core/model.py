"""One model: its rows in order, the versions they belong to, a monitor for each segment."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drift_detection.core.attribution import LossHistory
from drift_detection.core.blocks import Block, LossBlocks
from drift_detection.core.budget import Budget
from drift_detection.core.errors import Alarm
from drift_detection.core.judged import Judged, LazyIds
from drift_detection.core.label_delays import LabelDelays
from drift_detection.core.ledger import Ledger
from drift_detection.core.maturity import Maturity
from drift_detection.core.measures import ClassNames, operations, quality
from drift_detection.core.monitor import ModelMonitor, rows_a_look
from drift_detection.core.rows import FrameRows, places_of
from drift_detection.core.traffic import Traffic
from drift_detection.core.trail import Step, Trail
from drift_detection.core.versions import ServingVersion
from drift_detection.core.windows.battery import Battery
from drift_detection.core.windows.monitor import WindowMonitor
from drift_detection.core.windows.reference import FrameTallies, Reference
from drift_detection.core.windows.rings import Cut
from drift_detection.core.windows.shift import Shift
from driftloop.spec.model_spec import ModelSpec

SEGMENTS = 50
"""Segments that are watched; the rows of further ones count for the whole model only."""

References = Mapping[str, Reference | None]
Scope = tuple[str, NDArray[np.intp] | slice, int]
"""A segment, which of a frame's rows are its, and how many."""


@dataclass(frozen=True, slots=True)
class Harm:
    """An alarm on losses: of which segment and version, at which row."""

    segment: str
    version: str
    alarm: Alarm
    raised: Step
    lag: int
    parts: dict[str, float] = field(default_factory=dict)
    """Segments' parts in the added loss, of an alarm of the whole model."""
    rule: str = ""
    """The rule of a preset that alarmed; empty for the error detector."""


@dataclass(frozen=True, slots=True)
class Change:
    """A shift of columns: of which segment and version, at which row."""

    segment: str
    version: str
    shift: Shift
    raised: Step


@dataclass
class Findings:
    """What a frame brought."""

    harms: list[Harm] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    segments: set[str] = field(default_factory=set)


class WatchedModel:
    """All that detection knows of a model. A function of its frames, specs and profiles.

    `references` gives the reference of a version, or None where it has no profile.
    """

    def __init__(self, spec: ModelSpec, spec_version: int) -> None:
        self.spec, self.spec_version = spec, spec_version
        self.judged, self.serving = ServingVersion(), ServingVersion()
        self.classes = ClassNames()
        self.history = LossHistory()
        self.harmed_from = 0.0
        """Mean loss before the last harm of the whole model."""
        self.ledger = Ledger()
        self.maturity = Maturity(spec.label_delay.expected_seconds)
        self.traffic, self.labels = _traffic(spec), _traffic(spec)
        """Of all rows, and of the labelled ones."""
        self.monitors: dict[str, ModelMonitor] = {"": ModelMonitor("", spec, self.classes, self.ledger)}
        self.blocks = LossBlocks(spec.detection.loss_block_rows)
        self.trail = Trail()
        self.labelled_rows = self.feedback_rows = 0
        self.corrections = 0
        self.delays = LabelDelays()
        self.watermark = 0
        self.published: dict[str, float] = {}
        """The metrics of the whole model as they were last published."""
        self._first_of_frame = 0
        self._operations: NDArray[np.float64] | None = None
        self._waiting: Judged | None = None
        self._judged_reference: Reference | None = None
        self._battery_of: dict[bool, Battery] = {}
        self._reference: Reference | None = None

    @property
    def budget(self) -> Budget:
        """The model's budget of false alarms at the rows that come."""
        return Budget.of(self.spec).at(rows=self.traffic.rows_per_month, labelled_rows=self.labels.rows_per_month)

    def change_spec(self, spec: ModelSpec, spec_version: int) -> None:
        """Another spec: monitors start anew with its settings; rows go on being counted."""
        if spec.detection.rows_per_month != self.spec.detection.rows_per_month:
            self.traffic, self.labels = _traffic(spec), _traffic(spec)
        if spec.label_delay.expected_seconds != self.spec.label_delay.expected_seconds:
            self.maturity = Maturity(spec.label_delay.expected_seconds)
        self.spec, self.spec_version = spec, spec_version
        self.monitors = {"": ModelMonitor("", spec, self.classes, self.ledger)}
        self._waiting, self._battery_of = None, {}
        if self.judged.current is not None:
            self.monitors[""].judge_version(self._judged_reference, self.budget)
        self.monitors[""].serve_version(self._battery(""))

    def take(self, rows: FrameRows, references: References) -> Findings:
        """Take in a frame; `end` must be called when its findings have been dealt with."""
        found = Findings()
        self._count(rows)
        self._see(rows, references, found)
        self._judge(self._judged_rows(rows), rows, references, found)
        self.corrections += rows.corrections
        self.delays.push((rows.labelled_at - rows.predicted_at)[rows.joined])
        return found

    def end(self) -> None:
        """The frame's findings have been dealt with."""
        self.trail.end(self.labelled_rows)
        self.maturity.trim()

    # -- rows -------------------------------------------------------------------------------------

    def _count(self, rows: FrameRows) -> None:
        """Number the labelled rows: those of this frame begin at `_first_of_frame`."""
        labelled = np.flatnonzero(rows.labelled)
        first = self._first_of_frame = self.labelled_rows

        def names(numbers: Sequence[int]) -> list[Step]:
            which = labelled[np.asarray(numbers) - first]
            ids = rows.batch.column("prediction_id").take(pa.array(which)).to_pylist()
            return [Step(*step) for step in zip(numbers, ids, rows.known_at[which].tolist(), strict=True)]

        self.trail.begin(first, names)
        self.labelled_rows += len(labelled)
        self.feedback_rows += rows.feedback
        latest = max(int(rows.predicted_at.max()), int(rows.labelled_at.max()))
        self.watermark = max(self.watermark, latest)

    def _judged_rows(self, rows: FrameRows) -> Judged:
        which = rows.judged
        every = len(which) == len(rows)
        numbers = np.cumsum(rows.labelled)[which] + (self._first_of_frame - 1)
        at, predicted_at = rows.known_at[which], rows.predicted_at[which]
        ids = LazyIds(rows.batch.column("prediction_id"), which)
        segments = tuple((name, codes if every else codes[which], values) for name, codes, values in rows.segments())
        lag = at - predicted_at
        return Judged(rows.losses[which], numbers, at, lag, ids, segments, quality(rows, which, lag, self.classes))

    def _monitor(self, segment: str) -> ModelMonitor | None:
        known = self.monitors.get(segment)
        if known is None and len(self.monitors) <= SEGMENTS:
            known = self.monitors[segment] = ModelMonitor(segment, self.spec, self.classes, self.ledger)
            if self.judged.current is not None:
                known.judge_version(self._judged_reference, self.budget)
            known.serve_version(self._battery(segment))
        return known

    # -- columns ----------------------------------------------------------------------------------

    def _see(self, rows: FrameRows, references: References, found: Findings) -> None:
        if not len(rows.seen):
            return
        codes, names = rows.versions
        segments = [(name, codes_[rows.seen], values) for name, codes_, values in rows.segments()]
        tallies: dict[str, FrameTallies] = {}
        self._operations = operations(rows, rows.seen)
        for start, stop in self._paced_spans(rows, codes[rows.seen], names, references):
            reference = self._reference
            counted = None
            if reference is not None:
                counted = tallies.get(reference.version) or reference.tallies(rows)
                tallies[reference.version] = counted
            self._see_scopes([("", slice(start, stop), stop - start)], counted, rows, found)
            for name, of, values in segments:
                parts = zip(values, places_of(of[start:stop], len(values)), strict=True)
                scopes = [(f"{name}={value}", start + which, len(which)) for value, which in parts if len(which)]
                self._see_scopes(scopes, counted, rows, found)

    def _paced_spans(
        self, rows: FrameRows, codes: NDArray[np.int32], names: list[str], references: References
    ) -> Iterator[tuple[int, int]]:
        """The spans, cut where the rate of rows is looked at: limits change there."""
        at = rows.predicted_at[rows.seen]
        self.maturity.see(at)
        for start, end in self._spans(codes, names, references):
            begin = start
            while begin < end:
                stop = min(end, begin + self.traffic.until_look)
                yield begin, stop
                if self.traffic.push(at[begin:stop]):
                    self._battery_of = {}
                    for monitor in self.monitors.values():
                        monitor.declare_windows(self.budget)
                begin = stop

    def _spans(self, codes: NDArray[np.int32], names: list[str], references: References) -> Iterator[tuple[int, int]]:
        """Runs of rows that are compared with one reference; the reference is set before each is given."""
        start = 0
        current = names.index(self.serving.current) if self.serving.current in names else -2
        if not (codes == current).all():
            for index, code in enumerate(codes.tolist()):
                if code >= 0 and self.serving.see(names[code]):
                    if index > start:
                        yield start, index
                    start = index
                    self._serve(references[names[code]])
        yield start, len(codes)

    def _serve(self, reference: Reference | None) -> None:
        self._reference = reference
        self._battery_of = {}
        for segment, monitor in self.monitors.items():
            monitor.serve_version(self._battery(segment))

    def _battery(self, segment: str) -> Battery | None:
        """The battery of the whole model, or the one that all its segments share."""
        if self._reference is None or not self._reference.columns:
            return None
        part = bool(segment)
        if part not in self._battery_of:
            detection = self.spec.detection
            level = self.budget.window_level(segment, len(self._reference.columns), rows_a_look(detection))
            self._battery_of[part] = Battery.of(self._reference, level, detection.minimum_rows)
        return self._battery_of[part]

    def _see_scopes(
        self, scopes: Sequence[Scope], counted: FrameTallies | None, rows: FrameRows, found: Findings
    ) -> None:
        """Rows of the whole model, or of all the segments of one field."""
        watched: list[tuple[str, NDArray[np.intp] | slice, WindowMonitor, Cut]] = []
        for segment, which, count in scopes:
            monitor = self._monitor(segment)
            if monitor is None:
                continue
            found.segments.add(segment)
            monitor.take_rows(count, None if self._operations is None else self._operations[:, which])
            if counted is not None and monitor.windows is not None:
                at = rows.predicted_at[rows.seen][which] if self.spec.detection.window_seconds else None
                watched.append((segment, which, monitor.windows, monitor.windows.rings.cut(count, at)))
        if counted is None:
            return
        tallies = counted.count_each([(which, cut) for _, which, _, cut in watched])
        for (segment, which, windows, cut), counts in zip(watched, tallies, strict=True):
            for shift in windows.push(counts, cut):
                place = cut.closing_row(shift.block)
                row = int(rows.seen[which.start + place if isinstance(which, slice) else int(which[place])])
                found.changes.append(Change(segment, self.serving.current or "0.0.0", shift, self._step(rows, row)))

    def _step(self, rows: FrameRows, row: int) -> Step:
        """A row as it is named in a signal on columns: by its number among the labelled rows up to it."""
        number = self._first_of_frame + max(int(rows.labelled[: row + 1].sum()) - 1, 0)
        return Step(number, rows.prediction_id(row), int(rows.predicted_at[row]))

    # -- losses -----------------------------------------------------------------------------------

    def _judge(self, judged: Judged, rows: FrameRows, references: References, found: Findings) -> None:
        if not len(judged):
            return
        codes, names = rows.versions
        of = codes[rows.judged]
        current = names.index(self.judged.current) if self.judged.current in names else -2
        if (of == current).all() and self._waiting is None:
            self.judged.see(names[current])
            self._push(judged, found)
            return
        for start, stop in _runs(of):
            self._judge_run(judged.take(slice(start, stop)), names[int(of[start])], references, found)

    def _judge_run(self, run: Judged, version: str, references: References, found: Findings) -> None:
        """Rows of one version: judged where it is the current one, kept back while it may become it."""
        if version == self.judged.current:
            self._waiting = None
            self.judged.see(version)
            self._push(run, found)
            return
        if not self.judged.is_candidate(version):
            self._waiting = None
        if any(self.judged.see(version) for _ in range(len(run))):
            self._change_judged(version, references, found)
            for part in (self._waiting, run):
                if part is not None:
                    self._push(part, found)
            self._waiting = None
            return
        self._waiting = run.detached() if self._waiting is None else self._waiting.joined(run)

    def _change_judged(self, version: str, references: References, found: Findings) -> None:
        found.blocks.extend(self.blocks.change(version))
        self._judged_reference = references[version]
        for monitor in self.monitors.values():
            monitor.judge_version(self._judged_reference, self.budget)

    def _push(self, judged: Judged, found: Findings) -> None:
        """Take in rows in parts that end where the rate of labelled rows is looked at."""
        begin = 0
        self.maturity.judge(judged.at - judged.lag, judged.losses)
        while begin < len(judged):
            stop = min(len(judged), begin + self.labels.until_look)
            self._push_part(judged if stop - begin == len(judged) else judged.take(slice(begin, stop)), found)
            if self.labels.push(judged.at[begin:stop]):
                for monitor in self.monitors.values():
                    monitor.declare_errors(self.budget)
            begin = stop

    def _push_part(self, judged: Judged, found: Findings) -> None:
        found.blocks.extend(self.blocks.push(judged.losses, judged.rows, judged.at))
        self.history.push(judged)
        self._push_scope("", judged, None, found)
        for name, codes, values in judged.segments:
            for value, which in zip(values, places_of(codes, len(values)), strict=True):
                if len(which):
                    self._push_scope(f"{name}={value}", judged, which, found)
        self.history.trim()

    def _push_scope(self, segment: str, judged: Judged, which: NDArray[np.intp] | None, found: Findings) -> None:
        monitor = self._monitor(segment)
        if monitor is None:
            return
        found.segments.add(segment)
        losses = judged.losses if which is None else judged.losses[which]
        measures = judged.measures if which is None else judged.measures[:, which]
        for alarm in monitor.take_losses(losses, measures):
            row = alarm.index if which is None else int(which[alarm.index])
            step = Step(int(judged.rows[row]), judged.ids[row], int(judged.at[row]))
            if not segment:
                self.harmed_from = alarm.reference
            parts = {} if segment else self._parts(alarm, len(judged) - 1 - row)
            found.harms.append(Harm(segment, self.judged.current or "0.0.0", alarm, step, int(judged.lag[row]), parts))
        for rule, alarm in monitor.take_rules(losses):
            row = alarm.index if which is None else int(which[alarm.index])
            step = Step(int(judged.rows[row]), judged.ids[row], int(judged.at[row]))
            version = self.judged.current or "0.0.0"
            found.harms.append(Harm(segment, version, alarm, step, int(judged.lag[row]), rule=rule))

    def _parts(self, alarm: Alarm, behind: int) -> dict[str, float]:
        return self.history.added_loss(alarm.onset_rows_ago, behind, alarm.reference)

    # -- state ------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """All that frames have left behind."""
        return {
            "spec_version": self.spec_version,
            "judged": self.judged.snapshot(),
            "serving": self.serving.snapshot(),
            "classes": self.classes.names,
            "history": self.history.snapshot(),
            "harmed_from": self.harmed_from,
            "blocks": self.blocks.snapshot(),
            "trail": self.trail.snapshot(),
            "ledger": self.ledger.snapshot(),
            "maturity": self.maturity.snapshot(),
            "traffic": [self.traffic.snapshot(), self.labels.snapshot()],
            "labelled_rows": self.labelled_rows,
            "feedback_rows": self.feedback_rows,
            "corrections": self.corrections,
            "delays": self.delays.snapshot(),
            "watermark": self.watermark,
            "waiting": self._waiting.to_state() if self._waiting is not None else None,
            "profiled": [self._judged_reference is not None, self._reference is not None],
            "monitors": {segment: monitor.snapshot() for segment, monitor in self.monitors.items()},
        }

    def restore(self, state: dict[str, Any], references: References) -> None:
        """Take up where `snapshot` left off."""
        self.judged.restore(state["judged"])
        self.serving.restore(state["serving"])
        self.classes.names[:] = state["classes"]
        self.history.restore(state["history"])
        self.harmed_from = state["harmed_from"]
        self.blocks.restore(state["blocks"])
        self.ledger.restore(state["ledger"])
        self.maturity.restore(state["maturity"])
        for traffic, kept in zip((self.traffic, self.labels), state["traffic"], strict=True):
            traffic.restore(kept)
        self.trail.restore(state["trail"])
        self.labelled_rows, self.corrections = state["labelled_rows"], state["corrections"]
        self.feedback_rows = state.get("feedback_rows", 0)
        if "delays" in state:  # a snapshot of an earlier release has none
            self.delays.restore(state["delays"])
        self.watermark = state["watermark"]
        self._waiting = Judged.of_state(state["waiting"]) if state["waiting"] is not None else None
        judged, serving = state["profiled"]
        self._judged_reference = references[self.judged.current] if judged and self.judged.current else None
        self._reference = references[self.serving.current] if serving and self.serving.current else None
        for segment, kept in state["monitors"].items():
            monitor = self.monitors[segment] = ModelMonitor(segment, self.spec, self.classes, self.ledger)
            if self.judged.current is not None:
                monitor.judge_version(self._judged_reference, self.budget)
            monitor.serve_version(self._battery(segment))
            monitor.restore(kept)


def _traffic(spec: ModelSpec) -> Traffic:
    return Traffic(spec.detection.rows_per_month)


def _runs(codes: NDArray[np.int32]) -> list[tuple[int, int]]:
    """(start, stop) of each run of equal codes."""
    ends = [*(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
    return list(zip([0, *ends[:-1]], ends, strict=True))
