"""The monitor of one model and segment: its error monitor and its window monitors."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.losses.measures import ClassNames, measures_of
from drift_detection.core.losses.performance import RecentOperations, RecentQuality
from drift_detection.core.losses.rules import RuleMonitor
from drift_detection.core.monitors.alarm_stats import AlarmStats
from drift_detection.core.monitors.budget import Budget
from drift_detection.core.monitors.error_monitor import ErrorMonitor
from drift_detection.core.presets import rules_of
from drift_detection.core.sliding_windows import QUARTERS
from drift_detection.core.windows.battery import Battery
from drift_detection.core.windows.monitor import WindowMonitor
from drift_detection.core.windows.reference import Reference
from driftloop.contracts.model_profiles import LossProfile
from driftloop.spec.model_spec import Detection, ModelSpec
from driftloop.spec.policy import combined_weights

Floats = NDArray[np.float64]

FOR_EVER = 1 << 62


class ModelMonitor:
    """What watches one segment of a model (the whole model where `segment` is empty).

    A version's profile says what the whole model's losses and columns were; a segment differs from
    it for good, so its reference is what it showed first.

    `rows` and `labelled_rows` count what the segment has seen over all versions.
    """

    def __init__(self, segment: str, spec: ModelSpec, classes: ClassNames, ledger: AlarmStats | None = None) -> None:
        self.ledger = ledger or AlarmStats()
        self.segment = segment
        self.spec = spec
        self.combined_weights = combined_weights(spec.policy)
        self.errors: ErrorMonitor | None = None
        self.windows: WindowMonitor | None = None
        self.labels: WindowMonitor | None = None
        """The windows of labels, of the whole model alone."""
        self.classes = classes
        self.quality = RecentQuality(measures_of(spec), classes)
        self.operations = RecentOperations()
        self.rules: tuple[RuleMonitor, ...] = ()
        self.rows = 0
        self.labelled_rows = 0
        self.since_row, self.until_row = 0, FOR_EVER
        """Of the model's labelled rows, those that count here: a segment may come to be watched within a frame."""

    def judge_version(self, reference: Reference | None, budget: Budget) -> None:
        """Losses and labels of another version follow: their monitors start anew with its profile."""
        self.begin_errors(reference, budget)
        self.begin_labels(reference, budget)
        self.quality = RecentQuality(measures_of(self.spec), self.classes)

    def begin_errors(self, reference: Reference | None, budget: Budget) -> None:
        """Losses are watched anew, against the profile of the version."""
        profile = reference.profile.loss if reference is not None and reference.profile.loss.rows else None
        if profile is not None and self.segment:
            profile = LossProfile(rows=0, mean=0, variance=0, bound=profile.bound)
        self.errors = ErrorMonitor(self.spec, profile, budget.error_rate(self.segment), self.ledger)
        wanted = () if self.segment else rules_of(self.spec.detection.preset)
        mean = profile.mean if profile is not None else None
        self.rules = tuple(RuleMonitor(rule, mean) for rule in wanted)

    def begin_labels(self, reference: Reference | None, budget: Budget) -> None:
        """Windows of labels begin anew."""
        self.labels = self._label_windows(reference, budget)

    def serve_version(self, battery: Battery | None) -> None:
        """Predictions of another version follow: windows are compared with its profile."""
        self.operations = RecentOperations()
        self.begin_windows(battery)

    def begin_windows(self, battery: Battery | None) -> None:
        """Windows of columns begin anew."""
        self.windows = None if battery is None else self._window_monitor(battery)

    def _label_windows(self, reference: Reference | None, budget: Budget) -> WindowMonitor | None:
        if self.segment or reference is None or reference.labels is None:
            return None
        level, detection = self._label_level(reference.labels, budget), self.spec.detection
        return self._window_monitor(Battery.of(reference.labels, level, detection.minimum_rows, detection.monitors))

    def _label_level(self, labels: Reference, budget: Budget) -> float:
        look = rows_a_look(self.spec.detection)
        return budget.window_level(self.segment, labels.sharing(self.segment), look, labelled=True)

    def _window_monitor(self, battery: Battery) -> WindowMonitor:
        detection = self.spec.detection
        return WindowMonitor(
            battery,
            detection.window_rows,
            detection.minimum_rows,
            learns=bool(self.segment),
            ledger=self.ledger,
            tumbling=detection.windows == "tumbling",
            window_seconds=detection.window_seconds,
        )

    @property
    def streams(self) -> tuple[WindowMonitor, ...]:
        """The windows that there are: of rows as they were predicted, then of labels."""
        return tuple(windows for windows in (self.windows, self.labels) if windows is not None)

    @property
    def alarmed(self) -> bool:
        """Whether an alarm of its windows or of its losses stands."""
        return any(windows.alarmed for windows in self.streams) or (self.errors is not None and self.errors.alarmed)

    def declare_errors(self, budget: Budget) -> None:
        """As many labelled rows a month as this budget is for are to be expected from here on."""
        if self.errors is not None:
            self.errors.declare(budget.error_rate(self.segment))
        if self.labels is not None:
            self.labels.declare(self._label_level(self.labels.battery.reference, budget))

    def declare_windows(self, budget: Budget) -> None:
        """As many rows a month as this budget is for are to be expected from here on."""
        if self.windows is not None:
            columns = self.windows.battery.reference.sharing(self.segment)
            self.windows.declare(budget.window_level(self.segment, columns, rows_a_look(self.spec.detection)))

    def revise(self, places: NDArray[np.int64], before: Floats, now: Floats) -> None:
        """Measures of rows (measures × rows) whose labels were corrected, by their places among the version's rows."""
        self.quality.revise(places, before, now)
        if self.errors is not None:
            loss = measures_of(self.spec).index("loss")
            self.errors.revise(places, now[loss] - before[loss])

    def take_rows(self, rows: int, operations: Floats | None) -> None:
        """Take in rows seen for the first time, and what was measured of them as they ran."""
        self.rows += rows
        if operations is not None:
            self.operations.push(operations)

    def snapshot(self) -> dict[str, Any]:
        """Everything but what the version's profile gives anew."""
        return {
            "rows": self.rows,
            "labelled_rows": self.labelled_rows,
            "since_row": self.since_row,
            "rules": [monitor.snapshot() for monitor in self.rules],
            "quality": self.quality.snapshot(),
            "operations": self.operations.snapshot(),
            "errors": self.errors.snapshot() if self.errors else None,
            "windows": self.windows.snapshot() if self.windows else None,
            "labels": self.labels.snapshot() if self.labels else None,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up where `snapshot` left off; the versions must have been set before."""
        self.rows, self.labelled_rows = state["rows"], state["labelled_rows"]
        self.since_row = state["since_row"]
        for monitor, kept in zip(self.rules, state["rules"], strict=True):
            monitor.restore(kept)
        self.quality.restore(state["quality"])
        self.operations.restore(state["operations"])
        if self.errors and state["errors"]:
            self.errors.restore(state["errors"])
        if self.windows and state["windows"]:
            self.windows.restore(state["windows"])
        if self.labels and state["labels"]:
            self.labels.restore(state["labels"])


def rows_a_look(detection: Detection) -> int:
    """Rows of a sliding window that is looked at as seldom as this model's.

    A sliding window is looked at four times in its length, a tumbling one once. How many rows fall into a
    time is not known beforehand; but a window of time is looked at only where it has the least rows.
    """
    rows = detection.window_rows if detection.window_seconds is None else detection.minimum_rows
    return rows * QUARTERS if detection.windows == "tumbling" else rows
