"""What `driftloop status MODEL` prints."""

from datetime import UTC, datetime
from typing import Any

from driftloop.contracts.drift_signals import DriftSignal
from driftloop.contracts.drift_status import DriftStatus
from driftloop.contracts.drift_status import TestStatus as Statistic
from driftloop.contracts.message import FramePosition, RowPosition, derive_id
from driftloop.tools.cli.fleet import fleet_words, totals
from driftloop.tools.cli.status_model import print_model
from driftloop.tools.cli.status_words import sentences, worth_showing

NOW = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
POSITION = FramePosition(partition=0, offset=7)
METRICS = {
    "loss": 0.2, "loss_reference": 0.1, "loss_rise": 0.1, "loss_trend": 0.01, "loss_trend_error": 0.001,
    "label_lag_seconds": 5400.0, "health_points": 1.5, "health_score": 87.4, "expected_error": 0.15,
    "expected_error_miss": -0.05, "alarms_raised": 3.0, "alarms_unconfirmed": 1.0, "observed_months": 2.0,
    "false_alarms_declared_per_month": 1.0, "false_alarms_achieved_per_month": 0.5, "rows_per_month": 1e6,
    "mature_rows": 100.0, "mature_labelled_share": 0.97, "mature_loss": 0.21, "provisional_rows": 50.0,
    "provisional_labelled_share": 0.4, "provisional_loss": 0.12, "psi": 0.31,
}  # fmt: skip


def status(segment: str = "", **changes: Any) -> DriftStatus:
    fields: dict[str, Any] = {
        "message_id": derive_id("status", segment), "model_id": "gate", "occurred_at": NOW, "segment": segment,
        "spec_version": 1, "position": POSITION, "rows": 2000, "labelled_rows": 1500, "as_of": NOW,
        "metrics": METRICS, "active_signals": ("error:mixture-cusum",),
        "attribution": {"feature.rain": 0.8, "segment site=north": 0.71},
    }  # fmt: skip
    return DriftStatus(**{**fields, **changes})


def test_every_figure_has_its_sentence() -> None:
    said = sentences(status())
    assert said["health"] == "fair (1.5 of 3); report score 87 of 100"
    assert said["loss"].startswith("0.2 over the newest rows, 0.1 in the reference (+0.1); rising")
    assert said["labels"] == (
        "2,000 predictions seen, 1,500 labelled rows (examples among them); labels come 1.5 h after their prediction"
    )
    assert "97% labelled, mean loss 0.21; newer ones, provisional: 40% labelled, mean loss 0.12" in said["mature"]
    assert "if confidence is right as often as when it was learnt; -0.05 beside" in said["without labels"]
    assert said["false alarms"].startswith(
        "1 a month declared, 0.5 a month came about: 1 of 3 alarms not borne out in 60 d"
    )
    assert said["harm"] == "segment site=north 71% of the added loss"
    assert said["shift"] == "feature.rain 80% of the shift of the columns"


def test_corrections_are_told_with_those_that_came_too_late() -> None:
    said = sentences(status(metrics={"corrections": 1200.0, "corrections_too_late": 3.0}))
    assert said["labels"].endswith("; 1,200 were corrected later, 3 too late for these figures")


def test_a_fleet_is_told_by_its_sums_and_by_how_many_models_are_harmed() -> None:
    shifted = status(model_id="oven", active_signals=("feature.rain",), metrics={"corrections": 5.0})
    words = fleet_words(totals([status(), shifted, status(model_id="mill", active_signals=())]))
    assert words.startswith(
        "3 models watched: 1 harmed, 1 shifted without harm; 6,000 predictions, 4,500 labelled rows"
    )
    assert "5 labels corrected. False alarms: 2 a month declared, 1 a month came about (2 of 6" in words
    assert fleet_words(totals([status()])) == ""


def test_what_is_not_known_is_not_said() -> None:
    assert sentences(status(metrics={}, attribution={}, active_signals=())).keys() == {"labels", "stands"}


def test_tests_near_their_limit_come_first_and_one_is_always_shown() -> None:
    tests = tuple(
        Statistic(name="share", subject=name, statistic=height, threshold=1.0, rows=10)
        for name, height in (("a", 0.2), ("b", 0.7), ("c", 1.4))
    )
    assert [test.subject for test in worth_showing(tests)] == ["c", "b"]
    assert [test.subject for test in worth_showing(tests[:1])] == ["a"]


def test_the_page_names_segments_signals_and_their_label_lag(capsys: Any) -> None:
    row = RowPosition(row=1420, prediction_id="p", at=NOW)
    signal = DriftSignal(
        message_id=derive_id("signal"), model_id="gate", occurred_at=NOW, model_version="1.0.0", kind="error",
        detector="mixture-cusum", harmful=True, statistic=14, threshold=13, reference_rows=100, current_rows=50,
        onset=row, raised=row, position=POSITION, label_lag_seconds=5400.0, explanation="mean loss rose",
    )  # fmt: skip
    facts = {"model": "gate", "champion": "1.0.0", "as_of": NOW.isoformat(), "runs": 1, "promotions": 1, "signals": 1}
    print_model(facts, {"": status(), "site=north": status("site=north")}, [signal], [])
    page = capsys.readouterr().out
    assert "row 1,420  harm: mean loss rose; its label came 1.5 h late" in page
    assert "site=north" in page
    assert "psi 0.31" in page
    assert "health_points" not in page
