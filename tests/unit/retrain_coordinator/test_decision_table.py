"""Every trigger × safeguard × preset: what is known, and what must be decided, with the reason.

A row reads: preset · what differs from a calm, healthy model · expected action · trigger · a part of the reason.
"""

from datetime import UTC, datetime, timedelta

import pytest

from driftloop.contracts.drift_signals import DriftSignal
from driftloop.contracts.drift_status import TestStatus as Statistic
from driftloop.contracts.message import FramePosition, RowPosition, derive_id
from driftloop.spec.model_spec import Automation
from driftloop.spec.policy import policy_of, preset, preset_names
from retrain_coordinator.core.decide import decide
from retrain_coordinator.core.deciding.evidence import Command, Evidence, History
from retrain_coordinator.core.payoff.rule import Verdict
from retrain_coordinator.core.state import Reading

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)  # a Wednesday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def ago(gap):
    return NOW - gap


def readings(cpu=20.0, memory=40.0, disk=100.0, age=timedelta(minutes=1)):
    figures = {"cpu_percent": cpu, "memory_percent": memory, "free_disk_gb": disk}
    return {"readings": {name: Reading(value=value, at=ago(age)) for name, value in figures.items()}}


def signal(kind="error", harmful=True, severity="drift"):
    at = RowPosition(row=4000, prediction_id="p", at=NOW)
    made = DriftSignal(
        message_id=derive_id("signal", kind), model_id="m", occurred_at=NOW, model_version="1.0.0", kind=kind,
        detector="cusum", severity=severity, harmful=harmful, statistic=14.0, threshold=13.0, reference_rows=1000,
        current_rows=500, onset=at, raised=at, position=FramePosition(partition=0, offset=3),
    )  # fmt: skip
    return {"signals": (made,)}


def metric(**figures):
    return {"metrics": figures}


def statistic(name, value, rows=1000):
    return {"tests": (Statistic(name=name, subject="x", statistic=value, threshold=0.1, rows=rows),)}


def pays():
    return {"payoff": Verdict(action="retrain", reason="the debt of 90 has passed 2 prices of 40", rows=2000)}


def person():
    return {"command": Command("new data", "ada", "full")}


QUIET = readings()
BUSY_CPU, BUSY_MEMORY = readings(cpu=75.0), readings(memory=80.0)
STALE = readings(age=HOUR)
FULL_DISK = readings(disk=2.0)

S2, S0, S1, S3, S4 = (
    "metrics-forecast", "plant-regression", "agent-outcomes", "adaptive-feedback", "document-extraction",
)  # fmt: skip
HARMFUL = {"preset": "default", "triggers": {"harmful_drift": True}}
NEW_ROWS = {"preset": "default", "triggers": {"new_rows": 1000}}
FIRST = {"preset": "default", "triggers": {"first_version_rows": 200}}
QUARANTINED = {"preset": "adaptive-feedback", "safeguards": {"quarantine_rows": 200}}
APPROVED = {"preset": "default", "safeguards": {"approval": ["retrain"]}}

