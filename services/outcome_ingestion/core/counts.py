"""What ingestion has done so far, as plain numbers. The metrics read them; the core only adds."""

from bisect import bisect_left
from dataclasses import dataclass, field

from outcome_ingestion.core.absent_features import AbsentFeatures

DELAY_BOUNDS_SECONDS = (1.0, 10.0, 60.0, 600.0, 3600.0, 6 * 3600.0, 86_400.0, 3 * 86_400.0, 7 * 86_400.0, 30 * 86_400.0)


@dataclass(slots=True)
class DelayHistogram:
    """Seconds from a prediction to its label: rows by bound (the last is beyond all), and their sum."""

    rows: list[int] = field(default_factory=lambda: [0] * (len(DELAY_BOUNDS_SECONDS) + 1))
    seconds: float = 0.0

    def add(self, delay_us: int) -> None:
        """One more label."""
        seconds = max(0.0, delay_us / 1e6)
        self.rows[bisect_left(DELAY_BOUNDS_SECONDS, seconds)] += 1
        self.seconds += seconds


@dataclass(slots=True)
class IngestCounts:
    """Totals since the start of the process. A batch that was aborted and done again counts twice."""

    records: int = 0
    rows: dict[tuple[str, str], int] = field(default_factory=dict)
    """Rows framed, by model and event: labels beside predictions say how mature a model's figures are."""
    frames: int = 0
    frame_bytes: int = 0
    missing_features: dict[str, int] = field(default_factory=dict)
    """Values of declared features that were missing, by model."""
    absent_features: dict[str, AbsentFeatures] = field(default_factory=dict)
    """How often each declared feature was missing of late, by model, from the first frame that lacked one."""
    without_segment: dict[tuple[str, str], int] = field(default_factory=dict)
    """Rows that do not say their value of a declared segment, by model and segment."""
    reused_ids: dict[str, int] = field(default_factory=dict)
    """Predictions, by model, whose id an earlier one had."""
    partly_labelled: dict[str, int] = field(default_factory=dict)
    """Rows, by model, that came with the truths of some of their target's fields and not all."""
    ahead: dict[str, int] = field(default_factory=dict)
    """Rows and labels, by model, whose time is ahead of the log's, or of all others'."""
    delays: dict[str, DelayHistogram] = field(default_factory=dict)
    """By model."""
