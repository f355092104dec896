"""The raw tests agree with scipy, and survive what broke them in their sources."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from driftloop.statistics.scores import health_grade, mean_absolute_percentage_error, trend
from driftloop.statistics.two_samples import chi_square, four_tests, holm_limits, ks_distance, psi, psi_of_samples


@settings(max_examples=40, deadline=None)
@given(
    old=st.lists(st.integers(-5, 5), min_size=5, max_size=80),
    new=st.lists(st.integers(-5, 5), min_size=5, max_size=80),
)
def test_the_ks_distance_is_scipys_ties_included(old: list[int], new: list[int]) -> None:
    distance, _ = ks_distance(np.sort(np.array(old, dtype=float)), np.array(new, dtype=float))
    assert distance == pytest.approx(ks_2samp(old, new, method="asymp").statistic, abs=1e-12)


def test_the_ks_p_value_is_scipys_for_large_samples() -> None:
    rng = np.random.default_rng(0)
    old, new = np.sort(rng.normal(size=5000)), rng.normal(size=4000) + 0.05
    distance, p = ks_distance(old, new)
    assert p == pytest.approx(ks_2samp(old, new, method="asymp").pvalue, rel=0.1)
    assert distance > 0


def test_an_empty_bin_does_not_make_the_psi_infinite() -> None:
    assert np.isfinite(psi(np.array([100.0, 0.0, 50.0]), np.array([0.0, 80.0, 0.0])))


def test_psi_of_no_shift_is_small_from_200_rows_on() -> None:
    rng = np.random.default_rng(1)
    values = [psi_of_samples(rng.normal(size=2000), rng.normal(size=200)) for _ in range(50)]
    assert max(values) < 0.25


@pytest.mark.slow
def test_the_four_tests_as_written_cry_wolf_and_corrected_do_not() -> None:
    rng = np.random.default_rng(2)
    pairs = [(rng.normal(size=200), rng.normal(size=200)) for _ in range(200)]
    written = np.mean([bool(four_tests(old, new, corrected=False).alarmed) for old, new in pairs])
    corrected = np.mean([bool(four_tests(old, new).alarmed) for old, new in pairs])
    assert written > 0.08
    assert corrected < 0.08


def test_holm_gives_the_smallest_p_value_the_strictest_limit() -> None:
    assert holm_limits([0.5, 0.001, 0.02], 0.06)[1] == pytest.approx(0.02)


def test_chi_square_of_equal_shares_is_no_drift() -> None:
    assert chi_square(np.array([500.0, 300.0]), np.array([50.0, 30.0]))[1] == pytest.approx(1.0)


def test_a_label_of_zero_does_not_make_the_mape_infinite() -> None:
    assert np.isfinite(mean_absolute_percentage_error(np.array([1.0, 2.0]), np.array([0.0, 0.0])))


def test_rising_latency_is_no_improvement() -> None:
    assert trend([100.0, 110.0, 120.0, 130.0], rising_is_good=False)[0] == "declining"
    assert trend([100.0, 110.0, 120.0, 130.0], rising_is_good=True)[0] == "improving"


def test_health_grades_are_the_sources_table() -> None:
    grades = [
        health_grade(accuracy=accuracy, reference_accuracy=0.9, latency_ratio=ratio, error_rate=errors)[0]
        for accuracy, ratio, errors in ((0.9, 1.0, 0.0), (0.89, 1.2, 0.005), (0.89, 1.4, 0.03), (0.5, 3.0, 0.5))
    ]
    assert grades == ["excellent", "good", "fair", "poor"]