TABLE = [
    # nothing asks
    ("default", {}, {}, "wait", "", "nothing asks"),
    (S2, {**metric(combined_score=0.11, anomaly_rate=0.04), **QUIET}, {}, "wait", "", "nothing asks"),
    (S0, metric(loss=0.09, accuracy=0.9), {}, "wait", "", "nothing asks"),
    (S1, metric(accuracy=0.72, success_rate=0.81), {}, "wait", "", "nothing asks"),
    (S3, metric(accuracy_drop=0.04, latency_ratio=1.9, feedback_rows=9), {}, "wait", "", "nothing asks"),
    (S4, {**metric(accuracy_drop=0.04), **statistic("psi", 0.2)}, {}, "wait", "", "nothing asks"),
    # the default rule, and drift signals
    ("default", pays(), {}, "retrain", "payoff", "has passed 2 prices"),
    ("default", signal(), {}, "wait", "", "nothing asks"),
    (HARMFUL, signal(), {}, "retrain", "drift", "cusum found a drift of error"),
    (HARMFUL, signal(harmful=False), {}, "wait", "", "nothing asks"),
    (HARMFUL, signal(severity="warning"), {}, "wait", "", "nothing asks"),
    (S3, signal(kind="feature", harmful=False, severity="warning"), {}, "retrain", "feature_shift", "drift of feature"),
    (S3, signal(kind="performance", harmful=False), {}, "retrain", "performance_shift", "drift of performance"),
    # metrics over their limits
    (S2, {**metric(prediction_error_rate=0.11), **QUIET}, {}, "retrain", "prediction_error_rate", "above 0.1"),
    (S2, {**metric(distribution_shift_score=0.21), **QUIET}, {}, "retrain", "distribution_shift_score", "above 0.2"),
    (S2, {**metric(feature_drift_score=0.16), **QUIET}, {}, "retrain", "feature_drift_score", "above 0.15"),
    (S2, {**metric(anomaly_rate=0.06), **QUIET}, {}, "retrain", "anomaly_rate", "above 0.05"),
    (S2, {**metric(combined_score=0.13), **QUIET}, {}, "retrain", "combined_score", "above 0.12"),
    (S0, metric(loss=0.11, accuracy=0.9), {}, "retrain", "validation_loss", "above 0.1"),
    (S0, metric(loss=0.05, accuracy=0.84), {}, "retrain", "accuracy_floor", "below 0.85"),
    (S1, metric(accuracy=0.69), {}, "retrain", "accuracy_floor", "below 0.7"),
    (S1, metric(success_rate=0.79), {}, "retrain", "success_rate_floor", "below 0.8"),
    (S1, metric(error_rate=0.16), {}, "retrain", "error_rate_ceiling", "above 0.15"),
    (S1, metric(latency_p95_ms=5200.0), {}, "retrain", "latency_ceiling", "above 5000"),
    (S3, metric(accuracy_drop=0.06), {}, "retrain", "accuracy_drop", "above 0.05"),
    (S3, metric(latency_ratio=2.1), {}, "retrain", "latency_ratio", "above 2"),
    (S4, metric(accuracy_drop=0.06), {}, "retrain", "concept_drift", "above 0.05"),
    (S4, statistic("psi", 0.26), {}, "retrain", "psi", "psi of x is 0.26"),
    (S4, statistic("ks", 0.11), {}, "retrain", "feature_ks", "ks of x is 0.11"),
    (S4, statistic("psi", 0.26, rows=150), {}, "wait", "", "nothing asks"),
    # counts, calendar, age, first version, a person
    (S3, metric(feedback_rows=10), {}, "retrain", "feedback", "10 feedback rows"),
    (NEW_ROWS, {}, {"rows_at_run": 3900}, "retrain", "new_rows", "1100 labelled rows"),
    (NEW_ROWS, {}, {"rows_at_run": 4100}, "wait", "", "nothing asks"),
    (S1, {}, {"scheduled_from": ago(3 * DAY)}, "retrain", "schedule", "0 3 * * 1"),
    (S1, {}, {"scheduled_from": ago(2 * DAY)}, "wait", "", "nothing asks"),
    (S2, QUIET, {"champion_since": ago(31 * DAY)}, "retrain", "forced_age", "30 are allowed"),
    (S2, QUIET, {"champion_since": ago(31 * DAY), "runs_at": (ago(29 * DAY),)}, "wait", "", "nothing asks"),
    (S0, {}, {"champion_since": ago(25 * HOUR)}, "retrain", "forced_age", "1 are allowed"),
    (FIRST, {}, {"champion": None}, "retrain", "first_version", "no version yet"),
    ("default", {}, {"champion": None}, "wait", "", "nothing asks"),
    ("default", person(), {}, "retrain", "manual", "ada asked: new data"),
    # safeguards: quiet period
    (S2, {**metric(combined_score=0.5), **BUSY_CPU}, {}, "wait", "combined_score", "cpu_percent is 75"),
    (S2, {**metric(combined_score=0.5), **BUSY_MEMORY}, {}, "wait", "combined_score", "memory_percent is 80"),
    (S2, {**metric(combined_score=0.5), **STALE}, {}, "wait", "combined_score", "3600 s old"),
    (S2, metric(combined_score=0.5), {}, "wait", "combined_score", "no reading of cpu_percent"),
    (S2, {**person(), **BUSY_CPU}, {}, "retrain", "manual", "ada asked"),
    # safeguards: gap, number, disk, evidence
    (S2, {**metric(combined_score=0.5), **QUIET}, {"runs_at": (ago(5 * HOUR),)}, "refuse", "combined_score", "5.00 h"),
    (S2, {**metric(combined_score=0.5), **QUIET}, {"runs_at": (ago(7 * HOUR),)}, "retrain", "combined_score", "above"),
    (S2, {**metric(combined_score=0.5), **QUIET}, {"runs_at": (ago(6 * DAY), ago(3 * DAY), ago(DAY))}, "refuse",
     "combined_score", "3 of 3 runs in the last 7 days"),
    (S2, {**metric(combined_score=0.5), **QUIET}, {"runs_at": (ago(8 * DAY), ago(3 * DAY), ago(DAY))}, "retrain",
     "combined_score", "above"),
    (S2, {**person(), **QUIET}, {"runs_at": (ago(HOUR),)}, "retrain", "manual", "ada asked"),
    (S2, {**metric(combined_score=0.5), **FULL_DISK}, {}, "refuse", "combined_score", "free disk is 2 GB"),
    (S2, {**person(), **FULL_DISK}, {}, "refuse", "manual", "free disk is 2 GB"),
    (S4, {**metric(accuracy_drop=0.2), "labelled_rows": 800}, {}, "wait", "concept_drift", "800 labelled rows, 1000"),
    (S3, metric(accuracy_drop=0.2), {"rows_at_run": 4995}, "wait", "accuracy_drop", "5 labelled rows since"),
    # safeguards that always hold
    ("default", pays(), {"frozen": "audit"}, "refuse", "payoff", "frozen: audit"),
    ("default", person(), {"frozen": "audit"}, "refuse", "manual", "frozen: audit"),
    ("default", pays(), {"run_in_flight": "1.0.1"}, "wait", "payoff", "the run for 1.0.1 has not ended"),
    ("default", person(), {"run_in_flight": "1.0.1"}, "wait", "manual", "the run for 1.0.1 has not ended"),
    ("default", pays(), {"fleet": (2, 2)}, "wait", "payoff", "2 of 2 runs are in progress over all models"),
    ("default", person(), {"fleet": (2, 2)}, "wait", "manual", "2 of 2 runs"),
    ("default", pays(), {"fleet": (1, 2)}, "retrain", "payoff", "has passed"),
    ("default", pays(), {"challenger": "1.0.1", "challenger_rows": 20}, "wait", "payoff", "scored on 20 of 250 rows"),
    ("default", pays(), {"challenger": "1.0.1", "challenger_rows": 400}, "retrain", "payoff", "has passed"),
    ("default", pays(), {"failures": 1, "failed_row": 4950}, "wait", "payoff", "50 labelled rows since failure 1"),
    ("default", pays(), {"failures": 3, "failed_row": 4700}, "wait", "payoff", "400 are waited for"),
    ("default", pays(), {"automation": Automation(retrain=False)}, "refuse", "payoff", "automatic retraining is off"),
    ("default", person(), {"automation": Automation(retrain=False)}, "retrain", "manual", "ada asked"),
    # safeguards: rows in quarantine
    (QUARANTINED, metric(accuracy_drop=0.2), {}, "wait", "accuracy_drop", "200 more labelled rows have to"),
    (QUARANTINED, metric(accuracy_drop=0.2), {"suspected": {"accuracy_drop": 1}}, "wait", "accuracy_drop", "1 more"),
    (QUARANTINED, metric(accuracy_drop=0.2), {"suspected": {"accuracy_drop": 0}}, "retrain", "accuracy_drop", "abov"),
    (QUARANTINED, metric(feedback_rows=10), {}, "retrain", "feedback", "10 feedback rows"),
    (QUARANTINED, {**person(), **metric(accuracy_drop=0.2)}, {}, "retrain", "manual", "ada asked"),
    (APPROVED, pays(), {}, "wait", "payoff", "waits for a person's `approve`"),
    (APPROVED, pays(), {"approved": True}, "retrain", "payoff", "has passed"),
]  # fmt: skip


