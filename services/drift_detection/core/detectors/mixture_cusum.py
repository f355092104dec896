"""CUSUM for 0/1 errors against several sizes of rise at once."""

from math import log

import numpy as np

from drift_detection.core.detectors.cusum import ONE, Cusum, Integers
from drift_detection.core.detectors.level import Level
from drift_detection.core.detectors.protocol import Floats, LossReference
from drift_detection.core.detectors.watch import WatchingDetector
from drift_detection.core.loops.kernels import FRAME

ROOM = 0.1
_FEW = 64
"""Losses that no compiled loop is called for."""
ODDS_RATIOS = (1.3, 1.5, 2.0, 3.0, 5.0)


class MixtureCusum(WatchingDetector):
    """CUSUM for 0/1 errors, one sum for each of five odds ratios of the rise.

    Losses are 0 or 1; anything else is refused with ValueError.

    Parameters
    ----------
    reference
        What is known of the losses before the version serves.
    false_alarm_rate
        False alarms per row that are accepted on stationary losses. Without it, the model's budget sets it.
    learning_rows
        Reference rows before anything is judged.
    doubt
        Standard errors that are added to the reference mean.
    slack
        Nats that are added to the threshold `log(1 / false_alarm_rate)`: -1.3 was measured to bring the rate of
        false alarms to the declared one, 0 keeps the bound.

    Examples
    --------
    >>> from drift_detection.core.detectors.protocol import LossReference
    >>> detector = MixtureCusum(LossReference(rows=1000, mean=0.1, variance=0.09))
    >>> detector.update_many(np.zeros(100)), detector.update_many(np.ones(100))
    (None, 10)

    References
    ----------
    Page 1954, Continuous inspection schemes. Lorden 1971, Procedures for reacting to a change in
    distribution: a sum for each of a few alternatives loses little against knowing the right one.
    """

    def __init__(
        self,
        reference: LossReference = LossReference(),  # noqa: B008 - frozen
        *,
        false_alarm_rate: float = 1e-6,
        learning_rows: float = 30,
        doubt: float = 3.0,
        slack: float = -1.3,
    ) -> None:
        super().__init__(
            _ErrorsOfRows(),
            reference,
            false_alarm_rate=false_alarm_rate,
            learning_rows=learning_rows,
            doubt=doubt,
            slack=slack,
        )


class _ErrorsOfRows:
    """Losses that are 0 or 1 (`drift_detection.core.detectors.levels.LossModel`)."""

    unit = 1.0
    components = len(ODDS_RATIOS)

    def as_level(self, reference: LossReference) -> Level:
        errors = round(reference.mean * reference.rows)
        return Level(reference.rows, errors, errors, 0)

    def whole(self, values: Floats) -> Integers:
        ones = values == 1.0
        if not (ones | (values == 0.0)).all():
            raise ValueError("a 0/1 detector takes losses that are 0 or 1")
        losses: Integers = ones.astype(np.int64)
        return losses

    def tally(self, losses: Integers, previous: int) -> Level:  # noqa: ARG002 - neighbours are not looked at
        errors = int(losses.sum())
        return Level(len(losses), errors, errors)

    def mean_of(self, level: Level) -> float:
        return level.mean

    def spread(self, level: Level) -> float:
        return level.mean * (1 - level.mean)

    def room(self, level: Level) -> float:
        return ROOM * self.spread(level)

    def correlation(self, level: Level) -> float:  # noqa: ARG002 - neighbours are not looked at
        return 0.0

    def aim(self, mean: float, level: Level) -> None:  # noqa: ARG002 - a 0/1 mean says it all
        base = min(max(mean, 1e-6), 0.99)
        risen = [ratio * base / (1 - base + ratio * base) for ratio in ODDS_RATIOS]
        self._up = np.array([round(log(rise / base) * ONE) for rise in risen], np.int64)
        self._down = np.array([round(log((1 - base) / (1 - rise)) * ONE) for rise in risen], np.int64)

    def judge(self, losses: Integers, previous: int, cusum: Cusum, limit: int) -> int | None:  # noqa: ARG002
        kernel = FRAME.loaded() if len(losses) > _FEW else None
        if kernel is not None:
            cusum.sums, cusum.age = cusum.sums.copy(), cusum.age.copy()
            row = int(kernel.add_evidence(losses, self._up, self._down, limit, cusum.sums, cusum.age))
            return row if row >= 0 else None
        return cusum.take_events(np.flatnonzero(losses), len(losses), self._up, self._down, limit)
