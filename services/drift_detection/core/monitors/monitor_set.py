"""The monitors of a model and its segments, with all that they share and are set up by.

Two streams of rows are watched: rows as they were predicted (their columns) and rows as their labels
come in (their losses and the labels themselves). Each has its own version, because labels lag behind; both meet here.
"""

from collections.abc import Collection
from typing import Any

from drift_detection.core.findings import References
from drift_detection.core.first_rows import FirstRows
from drift_detection.core.losses.measures import ClassNames, measures_of
from drift_detection.core.losses.performance import RecentQuality
from drift_detection.core.monitors.alarm_stats import AlarmStats
from drift_detection.core.monitors.budget import Budget
from drift_detection.core.monitors.monitor import ModelMonitor, rows_a_look
from drift_detection.core.monitors.segment_slots import SEGMENTS, SegmentSlots
from drift_detection.core.monitors.traffic import Traffic
from drift_detection.core.monitors.versions import ServingVersion
from drift_detection.core.windows.battery import Battery
from drift_detection.core.windows.of_profile import fitting as reference_fitting
from drift_detection.core.windows.of_profile import reference_of
from drift_detection.core.windows.reference import Reference
from driftloop.contracts.model_profiles import ModelProfile
from driftloop.spec.model_spec import Detection, ModelSpec
from driftloop.spec.policy import combined_weights


class Batteries:
    """The tests of the whole model's columns and those that all segments share, made when they are asked for."""

    def __init__(self) -> None:
        self._made: dict[bool, Battery] = {}

    def clear(self) -> None:
        """Reference, level or tests are others from here on."""
        self._made.clear()

    def of(self, segment: str, reference: Reference | None, budget: Budget, detection: Detection) -> Battery | None:
        """The battery of the whole model (segment empty), or of its segments; None without anything to compare with."""
        if reference is None or not reference.columns:
            return None
        part = bool(segment)
        if part not in self._made:
            level = budget.window_level(segment, reference.sharing(segment), rows_a_look(detection))
            self._made[part] = Battery.of(reference, level, detection.minimum_rows, detection.monitors)
        return self._made[part]


