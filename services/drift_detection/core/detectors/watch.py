"""A detector that keeps its own reference: what it compares with, when it alarms, when it takes up again.

Three phases. *Learning*: too few reference rows, nothing is judged. *Watching*: losses are compared
with the reference; rows in which nothing stirs join it, so that it gets surer with time.
*Latched*: an alarm has been raised and the same drift gives no second one; the latch opens when the
losses stand still again, either back at the reference or at a new level that becomes the reference.
A fall below a raised reference brings the first one back. Every step between phases happens at a fixed
number of rows, so how rows were batched makes no difference.
"""

from abc import ABC, abstractmethod
from dataclasses import asdict
from math import log, sqrt

import numpy as np

from drift_detection.core.detectors.cusum import ONE, Cusum, Integers
from drift_detection.core.detectors.level import Level
from drift_detection.core.detectors.protocol import Floats, LossReference, State

STRIDE = 250
"""Rows between two looks at the reference."""
SETTLING = 8
"""Strides, after an alarm, that are compared (first half with second) to tell whether losses stand still."""


class WatchingDetector(ABC):
    """The phases; a kind of loss adds how losses become whole numbers, and evidence.

    Parameters
    ----------
    false_alarm_rate
        False alarms per row that are accepted on stationary losses: the threshold follows from it.
    learning_rows
        Reference rows before anything is judged.
    doubt
        Standard errors of the reference mean that are added to it: its uncertainty counted in.
    """

    unit: float
    components: int

    def __init__(
        self, reference: LossReference, false_alarm_rate: float, learning_rows: float, doubt: float, slack: float
    ) -> None:
        if not 0 < false_alarm_rate < 0.1:
            raise ValueError(f"false_alarm_rate is a share of rows between 0 and 0.1, not {false_alarm_rate}")
        self._rate = false_alarm_rate
        self._learning_rows = int(learning_rows)
        self._doubt = doubt
        self._tolerance = reference.tolerance
        self._slack = slack
        self._limit = self._limit_of(false_alarm_rate)
        self._first = self._as_level(reference)
        self._learned = Level()
        self._level: tuple[tuple[Level, Level, Level | None], Level] = (Level(), Level(), None), Level()
        self._raised: Level | None = None
        self._pending = Level()
        self._settling: list[Level] = []
        self._latched = False
        self._rows = 0
        self._previous = 0
        self._cusum = Cusum.empty(self.components)
        self._refer()

    def _limit_of(self, false_alarm_rate: float) -> int:
        return round((log(1 / false_alarm_rate) + self._slack) * ONE)

    def declare(self, false_alarm_rate: float) -> None:
        """From here on, accept so many false alarms per row; the evidence so far stays."""
        self._rate, self._limit = false_alarm_rate, self._limit_of(false_alarm_rate)

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
        level = self._reference()
        return self._mean_of(level) * self.unit, level.rows

    @property
    def first_level(self) -> tuple[float, int]:
        """Mean loss and rows of the first reference, to which losses come back when a drift is over."""
        level = self._first + self._learned
        return self._mean_of(level) * self.unit, level.rows

    @property
    def latched(self) -> bool:
        """Whether a rise stands: from the alarm until the losses are back at the first reference."""
        return self._latched or self._raised is not None

    @property
    def is_learning(self) -> bool:
        """Whether the reference has too few rows to judge by."""
        return self._reference().rows < self._learning_rows

    def update(self, value: float) -> bool:
        """Take in one loss; true where the alarm goes off."""
        return self.update_many(np.array([value], dtype=np.float64)) is not None

    def update_many(self, values: Floats) -> int | None:
        """Take in losses up to and including the first alarm; its index, or None."""
        losses = self._whole(np.asarray(values, dtype=np.float64))
        start = 0
        while start < len(losses):
            stop = min(len(losses), start + self._until_look())
            alarm = self._take(losses[start:stop])
            if alarm is not None:
                return start + alarm
            start = stop
        return None

    def _stride(self) -> int:
        if self._latched or self._raised:
            return STRIDE
        return max(STRIDE, min(self._reference().rows // 8 // STRIDE * STRIDE, 1 << 14))

    def _until_look(self) -> int:
        stride = self._stride()
        return stride - self._pending.rows % stride

    def _take(self, losses: Integers) -> int | None:
        alarm = None
        if not self._latched and self._reference().rows >= self._learning_rows:
            alarm = self._judge(losses)
        taken = losses if alarm is None else losses[: alarm + 1]
        self._pending += self._tally(taken)
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
        elif self._raised is not None:
            self._see_whether_back()
        elif self._reference().rows < self._learning_rows or self._cusum.sums.max() < self._limit // 4:
            self._learned += self._pending
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
        if self._mean_of(newer) > self._mean_of(older):
            return
        self._latched = False
        self._raised = None if self._is_back(both) else both
        self._cusum = Cusum.empty(self.components)
        self._refer()

    def _see_whether_back(self) -> None:
        self._settling = [*self._settling, self._pending][-SETTLING // 2 :]
        recent = sum(self._settling, Level())
        if recent.rows and self._is_back(recent):
            self._raised = None
            self._cusum = Cusum.empty(self.components)
        elif self._raised is not None and self._cusum.sums.max() < self._limit // 4:
            self._raised += self._pending
        self._pending = Level()
        self._refer()

    def _is_back(self, recent: Level) -> bool:
        first = self._first + self._learned
        return self._mean_of(recent) <= self._mean_of(first) + self._error(first) + self._error(recent)

    def _reference(self) -> Level:
        """The level in use; sums of levels are exact, so it is put together only when its parts change."""
        parts = self._first, self._learned, self._raised
        if any(one is not other for one, other in zip(parts, self._level[0], strict=True)):
            self._level = parts, (self._first + self._learned if self._raised is None else self._raised)
        return self._level[1]

    def _error(self, level: Level) -> float:
        """Standard error of a mean, in whole-number units; neighbours that agree count for less."""
        correlation = max(self._correlation(), 0.0)
        return sqrt(self._spread(level) / max(level.rows, 1) * (1 + correlation) / (1 - correlation))

    def _refer(self) -> None:
        level = self._reference()
        doubt = max(0.0, self._doubt * self._error(level) - self._room(level))
        mean = self._mean_of(level) + doubt + self._tolerance / self.unit
        self._aim(mean, level)

    def _mean_of(self, level: Level) -> float:
        return level.total / max(level.rows, 1)

    def _tally(self, losses: Integers) -> Level:
        return Level.of(losses, self._previous)

    @abstractmethod
    def _as_level(self, reference: LossReference) -> Level: ...
    @abstractmethod
    def _whole(self, values: Floats) -> Integers: ...
    @abstractmethod
    def _spread(self, level: Level) -> float: ...
    @abstractmethod
    def _room(self, level: Level) -> float:
        """How far the true mean may lie above the reference before evidence gathers without a rise."""

    @abstractmethod
    def _correlation(self) -> float: ...
    @abstractmethod
    def _aim(self, mean: float, level: Level) -> None:
        """Set what the evidence is counted against."""

    @abstractmethod
    def _judge(self, losses: Integers) -> int | None: ...

    def snapshot(self) -> State:
        """All that changes, as JSON."""
        return {
            "first": asdict(self._first),
            "learned": asdict(self._learned),
            "pending": asdict(self._pending),
            "raised": None if self._raised is None else asdict(self._raised),
            "settling": [asdict(level) for level in self._settling],
            "latched": self._latched,
            "rows": self._rows,
            "previous": self._previous,
            "sums": self._cusum.sums.tolist(),
            "age": self._cusum.age.tolist(),
        }

    def restore(self, state: State) -> None:
        """Take up where `snapshot` left off."""
        self._first, self._learned, self._pending = (Level(**state[key]) for key in ("first", "learned", "pending"))
        self._raised = None if state["raised"] is None else Level(**state["raised"])
        self._settling = [Level(**level) for level in state["settling"]]
        self._latched, self._rows, self._previous = state["latched"], state["rows"], state["previous"]
        self._cusum = Cusum(np.array(state["sums"], np.int64), np.array(state["age"], np.int64))
        self._refer()
