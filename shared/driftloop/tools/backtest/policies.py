"""Policies to compare with: alarms taken at their word, and a debt without a probe."""

from dataclasses import dataclass, field
from typing import Any

from driftloop.tools.backtest.moment import Choice, Moment, Train


@dataclass(slots=True)
class Never:
    """Leaves the first model as it is."""

    def decide(self, moment: Moment) -> Choice | None:  # noqa: ARG002
        """Nothing, ever."""
        return None


@dataclass(slots=True)
class EveryBlock:
    """Retrains at the end of every block."""

    window: int

    def decide(self, moment: Moment) -> Choice | None:  # noqa: ARG002
        """Always."""
        return Train(self.window, "a block ended")


@dataclass(slots=True)
class EveryAlarm:
    """Retrains at every alarm of ADWIN (river's, delta 0.002) on the losses of what served.

    One-sided, an alarm counts only where the loss rose; then `wait` more labelled rows are waited
    for, so that the new model sees some of the new concept.
    """

    window: int
    one_sided: bool = False
    wait: int = 0
    _adwin: Any = None
    _due: int | None = field(default=None)

    def decide(self, moment: Moment) -> Choice | None:
        """Train where an alarm went off (and the wait is over)."""
        for row, loss in enumerate(moment.served / moment.table.unit, start=moment.first):
            if self._alarms(float(loss)) and self._due is None:
                self._due = row + self.wait
        if self._due is None or moment.last < self._due:
            return None
        self._due, self._adwin = None, None
        return Train(self.window, "ADWIN alarm")

    def _alarms(self, loss: float) -> bool:
        from river.drift import ADWIN

        if self._adwin is None:
            self._adwin = ADWIN(delta=0.002)
        before = self._adwin.estimation
        self._adwin.update(loss)
        return bool(self._adwin.drift_detected and not (self.one_sided and self._adwin.estimation <= before))


@dataclass(slots=True)
class ErrorDebt:
    """The plainest rule that knows the price: what was lost beyond the best mean loss of the first
    four blocks after a training is a debt; past two prices of it, it retrains."""

    window: int
    patience: float = 2.0
    _reference: float = float("inf")
    _blocks: int = 0
    _debt: float = 0.0

    def decide(self, moment: Moment) -> Choice | None:
        """Train where the debt has passed `patience` prices."""
        losses = moment.losses(moment.champion)
        if self._blocks < 4:
            self._reference = min(self._reference, float(losses.mean()))
            self._blocks += 1
        self._debt = max(0.0, self._debt + float(losses.sum()) - self._reference * len(losses))
        if self._debt <= self.patience * moment.price:
            return None
        self._reference, self._blocks, self._debt = float("inf"), 0, 0.0
        return Train(self.window, "error debt")
