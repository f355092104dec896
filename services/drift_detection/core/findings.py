"""What a frame brought: alarms on losses, shifts of columns, closed loss blocks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from drift_detection.core.losses.blocks import Block
from drift_detection.core.monitors.combined import CombinedAlarm
from drift_detection.core.monitors.error_monitor import Alarm
from drift_detection.core.row_index import Step
from drift_detection.core.windows.bins import ColumnBins
from drift_detection.core.windows.reference import Reference
from drift_detection.core.windows.shift import Shift

References = Mapping[str, Reference | None]
"""Version → what its profile says, None where it has no profile."""


@dataclass(frozen=True, slots=True)
class Harm:
    """An alarm on losses, with its segment, version and row."""

    segment: str
    version: str
    alarm: Alarm
    raised: Step
    onset: Step
    """The first of the rows that the alarm's figures are of."""
    lag: int
    parts: dict[str, float] = field(default_factory=dict)
    """Segments' parts in the added loss, of an alarm of the whole model."""
    detector: str = ""
    """The error detector that alarmed, or the rule of a preset."""
    by_rule: bool = False
    beside: bool = False
    """Whether the version only shares traffic with the one that is judged."""


@dataclass(frozen=True, slots=True)
class Change:
    """A shift of columns, with its segment, version and row, and whether that row had its label."""

    segment: str
    version: str
    column: ColumnBins
    shift: Shift
    raised: Step
    labelled: bool = True


@dataclass
class Findings:
    """What a frame brought."""

    harms: list[Harm] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    combined: tuple[CombinedAlarm, Step] | None = None
    """The combined score went over its limit, and the row as of which it did."""
    segments: set[str] = field(default_factory=set)
    numbered_elsewhere: str | None = None
    """Beside the version that the status is about: the highest without a profile that is named as driftloop names its
    own."""
