"""CUSUM for 0/1 errors against several sizes of rise at once."""

from math import log

import numpy as np

from drift_detection.core.detectors.cusum import ONE, Integers
from drift_detection.core.detectors.level import Level
from drift_detection.core.detectors.protocol import Floats, LossReference
from drift_detection.core.detectors.watch import WatchingDetector

ROOM = 0.1
ODDS_RATIOS = (1.3, 1.5, 2.0, 3.0, 5.0)


class MixtureCusum(WatchingDetector):
    """CUSUM for 0/1 errors, one sum for each of five odds ratios of the rise.

    Parameters as in `WatchingDetector`. Losses are 0 or 1; anything else is refused with ValueError.

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

    unit = 1.0
    components = len(ODDS_RATIOS)

    def __init__(
        self,
        reference: LossReference = LossReference(),  # noqa: B008 - frozen
        *,
        false_alarm_rate: float = 1e-6,
        learning_rows: float = 30,
        doubt: float = 3.0,
        slack: float = -1.3,
    ) -> None:
        super().__init__(reference, false_alarm_rate, learning_rows, doubt, slack)

    def _as_level(self, reference: LossReference) -> Level:
        errors = round(reference.mean * reference.rows)
        return Level(reference.rows, errors, errors, 0)

    def _whole(self, values: Floats) -> Integers:
        ones = values == 1.0
        if not (ones | (values == 0.0)).all():
            raise ValueError("a 0/1 detector takes losses that are 0 or 1")
        losses: Integers = ones.astype(np.int64)
        return losses

    def _mean_of(self, level: Level) -> float:
        return level.mean

    def _tally(self, losses: Integers) -> Level:
        errors = int(losses.sum())
        return Level(len(losses), errors, errors)

    def _spread(self, level: Level) -> float:
        return level.mean * (1 - level.mean)

    def _room(self, level: Level) -> float:
        return ROOM * self._spread(level)

    def _correlation(self) -> float:
        return 0.0

    def _aim(self, mean: float, level: Level) -> None:  # noqa: ARG002 - a 0/1 mean says it all
        base = min(max(mean, 1e-6), 0.99)
        risen = [ratio * base / (1 - base + ratio * base) for ratio in ODDS_RATIOS]
        self._up = np.array([round(log(rise / base) * ONE) for rise in risen], np.int64)
        self._down = np.array([round(log((1 - base) / (1 - rise)) * ONE) for rise in risen], np.int64)

    def _judge(self, losses: Integers) -> int | None:
        return self._cusum.take_events(np.flatnonzero(losses), len(losses), self._up, self._down, self._limit)
