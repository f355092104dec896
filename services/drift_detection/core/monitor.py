"""The monitor of one model and segment: its error monitor and its window monitor."""

from typing import Any

import numpy as np

from drift_detection.core.budget import Budget
from drift_detection.core.errors import Alarm, ErrorMonitor
from drift_detection.core.windows.battery import Battery
from drift_detection.core.windows.monitor import Shift, WindowMonitor
from drift_detection.core.windows.reference import Counts, Reference
from driftloop.contracts.model_profiles import LossProfile
from driftloop.spec.model_spec import ModelSpec


class ModelMonitor:
    """What watches one segment of a model (the whole model where `segment` is empty).

    A version's profile says what the whole model's losses and columns were; a segment differs from
    it for good, so its reference is what it showed first.

    `rows` and `labelled_rows` count what the segment has seen over all versions.
    """

    def __init__(self, segment: str, spec: ModelSpec) -> None:
        self.segment = segment
        self.spec = spec
        self.errors: ErrorMonitor | None = None
        self.windows: WindowMonitor | None = None
        self.rows = 0
        self.labelled_rows = 0

    def judge_version(self, reference: Reference | None, budget: Budget) -> None:
        """Losses of another version follow: the error monitor starts anew with its profile."""
        profile = reference.profile.loss if reference is not None and reference.profile.loss.rows else None
        if profile is not None and self.segment:
            profile = LossProfile(rows=0, mean=0, variance=0, bound=profile.bound)
        self.errors = ErrorMonitor(self.spec, profile, budget.error_rate(self.segment))

    def serve_version(self, battery: Battery | None) -> None:
        """Predictions of another version follow: windows are compared with its profile."""
        detection = self.spec.detection
        self.windows = None
        if battery is not None:
            self.windows = WindowMonitor(
                battery, detection.window_rows, detection.minimum_rows, learns=bool(self.segment)
            )

    def take_losses(self, losses: "np.ndarray[Any, np.dtype[np.float64]]") -> list[Alarm]:
        """Take in losses of the version that is judged."""
        self.labelled_rows += len(losses)
        return self.errors.push(losses) if self.errors else []

    def take_rows(self, tallies: Counts | None, rows: int) -> list[Shift]:
        """Take in rows seen for the first time, by their tallies."""
        self.rows += rows
        return self.windows.push(tallies, rows) if self.windows and tallies is not None else []

    def snapshot(self) -> dict[str, Any]:
        """Everything but what the version's profile gives anew."""
        return {
            "rows": self.rows,
            "labelled_rows": self.labelled_rows,
            "errors": self.errors.snapshot() if self.errors else None,
            "windows": self.windows.snapshot() if self.windows else None,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up where `snapshot` left off; the versions must have been set before."""
        self.rows, self.labelled_rows = state["rows"], state["labelled_rows"]
        if self.errors and state["errors"]:
            self.errors.restore(state["errors"])
        if self.windows and state["windows"]:
            self.windows.restore(state["windows"])
