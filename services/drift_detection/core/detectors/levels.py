"""What losses are compared with: the first reference, what was learnt since, and a level that losses rose to."""

from math import sqrt
from typing import Protocol

from drift_detection.core.detectors.cusum import Cusum, Integers
from drift_detection.core.detectors.level import Level
from drift_detection.core.detectors.protocol import Floats, LossReference


class LossModel(Protocol):
    """What a kind of loss adds to the phases of `WatchingDetector`: how losses become whole numbers, and evidence.

    `unit` is the loss that is counted as 1, `components` how many sums of evidence are kept.
    """

    unit: float
    components: int

    def as_level(self, reference: LossReference) -> Level:
        """The reference of a profile, in whole numbers."""
        ...

    def whole(self, values: Floats) -> Integers:
        """Losses in whole numbers; raises ValueError for one that cannot be judged."""
        ...

    def tally(self, losses: Integers, previous: int) -> Level:
        """The sums of some losses; `previous` is the loss before the first."""
        ...

    def mean_of(self, level: Level) -> float:
        """The mean of a level, in whole-number units."""
        ...

    def spread(self, level: Level) -> float:
        """The variance of a level."""
        ...

    def room(self, level: Level) -> float:
        """How far the true mean may lie above the reference before evidence gathers without a rise."""
        ...

    def correlation(self, level: Level) -> float:
        """Correlation of neighbours: those that agree count for less."""
        ...

    def aim(self, mean: float, level: Level) -> None:
        """Set what the evidence is counted against."""
        ...

    def judge(self, losses: Integers, previous: int, cusum: Cusum, limit: int) -> int | None:
        """Add the evidence of some losses; the place of the one that reaches the limit, or None."""
        ...


class Levels:
    """The reference of a detector. It grows while nothing stirs, and is replaced by a level that losses rose to."""

    def __init__(self, model: LossModel, first: Level) -> None:
        self.model = model
        self.first, self.learned = first, Level()
        self.raised: Level | None = None
        """The level that losses rose to and stand at; None where they are compared with the first reference."""
        self._put_together: tuple[tuple[Level, Level, Level | None], Level] = (Level(), Level(), None), Level()

    @property
    def initial(self) -> Level:
        """The first reference with all that was learnt."""
        return self.first + self.learned

    @property
    def in_use(self) -> Level:
        """What losses are compared with now; sums of levels are exact, so it is made only when its parts change."""
        parts = self.first, self.learned, self.raised
        if any(one is not other for one, other in zip(parts, self._put_together[0], strict=True)):
            self._put_together = parts, (self.initial if self.raised is None else self.raised)
        return self._put_together[1]

    def error(self, level: Level) -> float:
        """Standard error of a mean, in whole-number units; neighbours that agree count for less."""
        correlation = max(self.model.correlation(self.in_use), 0.0)
        return sqrt(self.model.spread(level) / max(level.rows, 1) * (1 + correlation) / (1 - correlation))

    def is_back(self, recent: Level) -> bool:
        """Whether losses are as low as the first reference again, within two standard errors."""
        initial, mean_of = self.initial, self.model.mean_of
        return mean_of(recent) <= mean_of(initial) + self.error(initial) + self.error(recent)

    def aim(self, doubt: float, tolerance: float) -> None:
        """Count evidence against the level in use, its uncertainty and the tolerance added."""
        level = self.in_use
        uncertainty = max(0.0, doubt * self.error(level) - self.model.room(level))
        self.model.aim(self.model.mean_of(level) + uncertainty + tolerance / self.model.unit, level)
