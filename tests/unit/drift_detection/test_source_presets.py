"""Each source system's arithmetic on a worked example, and what was wrong with it mended."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import f, ks_2samp, mannwhitneyu, ttest_ind

from drift_detection.core.losses.metrics_of import health_metrics, source_scores
from drift_detection.core.losses.rules import RuleMonitor
from drift_detection.core.presets import PRESETS
from drift_detection.core.sliding_windows import Rings
from drift_detection.core.windows.reference import FrameTallies
from driftloop.spec.policy import combined_weights, preset, preset_names
from driftloop.statistics.scores import combined_score, health_grade, health_score, improvement, stability, trend
from driftloop.statistics.two_samples import four_tests, psi, psi_of_samples
from driftloop.tools.bench.windows import Rows, monitor_of


def alarms(name: str, losses: np.ndarray, reference: float | None = None, *, rule: int = 0) -> list[int]:
    monitor = RuleMonitor(PRESETS[name][rule], reference)
    return [alarm.index for alarm in monitor.push(losses)]


def errors(*runs: tuple[int, int]) -> np.ndarray:
    """Runs of (rows, errors): the errors of a run come first."""
    return np.concatenate([np.r_[np.ones(wrong), np.zeros(rows - wrong)] for rows, wrong in runs])


def broken(name: str, metrics: dict[str, float], *, rows: int) -> list[str]:
    """The metric rules of a policy that these metrics break, resting on so many rows."""
    return [
        rule.name
        for rule in preset(name).triggers.metrics
        if rule.metric in metrics and rows >= rule.minimum_rows and rule.broken_by(metrics[rule.metric])
    ]


def window(reference: dict[str, np.ndarray], current: dict[str, np.ndarray]) -> dict[str, float]:
    """The published shift metrics of one window."""
    rows = len(next(iter(current.values())))
    monitor = monitor_of(reference, 1.0, len(reference), window_rows=rows, minimum_rows=rows)
    whole = Rings(4 * rows, 1, 1).cut(rows)
    tallies = FrameTallies(monitor.battery.reference, Rows(current)).count(slice(0, rows), whole)
    return monitor.battery.run(tallies[:1], np.array([rows]))[0].figures


def test_every_source_has_a_preset_for_detection_and_one_for_the_policy() -> None:
    assert set(PRESETS) == set(preset_names())


# -- S0: a plant ------------------------------------------------------------------------------------


def test_s0_looks_at_the_last_50_errors_every_25_rows_and_not_before_there_are_50() -> None:
    assert alarms("plant-regression", np.full(60, 1.0)) == [49]
    assert alarms("plant-regression", np.r_[np.full(60, 0.05), np.full(60, 0.3)]) == [74], "35 × .05 + 15 × .3 is .125"
    assert alarms("plant-regression", np.r_[np.full(50, 0.1), np.full(50, 0.1)]) == [], "at the limit is not over it"
    assert broken("plant-regression", {"loss": 0.11, "accuracy": 0.84}, rows=50) == [
        "validation_loss",
        "accuracy_floor",
    ]
    assert broken("plant-regression", {"loss": 0.11, "accuracy": 0.84}, rows=49) == []
    assert preset("plant-regression").triggers.forced_age_seconds == 24 * 3600


# -- S1: agents -------------------------------------------------------------------------------------


def test_s1_asks_below_its_floors_and_in_full_after_a_major_loss() -> None:
    assert alarms("agent-outcomes", errors((50, 15))) == [], "15 of 50 wrong is .70: on the floor"
    assert alarms("agent-outcomes", errors((50, 16))) == [49]
    demo = errors(*[(10, 1)] * 10, *[(20, 7)] * 10)
    assert len(alarms("agent-outcomes", demo)) == 1, "90 % and then 65 %: said once while it lasts"
    floors = {"accuracy": 0.69, "success_rate": 0.79, "error_rate": 0.16, "latency_p95_ms": 5001.0}
    found = broken("agent-outcomes", floors, rows=50)
    assert found == ["accuracy_floor", "success_rate_floor", "error_rate_ceiling", "latency_ceiling"]
    assert broken("agent-outcomes", {"accuracy": 0.54}, rows=50) == ["major_degradation", "accuracy_floor"]
    assert preset("agent-outcomes").triggers.metrics[0].mode == "full"


def test_s1s_report_score_is_a_hundred_on_the_floors_and_falls_in_proportion() -> None:
    assert health_score(accuracy=0.70, success_rate=0.80, error_rate=0.15, latency_p95_ms=5000) == 100
    assert health_score(accuracy=0.35, success_rate=0.80, error_rate=0.15, latency_p95_ms=5000) == 87.5
    assert health_score(accuracy=0.35, success_rate=None, error_rate=0.15, latency_p95_ms=None) == 75


# -- S2: forecasts of metrics -----------------------------------------------------------------------


def test_s2_weighs_four_scores_and_the_sum_may_ask_where_none_does() -> None:
    scores = {"mape": 0.10, "distribution_shift_score": 0.20, "feature_drift_score": 0.15, "anomaly_rate": 0.05}
    metrics = scores | source_scores(scores, combined_weights("metrics-forecast"))
    assert metrics["prediction_error_rate"] == 0.10
    assert metrics["combined_score"] == pytest.approx(0.4 * 0.10 + 0.3 * 0.20 + 0.2 * 0.15 + 0.1 * 0.05)
    assert broken("metrics-forecast", metrics, rows=200) == ["combined_score"], ".135 is over .12"
    single = broken("metrics-forecast", {name: value + 0.001 for name, value in metrics.items()}, rows=200)
    assert set(single) == {rule.name for rule in preset("metrics-forecast").triggers.metrics}
    assert combined_score({}, combined_weights("metrics-forecast")) == 0.0


def test_s2s_scores_are_read_off_counts_as_they_would_be_off_the_rows() -> None:
    rng = np.random.default_rng(1)
    reference = {"x": rng.normal(size=5000), "y": rng.normal(size=5000)}
    current = {"x": rng.normal(size=1000) * 2 + 0.5, "y": rng.normal(size=1000)}
    found = window(reference, current)
    pairs = [(reference[name], current[name]) for name in reference]
    assert found["distribution_shift_score"] == pytest.approx(
        np.mean([ks_2samp(old, new, method="asymp").statistic for old, new in pairs]), abs=1 / 40 + 1 / 60
    )
    distance = np.mean([abs(new.mean() - old.mean()) / old.std() for old, new in pairs])
    assert found["feature_drift_score"] == pytest.approx(distance, abs=0.01)
    beyond = np.mean([np.mean(np.abs(new - old.mean()) > 3 * old.std()) for old, new in pairs])
    assert found["anomaly_rate"] == pytest.approx(beyond, abs=0.01)


# -- S3: adaptive feedback --------------------------------------------------------------------------


def test_s3s_battery_is_its_four_tests_and_holm_keeps_the_level_that_it_names() -> None:
    rng = np.random.default_rng(2)
    old, new = rng.normal(size=120), rng.normal(size=100) * 1.5 + 0.2
    found = four_tests(old, new, corrected=False)
    ratio = new.var(ddof=1) / old.var(ddof=1)
    assert found.p_values == pytest.approx({
        "ks": ks_2samp(old, new, method="asymp").pvalue,
        "mann_whitney": mannwhitneyu(old, new, alternative="two-sided").pvalue,
        "t": ttest_ind(old, new).pvalue,
        "f": 2 * min(f.cdf(ratio, 99, 119), f.sf(ratio, 99, 119)),
    })  # fmt: skip
    assert set(found.alarmed) == {name for name, p in found.p_values.items() if p < 0.05}
    assert four_tests(old[:9], new).insufficient


def test_s3_alarms_on_a_drop_of_a_twentieth_of_rising_losses_only() -> None:
    rose, fell = np.r_[errors(*[(50, 5)] * 4), errors(*[(50, 8)] * 4)], np.r_[errors(*[(50, 8)] * 4), np.zeros(200)]
    assert alarms("adaptive-feedback", rose, 0.1, rule=1) == [299], "16 of the last 100 wrong against .10"
    assert alarms("adaptive-feedback", rose, 0.11, rule=1) == [], ".05 more is on the limit"
    assert alarms("adaptive-feedback", fell, rule=0) == [], "the battery sees a change; improvement is no drift"
    metrics = {"accuracy_drop": 0.06, "error_rate": 0.11, "latency_ratio": 2.1}
    assert broken("adaptive-feedback", metrics, rows=10) == ["accuracy_drop", "error_rate_ceiling", "latency_ratio"]
    assert broken("adaptive-feedback", metrics, rows=9) == []


def test_s3s_grade_trend_improvement_and_stability() -> None:
    grade, points = health_grade(accuracy=0.88, reference_accuracy=0.9, latency_ratio=1.5, error_rate=0.05)
    assert (grade, points) == ("fair", 1.5)
    assert health_grade(accuracy=0.9, reference_accuracy=0.9, latency_ratio=None, error_rate=None) == ("excellent", 3.0)
    losses = {"accuracy": 0.89, "error_rate": 0.11, "loss_reference": 0.1, "accuracy_drop": 0.01}
    published = {**losses, "latency_ratio": 1.2, "success_rate": 1.0}
    assert health_metrics(published)["health_points"] == 2.0
    assert trend([0.1 + 0.01 * step for step in range(10)], rising_is_good=False)[:2] == (
        "declining",
        pytest.approx(0.01),
    )
    assert trend([100.0 + step for step in range(10)], rising_is_good=False)[0] == "declining", "latency that rises"
    assert trend([0.9 - 0.0005 * step for step in range(10)], rising_is_good=True)[0] == "stable", "within ±.001"
    assert trend([0.1, 0.5], rising_is_good=False)[0] == "stable", "fewer than three"
    assert improvement([0.4] * 10 + [0.3] * 10) == pytest.approx(0.25)
    assert improvement([0.4] * 19) is None
    assert stability([0.0, 2.0] * 5) == pytest.approx(0.5), "variance 1"


def test_s3s_severity_is_the_share_of_columns_that_shifted() -> None:
    rng = np.random.default_rng(3)
    names = [f"x{place}" for place in range(4)]
    reference = {name: rng.normal(size=5000) for name in names}
    current = {name: rng.normal(size=1000) + (1.0 if name == "x0" else 0.0) for name in names}
    assert window(reference, current)["shifted_share"] == 0.25


# -- S4: documents ----------------------------------------------------------------------------------


def test_s4s_psi_is_its_sum_and_an_empty_bin_does_not_make_it_infinite() -> None:
    expected, actual = np.array([0.5, 0.3, 0.2]), np.array([0.3, 0.3, 0.4])
    by_hand = float(np.sum((actual - expected) * np.log(actual / expected)))
    assert by_hand == pytest.approx(0.2408, abs=1e-4)
    assert psi(expected * 100_000, actual * 100_000) == pytest.approx(by_hand, abs=1e-3)
    assert 1 < psi(np.array([500.0, 500.0, 0.0]), np.array([0.0, 500.0, 500.0])) < 20


def test_s4_asks_at_psi_ks_and_a_twentieth_of_accuracy_once_there_are_rows_enough() -> None:
    rng = np.random.default_rng(4)
    reference = {"x": rng.normal(size=5000)}
    shifted = {"x": rng.normal(size=1000) + 0.6}
    found = window(reference, shifted)
    assert found["psi"] == pytest.approx(psi_of_samples(reference["x"], shifted["x"]), abs=0.1)
    assert found["ks"] == pytest.approx(ks_2samp(reference["x"], shifted["x"], method="asymp").statistic, abs=0.03)
    metrics: dict[str, Any] = {**found, "accuracy_drop": 0.051}
    assert broken("document-extraction", metrics, rows=500) == ["concept_drift", "psi", "feature_ks"]
    assert broken("document-extraction", metrics, rows=499) == ["concept_drift", "psi"], "KS needs 500 rows"
    assert broken("document-extraction", metrics, rows=199) == ["concept_drift"], "PSI cries wolf below 200 rows"
    still = window(reference, {"x": rng.normal(size=500)})
    assert broken("document-extraction", still, rows=500) == []
    rose = errors(*[(50, 5)] * 4, *[(50, 8)] * 4)
    assert alarms("document-extraction", rose, 0.1) == [299]
    assert preset("document-extraction").safeguards.minimum_rows == 1000
