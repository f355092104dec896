"""What an hour of the week is like, of few rows and of many."""

import numpy as np
import pytest

from driftloop.contracts.model_profiles import SeasonProfile
from driftloop.statistics.columns import numeric_profile
from driftloop.statistics.seasons import HOURS, Season, as_profile, hours_of_week, learnt_season

HOUR = 3_600_000


def weeks(count: int, a_hour: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(values, moments): nights are half as high as days, and scatter half as much."""
    at = np.arange(count * HOURS * a_hour, dtype=np.int64) * (HOUR // a_hour)
    day = np.where(hours_of_week(at) % 24 < 6, 1.0, 2.0)
    return 10 * day + day * np.random.default_rng(seed).normal(size=len(at)), at


def test_hours_that_were_seen_often_are_what_they_were() -> None:
    values, at = weeks(10, 20)
    found = learnt_season(values, at)
    assert found is not None
    season, rest = found
    nights = np.arange(HOURS) % 24 < 6
    assert season.means[nights] == pytest.approx(10, abs=0.35)
    assert season.means[~nights] == pytest.approx(20, abs=0.6)
    assert season.deviations[nights].mean() == pytest.approx(1.0, abs=0.15)
    assert season.deviations[~nights].mean() == pytest.approx(2.0, abs=0.1)
    assert rest.std() == pytest.approx(1.0, abs=0.05)


def test_an_hour_with_few_rows_leans_on_the_whole_and_one_without_is_as_the_whole() -> None:
    values, at = weeks(4, 10)
    hours = hours_of_week(at)
    kept = (hours != 3) & ((hours != 4) | (np.cumsum(hours == 4) <= 5))
    found = learnt_season(values[kept], at[kept])
    assert found is not None
    season, _ = found
    assert season.means[3] == pytest.approx(values[kept].mean())
    assert season.deviations[3] == pytest.approx(values[kept].std())
    assert season.means[2] < season.means[4] < season.means[3]


def test_the_rest_scatters_as_that_of_weeks_to_come() -> None:
    values, at = weeks(30, 2, seed=3)
    learnt = at < 3 * HOURS * HOUR
    found = learnt_season(values[learnt], at[learnt])
    assert found is not None
    season, rest = found
    coming = season.removed(values[~learnt], hours_of_week(at[~learnt]))
    assert rest.std() == pytest.approx(coming.std(), rel=0.1)
    naive = season.removed(values[learnt], hours_of_week(at[learnt]))
    assert naive.std() < 0.9 * rest.std(), "what is left of rows by a season that they are part of is too little"


def test_missing_values_stay_missing_and_a_column_that_does_not_vary_has_no_season() -> None:
    values, at = weeks(2, 4)
    values[5:50] = np.nan
    found = learnt_season(values, at)
    assert found is not None
    assert np.flatnonzero(np.isnan(found[1])).tolist() == list(range(5, 50))
    assert learnt_season(np.full(len(at), 7.0), at) is None
    assert learnt_season(np.full(len(at), np.nan), at) is None


def test_a_profile_keeps_a_season_in_a_few_kilobytes() -> None:
    values, at = weeks(4, 10)
    found = learnt_season(values, at)
    assert found is not None
    profile = as_profile(found[0], numeric_profile(found[1]))
    text = profile.to_json()
    assert len(text) < 4500
    kept = Season.of(SeasonProfile.from_json(text))
    hours = hours_of_week(at)
    assert kept.removed(values, hours) == pytest.approx(found[0].removed(values, hours), abs=0.002)