class MonitorSet:
    """A monitor for the whole model (segment empty) and for each segment that is watched."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self.judged, self.serving = ServingVersion(), ServingVersion()
        """The versions that losses (labels with them) and columns are of."""
        self.classes = ClassNames()
        self.ledger = AlarmStats()
        self.traffic, self.labels = _traffic(spec), _traffic(spec)
        """Of all rows, and of the labelled ones."""
        self.slots = SegmentSlots()
        self.target_since = 0
        """The spec version since which the target is what it is: profiles of older ones tell of another."""
        self.reference: Reference | None = None
        """What columns are compared with."""
        self.first_rows: FirstRows | None = None
        """What is gathered for a reference of the serving version, where nobody gave one and others trained it."""
        self.learnt: ModelProfile | None = None
        """The profile of its first rows, once they are enough."""
        self.judged_reference: Reference | None = None
        """The profile of the version that is judged, as far as it is of the target that there is now."""
        self._profiles: tuple[Reference | None, Reference | None] = None, None
        """The same of judged and serving version, as they were published."""
        self._batteries = Batteries()
        self.monitors: dict[str, ModelMonitor] = {"": ModelMonitor("", self.spec, self.classes, self.ledger)}
        self._leaving: list[ModelMonitor] = []
        """Segments that left with a row of the frame in hand: earlier rows of it are still theirs."""

    @property
    def budget(self) -> Budget:
        """The model's budget of false alarms at the rows that come."""
        return Budget.of(self.spec).at(rows=self.traffic.rows_per_month, labelled_rows=self.labels.rows_per_month)

    @property
    def has_profile(self) -> bool:
        """Whether the version that serves has a profile of the target that the spec declares."""
        return self.reference is not None and self.reference is self._profiles[1]

    def monitor(self, segment: str) -> ModelMonitor | None:
        """The monitor of a segment, a new one if it is seen first; None if there are too many."""
        known = self.monitors.get(segment)
        if known is None and len(self.monitors) <= SEGMENTS:
            known = self.monitors[segment] = self._set_up(segment)
        return known

    def monitors_of(self, segment: str) -> list[ModelMonitor]:
        """Its monitor, after one that left with a row of the frame in hand."""
        known = self.monitor(segment)
        left = [one for one in self._leaving if one.segment == segment] if self._leaving else []
        return left if known is None else [*left, known]

    def review_segments(self, next_row: int) -> None:
        """Watch the segments that have most rows; those that are new from the labelled row `next_row` on."""
        stay = {name: monitor.alarmed for name, monitor in self.monitors.items() if name}
        for old, new in self.slots.review(stay):
            left = self.monitors.pop(old)
            left.until_row = next_row
            self._leaving.append(left)
            self.monitors[new] = self._set_up(new)
            self.monitors[new].since_row = next_row

    def end(self) -> None:
        """The frame has been dealt with."""
        self._leaving = []

    def change_spec(self, spec: ModelSpec, changed: Collection[str], spec_version: int) -> None:
        """Another spec, in these parts: only what they concern begins anew."""
        self.spec, parts = spec, {*changed}
        if "segments" in parts:
            kept = {segment for segment in self.monitors if segment.partition("=")[0] in {"", *spec.segments}}
            self.monitors = {segment: self.monitors[segment] for segment in self.monitors if segment in kept}
            self.slots = SegmentSlots()
        for monitor in self.monitors.values():
            monitor.spec = spec
            monitor.combined_weights = combined_weights(spec.policy)
        if "budget" in parts:
            for traffic in (self.traffic, self.labels):
                traffic.declare(spec.detection.rows_per_month)
        if "target" in parts:
            self.target_since = spec_version
            self._begin_target()
        if "error detector" in parts and self.judged.current is not None:
            for monitor in self.monitors.values():
                monitor.begin_errors(self.judged_reference, self.budget)
        if "windows" in parts:
            self._begin_windows()
        if {"budget", "segments"} & parts:
            self.declare_windows()
            self.declare_errors()

    def _begin_target(self) -> None:
        """What was learnt under another target is forgotten."""
        judged, serving = self._profiles
        self.classes.clear()
        if self.first_rows is not None:
            self.first_rows = FirstRows(self.first_rows.version, self.spec.baseline_rows)
        self.judge(judged)
        if self.judged.current is None:
            self.monitors[""].quality = RecentQuality(measures_of(self.spec), self.classes)
        before = self.reference
        self.reference = self.fitting(serving)
        self._batteries.clear()
        if self.reference is not before:
            self._begin_windows()

    def _begin_windows(self) -> None:
        self._batteries.clear()
        for segment, monitor in self.monitors.items():
            monitor.begin_windows(self._batteries.of(segment, self.reference, self.budget, self.spec.detection))
            if self.judged.current is not None:
                monitor.begin_labels(self.judged_reference, self.budget)

    def fitting(self, profile: Reference | None) -> Reference | None:
        """As much of a version's profile as is of the target that the spec declares."""
        return None if profile is None else reference_fitting(profile, self.spec, self.target_since)

    def judge(self, profile: Reference | None) -> None:
        """Losses of another version follow, whose profile this is."""
        self._profiles = profile, self._profiles[1]
        self.judged_reference = self.fitting(profile)
        for monitor in self.monitors.values():
            monitor.judge_version(self.judged_reference, self.budget)

    def serve(self, profile: Reference | None) -> None:
        """Predictions of another version follow, whose profile this is."""
        self._profiles = self._profiles[0], profile
        self.reference = self.fitting(profile)
        self._batteries.clear()
        for segment, monitor in self.monitors.items():
            monitor.serve_version(self._batteries.of(segment, self.reference, self.budget, self.spec.detection))

    def gather(self, version: str) -> None:
        """The serving version has no profile: of a model that others serve, its first rows become the reference."""
        self.learnt = None
        external = self.spec.serving == "external" and self.reference is None
        self.first_rows = FirstRows(version, self.spec.baseline_rows) if external else None

    def serve_first_rows(self, spec_version: int) -> None:
        """The first rows are enough: columns are compared with them from here on."""
        if self.first_rows is not None:
            self.learnt, self.first_rows = self.first_rows.profile(self.spec, spec_version), None
            self.serve(reference_of(self.learnt))

    def declare_windows(self) -> None:
        """Another number of rows a month is to be expected: columns are judged at another level."""
        self._batteries.clear()
        for monitor in self.monitors.values():
            monitor.declare_windows(self.budget)

    def declare_errors(self) -> None:
        """Another number of labelled rows a month is to be expected: losses and labels are judged at another level."""
        for monitor in self.monitors.values():
            monitor.declare_errors(self.budget)

    def _set_up(self, segment: str) -> ModelMonitor:
        monitor = ModelMonitor(segment, self.spec, self.classes, self.ledger)
        if self.judged.current is not None:
            monitor.judge_version(self.judged_reference, self.budget)
        monitor.serve_version(self._batteries.of(segment, self.reference, self.budget, self.spec.detection))
        return monitor

    def snapshot(self) -> dict[str, Any]:
        """Versions, rates and monitors."""
        first = {} if self.first_rows is None else {"first_rows": self.first_rows.snapshot()}
        learnt = {} if self.learnt is None else {"learnt": self.learnt.model_dump_json()}
        further = {target: known.names for target, known in self.classes.further.items()}
        return {
            **first,
            **learnt,
            **({"further_classes": further} if further else {}),
            "judged": self.judged.snapshot(),
            "serving": self.serving.snapshot(),
            "classes": self.classes.names,
            "ledger": self.ledger.snapshot(),
            "slots": self.slots.snapshot(),
            "target_since": self.target_since,
            "traffic": [self.traffic.snapshot(), self.labels.snapshot()],
            "profiled": [profile is not None for profile in self._profiles],
            "monitors": {segment: monitor.snapshot() for segment, monitor in self.monitors.items()},
        }

    def restore(self, state: dict[str, Any], references: References) -> None:
        """Take up where `snapshot` left off."""
        self.judged.restore(state["judged"])
        self.serving.restore(state["serving"])
        self.classes.names[:] = state["classes"]
        for target, names in state.get("further_classes", {}).items():
            self.classes.of(target).names[:] = names
        self.ledger.restore(state["ledger"])
        for traffic, kept in zip((self.traffic, self.labels), state["traffic"], strict=True):
            traffic.restore(kept)
        judged, serving = state["profiled"]
        self._profiles = (
            references[self.judged.current] if judged and self.judged.current else None,
            references[self.serving.current] if serving and self.serving.current else None,
        )
        if "first_rows" in state:
            self.first_rows = FirstRows.restored(state["first_rows"])
        if "learnt" in state:
            self.learnt = ModelProfile.from_json(state["learnt"])
            self._profiles = self._profiles[0], reference_of(self.learnt)
        self.slots.restore(state["slots"])
        self.target_since = state["target_since"]
        self.judged_reference, self.reference = (self.fitting(profile) for profile in self._profiles)
        for segment, kept in state["monitors"].items():
            monitor = self.monitors[segment] = self._set_up(segment)
            monitor.restore(kept)


def _traffic(spec: ModelSpec) -> Traffic:
    return Traffic(spec.detection.rows_per_month)
