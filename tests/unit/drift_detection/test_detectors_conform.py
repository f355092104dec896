"""The conformance suite: every detector that an entry point names must pass."""

import json
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_detection.core.detectors.protocol import Detector, LossReference, detectors
from driftloop.testing.conformance.detectors import alarm_rows as alarms
from driftloop.testing.conformance.detectors import rising_errors as errors

SLOW = {"kswin"}
PATIENT = {*SLOW, "hddm-a", "hddm-w"}
"""Whose tests take seconds: they are in `make test`."""
NAMES = [pytest.param(name, marks=[pytest.mark.slow] if name in PATIENT else []) for name in sorted(detectors())]
QUICK = [name for name in NAMES if name.values[0] not in SLOW]


def fresh(name: str, rows: int = 0) -> Detector:
    return detectors()[name](LossReference(rows=rows, mean=0.2, variance=0.16))


@pytest.mark.parametrize("name", NAMES)
def test_the_same_losses_give_the_same_alarms_and_some_alarm_at_a_large_rise(name: str) -> None:
    values = errors(1500 if name in SLOW else 6000)
    first, second = (alarms(fresh(name), values, []) for _ in range(2))
    assert first == second
    assert first, f"{name} misses a rise from 0.1 to 0.5"


@pytest.mark.parametrize("name", QUICK)
@settings(max_examples=10, deadline=None)
@given(cuts=st.lists(st.integers(0, 2999), max_size=6).map(sorted))
def test_a_batch_equals_its_rows_however_it_is_split(name: str, cuts: list[int]) -> None:
    values = errors(3000, seed=3)
    assert alarms(fresh(name), values, cuts) == alarms(fresh(name), values, [])


@pytest.mark.parametrize("name", NAMES)
def test_rows_one_at_a_time_give_the_alarms_of_the_batch(name: str) -> None:
    values = errors(700, seed=5)
    one_by_one = fresh(name)
    assert [row for row, value in enumerate(values) if one_by_one.update(value)] == alarms(fresh(name), values, [])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("at", [0, 1, 777, 1100])
def test_a_snapshot_at_any_point_gives_the_same_future(name: str, at: int) -> None:
    values = errors(1600, seed=7)
    whole = fresh(name)
    alarms(whole, values[:at], [])
    restored = fresh(name)
    restored.restore(json.loads(json.dumps(whole.snapshot())))
    assert alarms(restored, values[at:], []) == alarms(whole, values[at:], [])
    assert restored.statistic == whole.statistic
    assert restored.onset_rows_ago == whole.onset_rows_ago


@pytest.mark.parametrize("name", QUICK)
def test_neither_memory_nor_snapshots_grow_with_the_rows_seen(name: str) -> None:
    detector = fresh(name)
    rng = np.random.default_rng(1)
    sizes = []
    for _ in range(6):
        alarms(detector, (rng.random(10_000) < 0.1).astype(float), [])
        sizes.append(len(json.dumps(detector.snapshot())))
    assert max(sizes) < 200_000, sys.getsizeof(detector)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("constant", [0.0, 1.0])
def test_constant_losses_raise_nothing(name: str, constant: float) -> None:
    detector = detectors()[name](LossReference())
    if name == "every-k-rows":
        assert detector.update_many(np.full(999, constant)) is None
    else:
        assert alarms(detector, np.full(1500, constant), []) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_no_number_is_refused_and_leaves_no_trace(name: str, bad: float) -> None:
    detector, untouched = fresh(name), fresh(name)
    values = errors(400, seed=9)
    alarms(detector, values[:200], [])
    alarms(untouched, values[:200], [])
    with pytest.raises(ValueError, match=r"finite|0 or 1"):
        detector.update_many(np.array([0.0, bad]))
    assert detector.snapshot() == untouched.snapshot()


@pytest.mark.parametrize("name", [param for param in NAMES if param.values != ("every-k-rows",)])
def test_improvement_is_no_drift(name: str) -> None:
    rng = np.random.default_rng(11)
    rows = 600 if name in SLOW else 4000
    values = np.r_[rng.random(rows) < 0.5, rng.random(rows) < 0.02].astype(float)
    detector = detectors()[name](LossReference())
    alarms(detector, values[:rows], [])
    late = [row for row in alarms(detector, values[rows:], []) if row > 100]
    assert len(late) <= (3 if name in {"eddm", "hddm-w", "kswin", "ddm"} else 0)


@pytest.mark.parametrize("name", NAMES)
def test_a_declared_run_length_is_positive_and_statistics_are_numbers(name: str) -> None:
    detector = fresh(name)
    alarms(detector, errors(300), [])
    assert detector.average_run_length is None or detector.average_run_length > 1
    assert np.isfinite(detector.statistic)
    assert np.isfinite(detector.threshold)
    assert detector.onset_rows_ago >= 0
    mean, rows = detector.reference_level
    assert rows >= 0
    assert 0 <= mean <= 1


@pytest.mark.parametrize("name", QUICK)
def test_batches_of_round_numbers_leave_the_state_that_the_whole_leaves(name: str) -> None:
    """Detectors look at their reference after round numbers of rows: a frame that ends there must not add a look."""
    values = (np.random.default_rng(6).random(9000) < 0.2).astype(float)
    whole, parts = fresh(name, rows=3000), fresh(name, rows=3000)
    alarms(whole, values, [])
    alarms(parts, values, list(range(250, 9000, 250)))
    assert parts.snapshot() == whole.snapshot()
