"""An e-detector for bounded losses: bets that the mean has risen, and starts a new bet when one is lost."""

import numpy as np

from drift_detection.core.detectors.cusum import ONE, Cusum, Integers
from drift_detection.core.detectors.level import Level
from drift_detection.core.detectors.protocol import Floats, LossReference
from drift_detection.core.detectors.watch import WatchingDetector

STAKES = (0.1, 0.2, 0.4, 0.7, 1.1)
"""Rises, in standard deviations, that the bets are made for."""
STEPS = 1 << 16
"""Losses are counted in this many steps of their bound."""
ROOM = 0.03
_GREATEST_LOSS = 0.9
"""Share of its capital that a bet may lose in one row: a surprise far below what was expected counts no more."""


class BettingCusum(WatchingDetector):
    """E-detector for losses in 0…bound (regression, or a mean of fields); others are clipped.

    Each bet multiplies its capital by 1 + λ·u, where u is the loss beyond what the reference mean
    and the loss before it led to expect. While the mean is no higher, the expected factor is at
    most 1 whatever the shape of the losses, so a capital that is started anew whenever it falls
    below 1 reaches e^h once in e^h rows or less often. Neighbours' correlation is taken out by the
    expectation (first order).

    Parameters
    ----------
    reference
        What is known of the losses before the version serves; `bound` is where they are clipped.
    false_alarm_rate
        False alarms per row that are accepted on stationary losses. Without it, the model's budget sets it.
    learning_rows
        Reference rows before anything is judged.
    doubt
        Standard errors that are added to the reference mean.
    slack
        Nats that are added to the threshold `log(1 / false_alarm_rate)`: -0.5 was measured to bring the rate of
        false alarms to the declared one, 0 keeps the bound.

    Examples
    --------
    >>> from drift_detection.core.detectors.protocol import LossReference
    >>> losses = np.random.default_rng(1).exponential(size=3000)
    >>> detector = BettingCusum(LossReference(bound=10.0))
    >>> detector.update_many(losses), detector.update_many(losses + 1)
    (None, 21)

    References
    ----------
    Shin, Ramdas, Rinaldo 2023, E-detectors: a nonparametric framework for sequential change
    detection. Waudby-Smith, Ramdas 2023, Estimating means of bounded random variables by betting.
    """

    def __init__(
        self,
        reference: LossReference = LossReference(),  # noqa: B008 - frozen
        *,
        false_alarm_rate: float = 1e-6,
        learning_rows: float = 30,
        doubt: float = 3.0,
        slack: float = -0.5,
    ) -> None:
        super().__init__(
            _BoundedLosses(reference.bound),
            reference,
            false_alarm_rate=false_alarm_rate,
            learning_rows=learning_rows,
            doubt=doubt,
            slack=slack,
        )


class _BoundedLosses:
    """Losses in 0…bound, counted in steps of it (`drift_detection.core.detectors.levels.LossModel`)."""

    components = len(STAKES)

    def __init__(self, bound: float) -> None:
        self.unit = bound / STEPS

    def as_level(self, reference: LossReference) -> Level:
        rows, mean = reference.rows, reference.mean / self.unit
        power = reference.variance / self.unit**2 * max(rows - 1, 0)
        return Level(
            rows,
            round(mean * rows),
            round(power + mean * mean * rows),
            round(reference.lag_correlation * power + mean * mean * rows),
        )

    def whole(self, values: Floats) -> Integers:
        if not np.isfinite(values).all():
            raise ValueError("a detector takes finite losses")
        return np.rint(np.clip(values / self.unit, 0, STEPS)).astype(np.int64)

    def tally(self, losses: Integers, previous: int) -> Level:
        return Level.of(losses, previous)

    def mean_of(self, level: Level) -> float:
        return level.total / max(level.rows, 1)

    def spread(self, level: Level) -> float:
        return max(level.variance, (0.001 * STEPS) ** 2)

    def room(self, level: Level) -> float:
        return float(ROOM * np.sqrt(self.spread(level)))

    def correlation(self, level: Level) -> float:
        return level.lag_correlation

    def aim(self, mean: float, level: Level) -> None:
        self._mean = round(mean)
        self._carry = level.lag_correlation
        spread = float(np.sqrt(self.spread(level) * (1 - self._carry**2)))
        self._stakes = np.array(STAKES) / spread

    def judge(self, losses: Integers, previous: int, cusum: Cusum, limit: int) -> int | None:
        before = np.concatenate(([previous], losses[:-1]))
        surprise = (losses - self._mean) - self._carry * (before - self._mean)
        steps = np.log1p(np.maximum(np.multiply.outer(self._stakes, surprise), -_GREATEST_LOSS))
        return cusum.take_all(np.rint(steps * ONE).astype(np.int64), limit)
