"""Profiles say what the rows say, within the stated error, and stay small."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from driftloop.contracts.model_profiles import NumericProfile
from driftloop.statistics.columns import RESOLUTION, categorical_profile, column_profile, numeric_profile
from driftloop.statistics.dependence import inflation, inflation_at
from driftloop.statistics.distribution import share_at_most
from driftloop.statistics.profiles import calibration_bins, loss_profile


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(["normal", "log-normal", "counts"]))
def test_ks_against_a_profile_is_ks_against_the_rows_within_the_resolution(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    draw = {"normal": rng.normal, "log-normal": rng.lognormal, "counts": lambda size: rng.poisson(3, size=size)}[kind]
    old, new = np.asarray(draw(size=3000), dtype=float), np.sort(np.asarray(draw(size=500), dtype=float))
    below = share_at_most(numeric_profile(old), new)
    mine = np.searchsorted(new, new, side="right") / len(new)
    exact = ks_2samp(old, new, method="asymp").statistic
    assert np.abs(below - mine).max() == pytest.approx(exact, abs=RESOLUTION + 1 / len(new) + 1e-3)


def test_a_profile_of_a_hundred_columns_stays_under_100_kilobytes() -> None:
    column = np.random.default_rng(0).normal(size=20_000) * 1e-4
    assert len(numeric_profile(column).to_json()) * 100 < 100_000


def test_columns_without_values_constants_and_infinities() -> None:
    assert numeric_profile(np.full(5, np.nan)).quantiles == ()
    assert numeric_profile(np.full(5, 2.0)).variance == 0
    with pytest.raises(ValueError, match="infinite"):
        numeric_profile(np.array([1.0, np.inf]))
    assert categorical_profile(np.array([None, None], dtype=object)).missing == 2
    assert isinstance(column_profile(np.array([1.0, 2.0])), NumericProfile)


def test_losses_are_clipped_at_their_bound() -> None:
    profile = loss_profile(np.array([0.5, 100.0, np.nan]), bound=1.0)
    assert (profile.rows, profile.mean) == (2, 0.75)


def test_calibration_has_no_more_than_ten_bins_and_keeps_every_row() -> None:
    rng = np.random.default_rng(3)
    confidence = rng.random(1000)
    bins = calibration_bins(confidence, (rng.random(1000) < confidence).astype(float))
    assert len(bins) <= 10
    assert sum(rows for *_, rows in bins) == 1000
    assert all(abs(said - right) < 0.15 for said, right, _ in bins)


def test_sticky_rows_count_for_less_and_independent_ones_in_full() -> None:
    rng = np.random.default_rng(4)
    assert inflation_at(inflation(rng.normal(size=8000)), 1000) == 1.0
    sticky = np.repeat(rng.normal(size=800), 10)
    assert inflation_at(inflation(sticky), 500) == pytest.approx(10, rel=0.5)


def test_a_season_costs_short_windows_more_than_long_ones() -> None:
    rng = np.random.default_rng(5)
    season = np.sin(np.arange(20_000) / 240 * 2 * np.pi) + 0.3 * rng.normal(size=20_000)
    steps = inflation(season)
    assert inflation_at(steps, 100) > 20
    assert inflation_at(steps, 2400) < inflation_at(steps, 100)
