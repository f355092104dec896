"""The monitors of a model and its segments, with all that they share and are set up by.

Two streams of rows are watched: rows as they were predicted (their columns) and rows as their labels
come in (their losses and the labels themselves). Each has its own version, because labels lag behind; both meet here.
"""

from typing import Any

from drift_detection.core.budget import Budget
from drift_detection.core.first_rows import FirstRows
from drift_detection.core.found import References
from drift_detection.core.ledger import Ledger
from drift_detection.core.measures import ClassNames
from drift_detection.core.monitor import ModelMonitor, rows_a_look
from drift_detection.core.traffic import Traffic
from drift_detection.core.versions import ServingVersion
from drift_detection.core.windows.battery import Battery
from drift_detection.core.windows.of_profile import reference_of
from drift_detection.core.windows.reference import Reference
from driftloop.contracts.model_profiles import ModelProfile
from driftloop.spec.model_spec import ModelSpec

SEGMENTS = 50
"""Segments that are watched; the rows of further ones count for the whole model only."""


class Roster:
    """A monitor for the whole model (segment empty) and for each segment that came up, first come first served."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self.judged, self.serving = ServingVersion(), ServingVersion()
        """The versions that losses (labels with them) and columns are of."""
        self.classes = ClassNames()
        self.ledger = Ledger()
        self.traffic, self.labels = _traffic(spec), _traffic(spec)
        """Of all rows, and of the labelled ones."""
        self.reference: Reference | None = None
        """What columns are compared with."""
        self.first_rows: FirstRows | None = None
        """What is gathered for a reference of the serving version, where nobody gave one and others trained it."""
        self.learnt: ModelProfile | None = None
        """The profile of its first rows, once they are enough."""
        self._judged_reference: Reference | None = None
        self._battery_of: dict[bool, Battery] = {}
        self.monitors: dict[str, ModelMonitor] = {"": self._new("")}

    @property
    def budget(self) -> Budget:
        """The model's budget of false alarms at the rows that come."""
        return Budget.of(self.spec).at(rows=self.traffic.rows_per_month, labelled_rows=self.labels.rows_per_month)

    def monitor(self, segment: str) -> ModelMonitor | None:
        """The monitor of a segment, a new one where it is seen first; None where there are too many."""
        known = self.monitors.get(segment)
        if known is None and len(self.monitors) <= SEGMENTS:
            known = self.monitors[segment] = self._set_up(segment)
        return known

    def change_spec(self, spec: ModelSpec) -> None:
        """Monitors start anew with another spec's settings; versions and traffic stay what they are."""
        if spec.detection.rows_per_month != self.spec.detection.rows_per_month:
            self.traffic, self.labels = _traffic(spec), _traffic(spec)
        self.spec, self._battery_of = spec, {}
        self.monitors = {}
        self.monitors[""] = self._set_up("")

    def judge(self, reference: Reference | None) -> None:
        """Losses of another version follow, whose profile this is."""
        self._judged_reference = reference
        for monitor in self.monitors.values():
            monitor.judge_version(reference, self.budget)

    def serve(self, reference: Reference | None) -> None:
        """Predictions of another version follow, whose profile this is."""
        self.reference, self._battery_of = reference, {}
        for segment, monitor in self.monitors.items():
            monitor.serve_version(self._battery(segment))

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
        self._battery_of = {}
        for monitor in self.monitors.values():
            monitor.declare_windows(self.budget)

    def declare_errors(self) -> None:
        """Another number of labelled rows a month is to be expected: losses and labels are judged at another level."""
        for monitor in self.monitors.values():
            monitor.declare_errors(self.budget)

    def _new(self, segment: str) -> ModelMonitor:
        return ModelMonitor(segment, self.spec, self.classes, self.ledger)

    def _set_up(self, segment: str) -> ModelMonitor:
        monitor = self._new(segment)
        if self.judged.current is not None:
            monitor.judge_version(self._judged_reference, self.budget)
        monitor.serve_version(self._battery(segment))
        return monitor

    def _battery(self, segment: str) -> Battery | None:
        """The battery of the whole model, or the one that all its segments share."""
        if self.reference is None or not self.reference.columns:
            return None
        part = bool(segment)
        if part not in self._battery_of:
            detection = self.spec.detection
            level = self.budget.window_level(segment, self.reference.sharing(segment), rows_a_look(detection))
            self._battery_of[part] = Battery.of(self.reference, level, detection.minimum_rows, detection.monitors)
        return self._battery_of[part]

    def snapshot(self) -> dict[str, Any]:
        """Versions, rates and monitors."""
        first = {} if self.first_rows is None else {"first_rows": self.first_rows.snapshot()}
        learnt = {} if self.learnt is None else {"learnt": self.learnt.model_dump_json()}
        return {
            **first,
            **learnt,
            "judged": self.judged.snapshot(),
            "serving": self.serving.snapshot(),
            "classes": self.classes.names,
            "ledger": self.ledger.snapshot(),
            "traffic": [self.traffic.snapshot(), self.labels.snapshot()],
            "profiled": [self._judged_reference is not None, self.reference is not None],
            "monitors": {segment: monitor.snapshot() for segment, monitor in self.monitors.items()},
        }

    def restore(self, state: dict[str, Any], references: References) -> None:
        """Take up where `snapshot` left off."""
        self.judged.restore(state["judged"])
        self.serving.restore(state["serving"])
        self.classes.names[:] = state["classes"]
        self.ledger.restore(state["ledger"])
        for traffic, kept in zip((self.traffic, self.labels), state["traffic"], strict=True):
            traffic.restore(kept)
        judged, serving = state["profiled"]
        self._judged_reference = references[self.judged.current] if judged and self.judged.current else None
        self.reference = references[self.serving.current] if serving and self.serving.current else None
        if "first_rows" in state:
            self.first_rows = FirstRows.restored(state["first_rows"])
        if "learnt" in state:
            self.learnt = ModelProfile.from_json(state["learnt"])
            self.reference = reference_of(self.learnt)
        for segment, kept in state["monitors"].items():
            monitor = self.monitors[segment] = self._set_up(segment)
            monitor.restore(kept)


def _traffic(spec: ModelSpec) -> Traffic:
    return Traffic(spec.detection.rows_per_month)
