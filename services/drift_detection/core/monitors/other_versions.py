"""Versions that share traffic with the one that is judged: each has an error monitor of its own.

Why errors only: columns are those of the population, which all versions see, and are watched over all rows.
Why no part of the budget: alarms are budgeted by the row, and no row is judged with two versions.
"""

from dataclasses import dataclass, field
from typing import Any

from drift_detection.core.findings import References
from drift_detection.core.labels.selection import LabelledClasses
from drift_detection.core.monitors.error_monitor import ErrorMonitor
from drift_detection.core.monitors.monitor_set import MonitorSet
from driftloop.contracts.model_profiles import LossProfile

MOST = 8
GONE_ROWS = 20_000
"""A version without a label for so many labelled rows of the model makes room for another."""


@dataclass
class OtherVersion:
    """One of them. `last_row` is the number of its newest row among the model's labelled rows."""

    errors: ErrorMonitor
    known: dict[str, LossProfile]
    labelled: LabelledClasses = field(default_factory=LabelledClasses)
    last_row: int = 0


class OtherVersions:
    """The versions beside the judged one, by their names."""

    def __init__(self, roster: MonitorSet) -> None:
        self._roster = roster
        self.watched: dict[str, OtherVersion] = {}

    def of(self, version: str, row: int, references: References) -> OtherVersion | None:
        """The monitor of `version` at the model's labelled row `row`; a new one if there is room, else None."""
        known = self.watched.get(version)
        if known is not None:
            return known
        if len(self.watched) >= MOST:
            oldest = min(self.watched, key=lambda name: (self.watched[name].last_row, name))
            if row - self.watched[oldest].last_row < GONE_ROWS:
                return None
            del self.watched[oldest]
        made = self.watched[version] = self._made(version, references)
        return made

    def _made(self, version: str, references: References) -> OtherVersion:
        roster = self._roster
        reference = roster.fitting(references[version])
        profile = None if reference is None else reference.profile
        loss = profile.loss if profile is not None and profile.loss.rows else None
        known = {} if profile is None else dict(profile.loss_by_prediction)
        return OtherVersion(ErrorMonitor(roster.spec, loss, roster.budget.error_rate(""), roster.ledger), known)

    def forget(self, version: str) -> None:
        """This version is judged from here on."""
        self.watched.pop(version, None)

    def declare(self) -> None:
        """Another number of false alarms per row is accepted."""
        for one in self.watched.values():
            one.errors.declare(self._roster.budget.error_rate(""))

    def snapshot(self) -> dict[str, Any]:
        """Monitors and counts."""
        return {
            version: [one.errors.snapshot(), one.labelled.snapshot(), one.last_row]
            for version, one in self.watched.items()
        }

    def restore(self, state: dict[str, Any], references: References) -> None:
        """Take up where `snapshot` left off."""
        for version, (errors, labelled, last_row) in state.items():
            one = self.watched[version] = self._made(version, references)
            one.errors.restore(errors)
            one.labelled.restore(labelled)
            one.last_row = last_row