def case(policy, evidence, history):
    calm = {"champion": "1.0.0", "champion_since": ago(2 * HOUR), "rows_at_run": 0}
    seen = {"labelled_rows": 5000, **evidence}
    if "feedback_rows" not in seen.get("metrics", {}):
        seen["metrics"] = {"feedback_rows": 0.0, **seen.get("metrics", {})}
    declared = preset(policy) if isinstance(policy, str) else policy_of(policy)
    return decide(Evidence(**seen), History(**{**calm, **history}), declared, NOW)


@pytest.mark.parametrize(("policy", "evidence", "history", "action", "trigger", "reason"), TABLE)
def test_a_case_is_decided_as_its_source_says(policy, evidence, history, action, trigger, reason):
    decision = case(policy, evidence, history)
    assert (decision.action, decision.trigger) == (action, trigger)
    assert reason in decision.reason


def test_the_table_speaks_of_every_preset():
    assert {row[0] for row in TABLE if isinstance(row[0], str)} == set(preset_names())
    assert len(TABLE) >= 40


@pytest.mark.parametrize("row", [row for row in TABLE if row[4]], ids=lambda row: row[4])
def test_each_decision_that_something_asked_for_lists_every_safeguard(row):
    names = {state.name.split(":")[0] for state in case(*row[:3]).safeguards}
    assert names >= {
        "freeze",
        "automation",
        "one_run",
        "patience",
        "quarantine",
        "least_gap",
        "most_per_span",
        "minimum_rows",
        "retry",
    }


def test_a_refusal_says_when_it_would_be_allowed():
    gap = case(S2, {**metric(combined_score=0.5), **QUIET}, {"runs_at": (ago(5 * HOUR),)})
    assert gap.allowed_at == NOW + HOUR
    both = case(S2, {**metric(combined_score=0.5), **QUIET}, {"runs_at": (ago(6 * DAY), ago(DAY), ago(5 * HOUR))})
    assert both.allowed_at == NOW + DAY


def test_one_unknown_moment_makes_the_whole_unknown():
    busy = case(S2, {**metric(combined_score=0.5), **BUSY_CPU}, {"runs_at": (ago(5 * HOUR),)})
    assert busy.allowed_at is None
    assert busy.refused_by == ("quiet:cpu_percent", "least_gap")


def test_incremental_first_and_full_where_the_fall_is_great():
    assert case(S1, metric(accuracy=0.69), {}).mode == "incremental"
    assert case(S1, metric(accuracy=0.50), {}).mode == "full"
    assert case(S1, {}, {"scheduled_from": ago(3 * DAY)}).mode == "full"
