"""The budget of false alarms, split over all that could raise one."""

from dataclasses import dataclass

from drift_detection.core.windows.battery import TESTS
from drift_detection.core.windows.rings import QUARTERS
from driftloop.spec.model_spec import ModelSpec

ROWS_PER_MONTH = 1e6
"""Rows that count as a month: how many come is not known beforehand, and limits must not depend on when one asks."""
MOST = 1e-4
"""False alarms per row that are never exceeded, however generous the budget."""
LOOKS = 2
"""Looks at the longer windows cost together as much again as those at the short ones."""


@dataclass(frozen=True, slots=True)
class Budget:
    """False alarms per row of a model: half for its losses, half for its columns.

    Half of either part belongs to the whole model, the rest to its segments (all of it to the model
    where it has none). A sum of shares bounds the whole whatever depends on what (Bonferroni).
    """

    per_row: float
    segment_fields: int

    @classmethod
    def of(cls, spec: ModelSpec) -> "Budget":
        """The spec's budget, a million rows being a month."""
        return cls(min(spec.detection.false_alarms_per_month / ROWS_PER_MONTH, MOST), len(spec.segments))

    def _part(self, segment: str) -> float:
        half = self.per_row / 2
        if not self.segment_fields:
            return half
        return half / 2 / self.segment_fields if segment else half / 2

    def error_rate(self, segment: str) -> float:
        """False alarms per labelled row of a segment's losses."""
        return self._part(segment)

    def window_level(self, segment: str, columns: int, window_rows: int) -> float:
        """Level of one test on one column of one window."""
        block_rows = max(window_rows // QUARTERS, 1)
        return self._part(segment) * block_rows / (max(columns, 1) * len(TESTS) * LOOKS)
