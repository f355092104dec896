"""Hour-of-week references: what a feature was at that hour of the week, so that nights are compared with nights.

Without one, a season is part of the scatter: windows have to be allowed to differ as much as day and night do,
and a change must be larger than that to be found.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from driftloop.contracts.model_profiles import NumericProfile, SeasonProfile

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HOURS = 168
WHOLE_ROWS = 2.0
"""An hour's mean and variance are those of its rows and of so many rows more that are like the whole."""
_HOUR_MS = 3_600_000
_FIRST_MONDAY = 72
"""Hours by which 1 January 1970 came after a Monday."""
_DIGITS = 5
_LEAST = 1e-6
"""Least variance within an hour, beside that of the whole."""


def hours_of_week(at: Ints) -> Ints:
    """The hour of the week, from Monday 0:00 UTC, of moments in milliseconds since 1970.

    >>> moments = np.array(["2026-01-05T00:59", "2026-01-11T23:00"], dtype="datetime64[ms]")
    >>> hours_of_week(moments.astype(np.int64)).tolist()
    [0, 167]
    """
    return (at // _HOUR_MS + _FIRST_MONDAY) % HOURS


@dataclass(frozen=True, slots=True)
class Season:
    """Mean and standard deviation of each hour of the week."""

    means: Floats
    deviations: Floats

    @classmethod
    def of(cls, profile: SeasonProfile) -> Self:
        """The season in a profile."""
        return cls(np.array(profile.means), np.array(profile.deviations))

    def removed(self, values: Floats, hours: Ints) -> Floats:
        """Values less what is usual at their hour, in the standard deviations of that hour; NaN stays NaN.

        >>> nights_are_quiet = Season(np.repeat([1.0, 10.0], 84), np.repeat([0.5, 2.0], 84))
        >>> nights_are_quiet.removed(np.array([2.0, 8.0]), np.array([3, 100])).tolist()
        [2.0, -1.0]
        """
        return (values - self.means[hours]) / self.deviations[hours]


def learnt_season(values: Floats, at: Ints) -> tuple[Season, Floats] | None:
    """The season of values (NaN is missing) at moments in milliseconds, and the values without it.

    An hour with few rows leans on the whole, one without any is as the whole. From each value that season is
    removed which the *other* weeks show: a season that the value itself is part of takes away too much of it, and
    rows to come would scatter more than the reference says. None if the values do not vary.
    """
    present = ~np.isnan(values)
    known, hours = values[present], hours_of_week(at[present])
    mean, deviation = (float(known.mean()), float(known.std())) if len(known) else (0.0, 0.0)
    if deviation <= 0:
        return None
    standard = (known - mean) / deviation
    _, stretches = np.unique(at[present] // _HOUR_MS, return_inverse=True)
    by_hour, by_stretch = _sums(hours, standard, HOURS), _sums(stretches, standard, int(stretches.max()) + 1)
    within = 1 - float(np.sum(by_hour[1] ** 2 / np.maximum(by_hour[0], 1))) / len(known)
    centre, scatter = _usual(by_hour, within)
    other_centre, other_scatter = _usual(by_hour[:, hours] - by_stretch[:, stretches], within)
    rest = np.full(len(values), np.nan)
    rest[present] = (standard - other_centre) / other_scatter
    return Season(mean + deviation * centre, deviation * scatter), rest


def _sums(places: Ints, values: Floats, count: int) -> Floats:
    """Rows, sum and sum of squares (3 × count) of the values at each place."""
    return np.stack([np.bincount(places, weights, count) for weights in (np.ones(len(values)), values, values**2)])


def _usual(sums: Floats, within: float) -> tuple[Floats, Floats]:
    """Mean and standard deviation of the hours with these sums; the whole has mean 0 and variance 1.

    What an hour's own rows leave open of the variance is taken from that within hours, `within`, as far as there
    are rows at all, else from the whole.
    """
    rows = np.maximum(sums[0], 1)
    own = np.maximum(sums[2] / rows - (sums[1] / rows) ** 2, 0)
    open_ = WHOLE_ROWS / (sums[0] + WHOLE_ROWS)
    beside = (1 - open_) * within + open_
    return (1 - open_) * sums[1] / rows, np.sqrt(np.maximum((1 - open_) * own + open_ * beside, _LEAST))


def as_profile(season: Season, values: NumericProfile) -> SeasonProfile:
    """The season as a profile holds it; `values` is the profile of the values without it."""
    means, deviations = (tuple(_short(column)) for column in (season.means, season.deviations))
    return SeasonProfile(means=means, deviations=deviations, values=values)


def _short(column: Floats) -> list[float]:
    """Numbers of five digits: a profile has 336 of them for each feature."""
    return [float(f"{value:.{_DIGITS}g}") for value in column.tolist()]
