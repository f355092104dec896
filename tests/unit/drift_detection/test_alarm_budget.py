"""The budget of false alarms: a month is the rows that come, and what was counted stands beside what was declared."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_detection.core.monitors.alarm_stats import AlarmStats
from drift_detection.core.monitors.error_monitor import ErrorMonitor
from drift_detection.core.monitors.traffic import FALLBACK, MONTH_MS, Traffic
from drift_detection.metrics import DetectionMetrics
from driftloop.contracts.model_profiles import LossProfile
from driftloop.spec.model_spec import Detection, LabelDelay


def moments(rows: int, per_month: float) -> np.ndarray:
    return (np.arange(rows) * (MONTH_MS / per_month)).astype(np.int64)


def fill(traffic: Traffic, at: np.ndarray, most: int = 1 << 30) -> list[int]:
    """Push rows as the model does; the rows after which the figure changed."""
    changes, start = [], 0
    while start < len(at):
        stop = min(len(at), start + min(most, traffic.until_look))
        if traffic.push(at[start:stop]):
            changes.append(stop)
        start = stop
    return changes


def test_a_busy_models_month_has_the_rows_that_come() -> None:
    traffic = Traffic()
    fill(traffic, moments(6_000_000, 5e7))
    assert traffic.rows_per_month == 2**26
    assert traffic.months == pytest.approx(6 / 50, rel=1e-3)


def test_a_slow_models_month_counts_as_a_million_rows_unless_its_spec_says_otherwise() -> None:
    slow, declared = Traffic(), Traffic(40_000.0)
    for traffic in (slow, declared):
        fill(traffic, moments(50_000, 40_000.0))
    assert (slow.rows_per_month, declared.rows_per_month) == (FALLBACK, 40_000.0)


def test_a_rush_of_an_hour_is_not_believed() -> None:
    traffic = Traffic()
    assert fill(traffic, moments(100_000, 1e9)) == []


@settings(max_examples=20, deadline=None)
@given(most=st.integers(1, 5000))
def test_the_figure_changes_at_the_same_rows_however_they_come(most: int) -> None:
    at = moments(20_000, 2e5)
    whole, parts = Traffic(), Traffic()
    assert fill(whole, at // 50) == fill(parts, at // 50, max(most, 37))
    assert whole.snapshot() == parts.snapshot()


def alarms_after(ledger: AlarmStats, losses: np.ndarray, rate: float, make_spec: Any, *, at_most: int) -> int:
    monitor = ErrorMonitor(make_spec(), LossProfile(rows=5000, mean=0.1, variance=0.09, bound=1.0), rate, ledger)
    return sum(len(monitor.push(losses[start : start + at_most])) for start in range(0, len(losses), at_most))


@pytest.mark.parametrize("at_most", [137, 100_000])
def test_an_alarm_that_the_next_rows_do_not_bear_out_counts_as_false(make_spec: Any, at_most: int) -> None:
    rng = np.random.default_rng(4)
    spike, lasting = np.full(12_000, 0.1), np.full(12_000, 0.1)
    spike[5000:5040] = 0.9
    lasting[5000:] = 0.3
    for share, unconfirmed in ((spike, 1), (lasting, 0)):
        ledger = AlarmStats()
        assert alarms_after(ledger, (rng.random(12_000) < share).astype(float), 1e-6, make_spec, at_most=at_most) == 1
        assert (ledger.raised, ledger.unconfirmed) == (1, unconfirmed)


def test_false_alarms_that_are_counted_are_those_that_there_are(make_spec: Any) -> None:
    ledger = AlarmStats()
    still = (np.random.default_rng(6).random(1_000_000) < 0.1).astype(float)
    raised = alarms_after(ledger, still, 2e-5, make_spec, at_most=50_000)
    assert raised >= 3
    assert raised - 1 <= ledger.unconfirmed <= raised, "the last one may not have been seen through"


def test_a_shift_that_leaves_counts_as_unconfirmed_and_one_that_stays_does_not(detection: Any, stream: Any) -> None:
    for until, expected in ((3500, 1), (8000, 0)):
        rows = stream(8000, seed=21, columns={"site": np.full(8000, "north", dtype=object)})
        rows.columns["heat"][2500:until] += 2.0
        watched = detection()
        watched.feed(rows, cuts=[1000, 5000])
        metrics = watched.statuses[-1].metrics
        assert metrics["alarms_unconfirmed"] == expected * 2, "the whole model and its one segment"
        assert metrics["alarms_raised"] == len(watched.signals)


def test_status_and_metrics_say_what_was_declared_and_what_was_counted(
    detection: Any, stream: Any, make_spec: Any
) -> None:
    watched = detection(spec=make_spec(detection=Detection(false_alarms_per_month=6.0, fleet_models=3)))
    watched.feed(stream(3000, seed=22), cuts=[1000])
    metrics = watched.statuses[-1].metrics
    assert metrics["false_alarms_declared_per_month"] == 2.0
    assert metrics["false_alarms_achieved_per_month"] == 0.0
    assert metrics["observed_months"] == pytest.approx(2999 / 43_200)
    assert "alarms_raised" not in watched.statuses[-2].metrics, "a segment shares its model's budget"
    published = {
        sample.name: sample.value
        for family in DetectionMetrics(watched.core).collect()
        for sample in family.samples
        if sample.labels.get("model") == "gate"
    }
    assert published["driftloop_false_alarms_declared_per_month"] == 2.0
    assert published["driftloop_false_alarms_achieved_per_month"] == 0.0
    assert published["driftloop_rows_per_month"] == FALLBACK


def test_a_busy_stream_moves_the_limits_at_the_same_rows_and_a_restored_core_has_them_too(
    detection: Any, stream: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("drift_detection.core.monitors.traffic.FALLBACK", 10_000.0)
    rows = stream(9000, seed=23)
    whole, first, second = (detection() for _ in range(3))
    whole.feed(rows)
    first.feed_with(second, rows, [700, 3333, 6000], at=2)
    ends = [watched.statuses[-1] for watched in (whole, second)]
    assert ends[0].metrics["rows_per_month"] == 2**16
    assert ends[0].tests == ends[1].tests
    assert ends[0].metrics == ends[1].metrics


def test_mature_rows_are_told_apart_from_provisional_ones(detection: Any, stream: Any, make_spec: Any) -> None:
    rows = stream(3000, seed=24)
    rows.columns["event"][2500:] = "prediction"
    watched = detection(spec=make_spec(label_delay=LabelDelay(expected_seconds=500 * 60.0)))
    watched.feed(rows, cuts=[1234])
    metrics = watched.statuses[-1].metrics
    assert metrics["mature_labelled_share"] == 1.0
    assert metrics["provisional_labelled_share"] < 0.2
    assert metrics["mature_loss"] == pytest.approx(0.1, abs=0.03)
