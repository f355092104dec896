"""The values of one series, and what they say of a forecast. Pure: no batch and no state entry is known here."""

from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass, field
from typing import NamedTuple

from outcome_ingestion.core.decode.lists.series_labels import Steps


class Told(NamedTuple):
    """What is known of one time: the value, when it was told, and by whom."""

    value: float
    at: int
    source: str


@dataclass(frozen=True, slots=True)
class Reach:
    """The steps of a forecast in time, in microseconds. A value is of the step that it is nearest to, of two the later.

    >>> reach = Reach(horizon=2, step_us=10)
    >>> [reach.step_of(100, at) for at in (104, 105, 114, 115, 124, 125)]
    [0, 1, 1, 2, 2, 3]
    >>> reach.first(100), reach.last(100), reach.end(100)
    (105, 115, 125)
    """

    horizon: int
    step_us: int

    def step_of(self, predicted_at: int, at: int) -> int:
        """The step that a time is of: 1 to `horizon` where the forecast says something of it."""
        return (2 * (at - predicted_at) + self.step_us) // (2 * self.step_us)

    def first(self, predicted_at: int) -> int:
        """The earliest time that is of the first step."""
        return predicted_at + _half(self.step_us)

    def last(self, predicted_at: int) -> int:
        """The earliest time that is of the last step."""
        return predicted_at + _half((2 * self.horizon - 1) * self.step_us)

    def end(self, predicted_at: int) -> int:
        """The earliest time that is past the last step."""
        return predicted_at + _half((2 * self.horizon + 1) * self.step_us)


def _half(doubled: int) -> int:
    return (doubled + 1) // 2


class Truth(NamedTuple):
    """The truth of a forecast: its steps, when the newest of them was told, and by whom."""

    steps: Steps
    at: int
    source: str


@dataclass(slots=True)
class Series:
    """What is remembered of a series. `times` ascend, in microseconds."""

    times: list[int] = field(default_factory=list)
    told: dict[int, Told] = field(default_factory=dict)
    limit: int = 0
    """The latest time that said where the series is when its last value came."""

    @property
    def reached(self) -> int:
        """Where the series was when its last value came."""
        return self.reached_by(self.limit)

    def reached_by(self, limit: int) -> int:
        """The time that two values up to a limit have reached: one absurd time says nothing of where the series is.

        >>> Series([10, 20, 30, 900, 901]).reached_by(500)
        20
        """
        count = bisect_right(self.times, limit)
        return self.times[count - 2] if count > 1 else 0

    def put(self, at: int, told: Told) -> None:
        """What is known of a time from now on."""
        if at not in self.told:
            insort(self.times, at)
        self.told[at] = told

    def forget(self, times: list[int]) -> None:
        """These times are remembered no longer."""
        for at in times:
            del self.told[at]
        self.times = sorted(self.told)

    def is_complete(self, predicted_at: int, reach: Reach) -> bool:
        """Whether a forecast is known: its last step, or two values of what came after it."""
        return self.reached >= reach.end(predicted_at) or self.has_last(predicted_at, reach)

    def has_last(self, predicted_at: int, reach: Reach) -> bool:
        """Whether its last step is known."""
        return bool(self._between(reach.last(predicted_at), reach.end(predicted_at)))

    def truth_of(self, predicted_at: int, reach: Reach) -> Truth | None:
        """The steps of a forecast, null where nothing is known; None where nothing is known of any.

        Of several values of one step the nearest to its time counts, of two the later.
        """
        steps: Steps = [None] * reach.horizon
        newest = (0, "")
        nearest: dict[int, int] = {}
        for at in self._between(reach.first(predicted_at), reach.end(predicted_at)):
            told = self.told[at]
            step = reach.step_of(predicted_at, at)
            away = abs(at - predicted_at - step * reach.step_us)
            newest = max(newest, (told.at, told.source))
            if away <= nearest.get(step, away):
                nearest[step], steps[step - 1] = away, told.value
        return Truth(steps, *newest) if nearest else None

    def _between(self, first: int, end: int) -> list[int]:
        return self.times[bisect_left(self.times, first) : bisect_left(self.times, end)]
