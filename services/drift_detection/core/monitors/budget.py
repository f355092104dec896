"""The budget of false alarms, split over all that could raise one.

Why a constant level at every look (Bonferroni over time) and not online FDR: a budget is a number a
month, and FDR bounds a share of the alarms, which is no number. And by measurement (`driftloop bench
budget`, 100 columns): after 100,000 quiet rows the constant level finds a small shift in 95 % of runs,
LORD++, SAFFRON and ADDIS in 50 to 85 %, because their wealth dwindles while nothing happens. None of
them raised a false alarm there.
"""

from dataclasses import dataclass, replace
from typing import Self

from drift_detection.core.monitors.traffic import FALLBACK
from drift_detection.core.sliding_windows import QUARTERS
from driftloop.spec.model_spec import MONITORS, ModelSpec

MOST = 1e-4
"""False alarms per row that are never exceeded, however generous the budget."""
LOOKS = 2
"""Looks at the longer windows cost together as much again as those at the short ones."""


@dataclass(frozen=True, slots=True)
class Budget:
    """False alarms a month of one model: half for its losses, half for its columns.

    Half of either part belongs to the whole model, the rest to its segments (all of it to the model
    where it has none). A sum of shares bounds the whole whatever depends on what (Bonferroni). Columns
    have equal shares, those of labels too; only their rows are others.
    `tests` look at each column of a window; `rows` and `labelled_rows` are those that a month brings.
    """

    per_month: float
    segment_fields: int = 0
    tests: int = len(MONITORS)
    rows: float = FALLBACK
    labelled_rows: float = FALLBACK

    @classmethod
    def of(cls, spec: ModelSpec) -> Self:
        """The model's share of its fleet's budget."""
        detection = spec.detection
        share = detection.false_alarms_per_month / detection.fleet_models
        return cls(share, len(spec.segments), len(detection.monitors)).at(rows=FALLBACK, labelled_rows=FALLBACK)

    def at(self, *, rows: float, labelled_rows: float) -> Self:
        """The same budget for other monthly row counts, capped at one false alarm in 10,000 rows."""
        fewest = self.per_month / MOST
        return replace(self, rows=max(rows, fewest), labelled_rows=max(labelled_rows, fewest))

    def _part(self, rows: float, segment: str) -> float:
        half = self.per_month / rows / 2
        if not self.segment_fields:
            return half
        return half / 2 / self.segment_fields if segment else half / 2

    def error_rate(self, segment: str) -> float:
        """False alarms per labelled row of a segment's losses."""
        return self._part(self.labelled_rows, segment)

    def window_level(self, segment: str, columns: int, window_rows: int, *, labelled: bool = False) -> float:
        """Level of one test on one of `columns` columns of one window, of rows or of labelled rows."""
        block_rows = max(window_rows // QUARTERS, 1)
        rows = self.labelled_rows if labelled else self.rows
        return self._part(rows, segment) * block_rows / (max(columns, 1) * self.tests * LOOKS)
