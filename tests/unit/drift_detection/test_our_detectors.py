"""Golden values and false-alarm rates of the detectors that driftloop relies on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_detection.core.detectors.betting_cusum import BettingCusum
from drift_detection.core.detectors.cusum import Cusum
from drift_detection.core.detectors.mixture_cusum import MixtureCusum
from drift_detection.core.detectors.protocol import Detector, LossReference, make_detector


def rows_of_alarms(detector: Detector, values: np.ndarray) -> list[int]:
    found, start = [], 0
    while start < len(values):
        alarm = detector.update_many(values[start:])
        if alarm is None:
            break
        start += alarm + 1
        found.append(start - 1)
    return found


def bernoulli(share: float, rows: int, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).random(rows) < share).astype(float)


@settings(max_examples=60, deadline=None)
@given(
    bits=st.lists(st.booleans(), min_size=1, max_size=60),
    before=st.integers(0, 5),
    up=st.integers(1, 6),
    down=st.integers(1, 3),
)
def test_sums_without_a_loop_are_pages_recursion(bits: list[bool], before: int, up: int, down: int) -> None:
    expected, total = [], before
    for bit in bits:
        total = max(0, total + (up if bit else -down))
        expected.append(total)
    limit = 12
    crossing = next((row for row, total in enumerate(expected) if total >= limit), None)
    sparse = Cusum(np.array([before]), np.array([0]))
    dense = Cusum(np.array([before]), np.array([0]))
    events = np.flatnonzero(np.array(bits))
    steps = np.where(np.array(bits), up, -down)[None, :].astype(np.int64)
    assert sparse.take_events(events, len(bits), np.array([up]), np.array([down]), limit) == crossing
    assert dense.take_all(steps, limit) == crossing
    last = len(bits) - 1 if crossing is None else crossing
    assert sparse.sums.tolist() == dense.sums.tolist() == [expected[last]]


@pytest.mark.parametrize(("share", "at_most"), [(0.3, 85), (0.2, 270), (0.15, 930)])
def test_rises_are_found_as_quickly_as_promised(share: float, at_most: float) -> None:
    delays = []
    for seed in range(40):
        values = np.r_[bernoulli(0.1, 10_000, seed), bernoulli(share, 10_000, seed + 1000)]
        found = rows_of_alarms(MixtureCusum(LossReference()), values)
        assert found
        assert found[0] >= 10_000
        delays.append(found[0] - 10_000)
    assert np.mean(delays) <= at_most * 1.15


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3])
def test_stationary_errors_raise_at_most_the_declared_alarms(share: float) -> None:
    detector = MixtureCusum(LossReference(), false_alarm_rate=1e-5)
    found = rows_of_alarms(detector, bernoulli(share, 1_000_000, 5))
    assert len(found) <= 15


def test_golden_value_of_the_mixture() -> None:
    values = np.r_[bernoulli(0.1, 2000, 1), bernoulli(0.4, 2000, 2)]
    detector = MixtureCusum(LossReference(rows=500, mean=0.1, variance=0.09))
    assert rows_of_alarms(detector, values) == GOLDEN_MIXTURE
    assert detector.reference_level[1] > 1000


GOLDEN_MIXTURE = [2061]


def test_one_drift_gives_one_alarm_and_a_further_rise_another() -> None:
    values = np.r_[bernoulli(0.1, 5000, 1), bernoulli(0.3, 12_000, 2), bernoulli(0.6, 3000, 3)]
    found = rows_of_alarms(MixtureCusum(LossReference()), values)
    assert len(found) == 2
    assert 5000 <= found[0] < 5200
    assert 17_000 <= found[1] < 17_200


def test_after_the_losses_came_back_the_first_reference_holds_again() -> None:
    values = np.r_[bernoulli(0.1, 5000, 1), bernoulli(0.4, 6000, 2), bernoulli(0.1, 6000, 3), bernoulli(0.4, 500, 4)]
    found = rows_of_alarms(MixtureCusum(LossReference()), values)
    assert [row // 1000 for row in found] == [5, 17]


def test_the_onset_is_named_within_a_few_rows() -> None:
    values = np.r_[bernoulli(0.1, 5000, 1), bernoulli(0.5, 500, 2)]
    detector = MixtureCusum(LossReference())
    row = detector.update_many(values)
    assert row is not None
    assert abs(row - detector.onset_rows_ago + 1 - 5000) <= 25


def test_a_small_reference_is_not_taken_at_its_word() -> None:
    """Eight errors in 100 held-out rows may well be a true share of 0.13: that must not become an alarm."""
    found = [
        rows_of_alarms(
            MixtureCusum(LossReference(rows=100, mean=0.08, variance=0.07), learning_rows=100),
            bernoulli(0.13, 4000, seed),
        )
        for seed in range(30)
    ]
    assert sum(map(len, found)) <= 2


def test_a_tolerated_rise_is_no_drift() -> None:
    reference = LossReference(rows=5000, mean=0.1, variance=0.09, tolerance=0.1)
    assert rows_of_alarms(MixtureCusum(reference), bernoulli(0.19, 5000, 1)) == []
    assert rows_of_alarms(MixtureCusum(reference), bernoulli(0.35, 2000, 1))


def correlated(rows: int, seed: int, correlation: float) -> np.ndarray:
    """Log-normal losses whose neighbours are correlated."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=rows) * np.sqrt(1 - correlation**2)
    state = np.empty(rows)
    level = rng.normal()
    for row in range(rows):
        level = correlation * level + noise[row]
        state[row] = level
    return np.exp(0.7 * state)


@pytest.mark.parametrize("correlation", [0.0, 0.5])
def test_skewed_losses_raise_at_most_twice_the_declared_alarms(correlation: float) -> None:
    values = correlated(300_000, 3, correlation)
    detector = BettingCusum(LossReference(bound=float(np.quantile(values[:2000], 0.995))), false_alarm_rate=1e-4)
    assert len(rows_of_alarms(detector, values)) <= 60


def test_a_rise_of_half_a_deviation_is_found() -> None:
    values = correlated(12_000, 4, 0.0)
    deviation = values.std()
    values[8000:] += 0.5 * deviation
    found = rows_of_alarms(BettingCusum(LossReference(bound=10.0)), values)
    assert found
    assert 8000 <= found[0] < 8400


def test_wrong_parameters_and_unknown_detectors_are_named() -> None:
    with pytest.raises(ValueError, match="there is no detector"):
        make_detector("oracle", LossReference(), {})
    with pytest.raises(ValueError, match="does not take these parameters"):
        make_detector("adwin", LossReference(), {"sensitivity": 1.0})
    with pytest.raises(ValueError, match="false_alarm_rate"):
        make_detector("mixture-cusum", LossReference(), {"false_alarm_rate": 2.0})


def test_a_detector_for_errors_refuses_other_losses() -> None:
    with pytest.raises(ValueError, match="0 or 1"):
        MixtureCusum(LossReference()).update(0.5)


def test_a_version_with_few_held_out_rows_is_watched_from_its_first_row() -> None:
    detector = MixtureCusum(LossReference(rows=130, mean=0.1, variance=0.09))
    row = detector.update_many(np.r_[bernoulli(0.1, 50, 1), bernoulli(0.8, 100, 2)])
    assert row is not None
    assert row < 85
