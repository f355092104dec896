"""A detector that keeps its own reference: what it compares with, when it alarms, when it takes up again.

Three phases. *Learning*: too few reference rows, nothing is judged. *Watching*: losses are compared
with the reference; rows in which nothing stirs join it, so that it gets surer with time.
*Latched*: an alarm has been raised and the same drift gives no second one; the latch opens when the
losses stand still again, either back at the reference or at a new level that becomes the reference.
A fall below a raised reference brings the first one back. Every step between phases happens at a fixed
number of rows, so how rows were batched makes no difference.
"""

from dataclasses import asdict
from math import log

import numpy as np

from drift_detection.core.detectors.cusum import ONE, Cusum, Integers
from drift_detection.core.detectors.level import Level
from drift_detection.core.detectors.levels import Levels, LossModel
from drift_detection.core.detectors.protocol import DetectorDefaults, Floats, LossReference, State

STRIDE = 250
"""Rows between two looks at the reference."""
SETTLING = 8
"""Strides, after an alarm, that are compared (first half with second) to tell whether losses stand still."""


class WatchingDetector(DetectorDefaults):
    """The phases; `model` adds how losses become whole numbers, and evidence.

    Parameters
    ----------
    false_alarm_rate
        False alarms per row that are accepted on stationary losses: the threshold follows from it.
    learning_rows
        Reference rows before anything is judged.
    doubt
        Standard errors of the reference mean that are added to it: its uncertainty counted in.
    slack
        Nats that are added to the threshold `log(1 / false_alarm_rate)`. That threshold is a bound; below zero,
        `slack` takes back what the bound is too careful by, as measured on stationary losses
        (`driftloop bench detectors`). Zero keeps the bound.
    """

    least_stride = STRIDE
    """Losses between two looks, at least."""

    def __init__(
        self,
        model: LossModel,
        reference: LossReference,
        *,
        false_alarm_rate: float,
        learning_rows: float,
        doubt: float,
        slack: float,
    ) -> None:
        if not 0 < false_alarm_rate < 0.1:
            raise ValueError(f"false_alarm_rate is a share of rows between 0 and 0.1, not {false_alarm_rate}")
        self._model = model
        self._learning_rows = int(learning_rows)
        self._doubt, self._slack = doubt, slack
        self._tolerance = reference.tolerance
        self.declare(false_alarm_rate)
        self._levels = Levels(model, model.as_level(reference))
        self._pending = Level()
        self._settling: list[Level] = []
        self._latched = False
        self._rows = 0
        self._previous = 0
        self._cusum = Cusum.empty(model.components)
        self._refer()

    def declare(self, false_alarm_rate: float) -> None:
        """Accept this many false alarms per row from here on; the evidence so far stays."""
        self._rate = false_alarm_rate
        self._limit = round((log(1 / false_alarm_rate) + self._slack) * ONE)

    @property
    def average_run_length(self) -> float | None:
        """Rows between false alarms: the inverse of the declared rate."""
        return 1 / self._rate

    @property
    def statistic(self) -> float:
        """Nats of evidence for a rise."""
        return float(self._cusum.sums.max()) / ONE

    @property
    def threshold(self) -> float:
        """Nats at which the alarm goes off."""
        return self._limit / ONE

    @property
    def onset_rows_ago(self) -> int:
        """Rows since the strongest sum last stood at zero."""
        return int(self._cusum.age[int(self._cusum.sums.argmax())])

    @property
    def reference_level(self) -> tuple[float, int]:
        """Mean loss and rows of the reference."""
        level = self._levels.in_use
        return self._model.mean_of(level) * self._model.unit, level.rows

    @property
    def first_level(self) -> tuple[float, int] | None:
        """Mean loss and rows of the first reference, to which losses come back when a drift is over."""
        level = self._levels.initial
        return self._model.mean_of(level) * self._model.unit, level.rows

    @property
    def latched(self) -> bool | None:
        """Whether a rise stands: from the alarm until the losses are back at the first reference."""
        return self._latched or self._levels.raised is not None

    @property
    def is_learning(self) -> bool:
        """Whether the reference has too few rows to judge by."""
        return self._levels.in_use.rows < self._learning_rows

    def update(self, value: float) -> bool:
        """Take in one loss; true if the alarm goes off."""
        return self.update_many(np.array([value], dtype=np.float64)) is not None

    def update_many(self, values: Floats) -> int | None:
        """Take in losses up to and including the first alarm; its index, or None."""
        losses = self._model.whole(np.asarray(values, dtype=np.float64))
        start = 0
        while start < len(losses):
            stride = self._stride()
            stop = min(len(losses), start + stride - self._pending.rows % stride)
            alarm = self._take(losses[start:stop])
            if alarm is not None:
                return start + alarm
            start = stop
        return None

    def _stride(self) -> int:
        least = self.least_stride
        if self._latched or self._levels.raised:
            return least
        return max(least, min(self._levels.in_use.rows // 8 // least * least, 1 << 14))

    def _take(self, losses: Integers) -> int | None:
        alarm = None
        if not self._latched and not self.is_learning:
            alarm = self._model.judge(losses, self._previous, self._cusum, self._limit)
        taken = losses if alarm is None else losses[: alarm + 1]
        self._pending += self._model.tally(taken, self._previous)
        self._previous = int(taken[-1])
        self._rows += len(taken)
        if alarm is not None:
            self._latched, self._settling, self._pending = True, [], Level()
        elif self._pending.rows % self._stride() == 0:
            self._look()
        return alarm

    def _look(self) -> None:
        if self._latched:
            self._see_whether_settled()
        elif self._levels.raised is not None:
            self._see_whether_back()
        elif self.is_learning or self._cusum.sums.max() < self._limit // 4:
            self._levels.learned += self._pending
            self._pending = Level()
            self._refer()

    def _see_whether_settled(self) -> None:
        self._settling = [*self._settling, self._pending][-SETTLING:]
        self._pending = Level()
        if len(self._settling) < SETTLING:
            return
        older = sum(self._settling[: SETTLING // 2], Level())
        newer = sum(self._settling[SETTLING // 2 :], Level())
        both = older + newer
        if self._model.mean_of(newer) > self._model.mean_of(older):
            return
        self._latched = False
        self._levels.raised = None if self._levels.is_back(both) else both
        self._cusum = Cusum.empty(self._model.components)
        self._refer()

    def _see_whether_back(self) -> None:
        levels = self._levels
        self._settling = [*self._settling, self._pending][-SETTLING // 2 :]
        recent = sum(self._settling, Level())
        if recent.rows and levels.is_back(recent):
            levels.raised = None
            self._cusum = Cusum.empty(self._model.components)
        elif levels.raised is not None and self._cusum.sums.max() < self._limit // 4:
            levels.raised += self._pending
        self._pending = Level()
        self._refer()

    def _refer(self) -> None:
        self._levels.aim(self._doubt, self._tolerance)

    def snapshot(self) -> State:
        """All that changes, as JSON."""
        levels = self._levels
        return {
            "first": asdict(levels.first),
            "learned": asdict(levels.learned),
            "pending": asdict(self._pending),
            "raised": None if levels.raised is None else asdict(levels.raised),
            "settling": [asdict(level) for level in self._settling],
            "latched": self._latched,
            "rows": self._rows,
            "previous": self._previous,
            "sums": self._cusum.sums.tolist(),
            "age": self._cusum.age.tolist(),
        }

    def restore(self, state: State) -> None:
        """Take up where `snapshot` left off."""
        levels = self._levels
        levels.first, levels.learned, self._pending = (Level(**state[key]) for key in ("first", "learned", "pending"))
        levels.raised = None if state["raised"] is None else Level(**state["raised"])
        self._settling = [Level(**level) for level in state["settling"]]
        self._latched, self._rows, self._previous = state["latched"], state["rows"], state["previous"]
        self._cusum = Cusum(np.array(state["sums"], np.int64), np.array(state["age"], np.int64))
        self._refer()
