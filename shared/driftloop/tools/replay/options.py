"""What a replay is asked to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from driftloop.errors import UserError
from driftloop.files.options import FileOptions
from driftloop.tools.replay.archived import Archived
from driftloop.tools.replay.choices import Choices

LOCKSTEP, AS_FAST_AS_POSSIBLE = "lockstep", "max"


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """A file, what to predict in it, and how to stream it.

    `train_rows` and `block_rows` default to functions of the file's size (`driftloop.tools.replay.inference`).
    `label_delay_rows`: a row's label is published once so many later rows were predicted. `pace` is
    `lockstep`, `max`, or rows a second. Rows are dated by the file's own time where it has one and no `interval`
    is given; else one comes every `interval` (a minute).
    """

    file: str | Path
    target: str
    task: str | None = None
    features: Sequence[str] = ()
    without: Sequence[str] = ()
    ids: Sequence[str] = ()
    time: str | None = None
    categories: Sequence[str] = ()
    reading: FileOptions | Archived = field(default_factory=FileOptions)
    train_rows: int | None = None
    learner: str = "random-forest"
    learner_parameters: Mapping[str, Any] = field(default_factory=dict)
    policy: str = "default"
    label_delay_rows: int = 0
    pace: str = LOCKSTEP
    block_rows: int | None = None
    interval: timedelta | None = None
    model_id: str | None = None

    def choices(self) -> Choices:
        """What is said about the columns."""
        return Choices(
            self.target,
            self.task,
            tuple(self.features),
            tuple(self.without),
            tuple(self.ids),
            self.time,
            tuple(self.categories),
        )

    def rows_per_second(self) -> float | None:
        """The pace as a number, or None for `lockstep` and `max`; raises UserError for anything else."""
        if self.pace in (LOCKSTEP, AS_FAST_AS_POSSIBLE):
            return None
        try:
            rate = float(self.pace)
        except ValueError:
            rate = 0.0
        if rate <= 0:
            raise UserError(f"--pace is lockstep, max or rows a second; {self.pace} is none of them.", 2)
        return rate
