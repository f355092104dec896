"""What to watch in a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """The columns of a file of recorded outcomes, by what they hold.

    Without `id` a row's number is its id; without `time` rows are a minute apart, in the order of the file;
    without `version` all rows are of one version. `baseline_rows` first rows of each version are its
    reference. `threshold` turns a column of probabilities into classes.
    """

    prediction: str
    label: str | None = None
    id: str | None = None
    time: str | None = None
    labelled_at: str | None = None
    version: str | None = None
    confidence: str | None = None
    segments: Sequence[str] = ()
    features: Sequence[str] = ()
    without: Sequence[str] = ()
    task: str | None = None
    baseline_rows: int | None = None
    threshold: float = 0.5
    model_id: str = "recorded"
    detection: Mapping[str, Any] = field(default_factory=dict)

    @property
    def roles(self) -> tuple[str, ...]:
        """The columns that are one thing each."""
        single = (self.prediction, self.label, self.id, self.time, self.version, self.confidence)
        return tuple(name for name in single if name is not None)

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that are no features."""
        single = (self.prediction, self.label, self.id, self.time, self.labelled_at, self.version, self.confidence)
        return (*(name for name in single if name is not None), *self.segments, *self.without)
