"""What detection says about a model's frames."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_detection.core.processor import DriftDetection
from driftloop.contracts.drift_status import DriftStatus
from driftloop.processor import StaleTableError
from driftloop.spec.model_spec import Detection
from driftloop.testing.records import FakeRecord


def steps(rows: int, *levels: float) -> np.ndarray:
    return np.repeat(levels, rows // len(levels))


def without_position(raw: list[tuple[str, bytes]]) -> list[dict[str, Any]]:
    signals = [json.loads(value) for topic, value in raw if topic == "drift-signals"]
    return [{name: value for name, value in signal.items() if name != "position"} for signal in signals]


def test_a_rise_in_errors_is_said_once_soon_and_with_its_evidence(detection: Any, stream: Any) -> None:
    watched = detection()
    watched.feed(stream(8000, error_share=steps(8000, 0.1, 0.4)), cuts=range(500, 8000, 500))
    (signal,) = watched.harms()
    assert 4000 <= signal.raised.row <= 4100
    assert 3900 <= signal.onset.row <= signal.raised.row
    assert signal.onset.prediction_id == f"row-{signal.onset.row:08d}"
    assert signal.raised.prediction_id == f"row-{signal.raised.row:08d}"
    assert signal.current_value > signal.reference_value
    assert signal.statistic >= signal.threshold
    assert "rose from" in signal.explanation
    assert watched.statuses[-1].active_signals


def test_a_model_that_stays_harmed_is_not_found_healthy_by_the_level_it_rose_to(detection: Any, stream: Any) -> None:
    watched = detection()
    watched.feed(stream(10_000, seed=19, error_share=steps(10_000, 0.1, 0.3)), cuts=range(500, 10_000, 500))
    metrics = watched.statuses[-1].metrics
    assert metrics["loss_reference"] == pytest.approx(0.1, abs=0.02)
    assert metrics["accuracy_drop"] > 0.15
    assert metrics["health_points"] == 0.0


def test_improvement_raises_nothing(detection: Any, stream: Any) -> None:
    watched = detection()
    watched.feed(stream(8000, error_share=steps(8000, 0.1, 0.01)), cuts=range(500, 8000, 500))
    assert [signal for signal in watched.signals if signal.harmful] == []


def test_a_stationary_stream_raises_nothing(detection: Any, stream: Any) -> None:
    watched = detection()
    watched.feed(stream(30_000, seed=5), cuts=range(3000, 30_000, 3000))
    assert watched.signals == []


def test_a_shifted_feature_warns_and_explains_but_is_no_harm(detection: Any, stream: Any) -> None:
    rows = stream(8000, seed=3)
    rows.columns["heat"][4000:] += 1.0
    watched = detection()
    watched.feed(rows, cuts=range(500, 8000, 500))
    whole = [signal for signal in watched.signals if not signal.segment]
    assert [(signal.kind, signal.subject, signal.harmful) for signal in whole] == [("feature", "heat", False)]
    assert 4000 < whole[0].raised.row < 5500
    assert whole[0].p_value < 1e-6
    assert whole[0].evidence["feature.heat"] > 0.9


def test_missing_values_and_new_categories_are_shifts(detection: Any, stream: Any) -> None:
    rows = stream(8000, seed=4)
    rows.columns["load"][3000:4000] = np.nan
    rows.columns["kind"][6000:] = "z"
    watched = detection()
    watched.feed(rows, cuts=range(1000, 8000, 1000))
    found = [(signal.subject, signal.detector) for signal in watched.signals if not signal.segment]
    assert found[0][0] == "load"
    assert ("kind", "outliers") in found or ("kind", "share") in found


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(cuts=st.lists(st.integers(1, 4999), max_size=8, unique=True).map(sorted))
def test_signals_are_the_same_however_rows_are_cut_into_frames(cuts: list[int], detection: Any, stream: Any) -> None:
    rows = stream(5000, seed=7, error_share=steps(5000, 0.1, 0.3))
    rows.columns["heat"][3000:] += 2.0
    rows.columns["version"][1500:] = "1.0.1"
    whole, parts = detection(versions=("1.0.0", "1.0.1")), detection(versions=("1.0.0", "1.0.1"))
    whole.feed(rows)
    parts.feed(rows, cuts=cuts)
    assert without_position(parts.raw) == without_position(whole.raw)
    assert [block for status in parts.statuses for block in status.loss_blocks] == [
        block for status in whole.statuses for block in status.loss_blocks
    ]
    for name in ("rows", "labelled_rows", "metrics", "tests", "as_of"):
        assert getattr(parts.statuses[-1], name) == getattr(whole.statuses[-1], name)


@pytest.mark.parametrize("at", [1, 7, 12])
def test_a_restored_core_goes_on_byte_for_byte(at: int, detection: Any, stream: Any) -> None:
    rows = stream(8000, seed=8, error_share=steps(8000, 0.1, 0.3))
    rows.columns["heat"][5000:] += 1.0
    cuts = list(range(500, 8000, 500))
    whole, first, second = (detection() for _ in range(3))
    whole.feed(rows, cuts=cuts)
    assert first.feed_with(second, rows, cuts, at=at) == whole.raw


def test_a_new_version_is_judged_by_its_own_profile(detection: Any, stream: Any) -> None:
    rows = stream(9000, seed=9, error_share=steps(9000, 0.1, 0.4, 0.1))
    rows.columns["version"][6000:] = "1.0.1"
    watched = detection(versions=("1.0.0", "1.0.1"))
    watched.feed(rows, cuts=range(500, 9000, 500))
    assert [signal.model_version for signal in watched.harms()] == ["1.0.0"]
    assert watched.statuses[-1].model_version == "1.0.1"
    assert not any(name.startswith("error") for name in watched.statuses[-1].active_signals)
    blocks = [block for status in watched.statuses for block in status.loss_blocks]
    assert [block.index for block in blocks] == list(range(len(blocks)))
    assert sum(block.rows for block in blocks) + 25 > 9000


def test_a_canarys_rows_change_nothing(detection: Any, stream: Any) -> None:
    rows = stream(5000, seed=10)
    rows.columns["version"][5::10] = "1.0.1"
    watched = detection(versions=("1.0.0", "1.0.1"))
    watched.feed(rows)
    assert watched.statuses[-1].model_version == "1.0.0"
    assert watched.signals == []


def test_without_a_profile_the_first_rows_are_the_reference(detection: Any, stream: Any) -> None:
    watched = detection(versions=())
    watched.feed(stream(6000, seed=11, error_share=steps(6000, 0.2, 0.5)), cuts=range(500, 6000, 500))
    (signal,) = watched.harms()
    assert 3000 <= signal.raised.row <= 3150


def test_examples_and_corrections_are_no_evidence_but_examples_count_as_rows(detection: Any, stream: Any) -> None:
    rows = stream(2000, seed=12, error_share=0.9, event="example")
    rows.columns["version"][:] = None
    rows.columns["said"][:] = None
    watched = detection()
    watched.feed(rows, stop=1900)
    rows.columns["event"][1900:] = "correction"
    watched.feed(rows, start=1900)
    assert watched.signals == []
    assert watched.statuses[-1].labelled_rows == 1900


def test_a_drift_in_one_segment_names_the_segment(detection: Any, stream: Any) -> None:
    rows = stream(20_000, seed=13)
    late_north = (np.arange(20_000) >= 10_000) & (rows.columns["site"] == "north")
    flipped = late_north & (np.random.default_rng(1).random(20_000) < 0.12)
    other = np.where(rows.columns["ok"] == "1", "0", "1").astype(object)
    rows.columns["said"] = np.where(flipped, other, rows.columns["said"])
    watched = detection()
    watched.feed(rows, cuts=range(1000, 20_000, 1000))
    assert "site=north" in [signal.segment for signal in watched.signals if signal.harmful]
    assert "site=south" not in [signal.segment for signal in watched.signals]


def test_the_last_status_of_a_frame_is_the_whole_models(detection: Any, stream: Any) -> None:
    watched = detection()
    watched.feed(stream(1000))
    assert [status.segment for status in watched.statuses] == ["site=north", "site=south", ""]
    assert [status.signals for status in watched.statuses] == [None, None, 0]


def test_statuses_are_written_as_the_contract_would_write_them(detection: Any, stream: Any) -> None:
    watched = detection()
    watched.feed(stream(3000), cuts=[1000, 2000])
    for topic, value in watched.raw:
        if topic == "drift-status":
            assert json.loads(DriftStatus.from_json(value).to_json()) == json.loads(value)


def test_rubbish_is_a_dead_letter_and_unknown_models_are_ignored(detection: Any, stream: Any) -> None:
    watched = detection()
    effects = watched.take(b"no frame at all", ())
    assert [letter.stage for letter in effects.dead_letters] == ["decode"]
    lonely = DriftDetection()
    value, headers = stream(10).frame(0, 10)
    record = FakeRecord("outcome-frames", key="gate", value=value, headers=headers)
    assert lonely.process([record], watched_now(), tables_current=True).ignored == {"unknown_model": 1}


def watched_now() -> Any:
    from driftloop.testing.clock import START

    return START


def test_a_frame_that_speaks_of_an_unread_profile_asks_for_the_tables_once(detection: Any, stream: Any) -> None:
    watched = detection(versions=())
    value, headers = stream(10).frame(0, 10)
    record = FakeRecord("outcome-frames", key="gate", value=value, headers=headers)
    with pytest.raises(StaleTableError):
        watched.core.process([record], watched_now())
    watched.core.process([record], watched_now())


def test_a_snapshot_is_small(detection: Any, stream: Any) -> None:
    watched = detection()
    watched.feed(stream(40_000), cuts=range(5000, 40_000, 5000))
    assert sum(len(state) for _, state in watched.core.snapshot(0)) < 64 * 1024


def test_the_segment_that_carries_the_added_loss_is_named(detection: Any, stream: Any) -> None:
    rows = stream(8000, seed=14)
    north = (np.arange(8000) >= 4000) & (rows.columns["site"] == "north")
    flipped = north & (np.random.default_rng(2).random(8000) < 0.6)
    other = np.where(rows.columns["ok"] == "1", "0", "1").astype(object)
    rows.columns["said"] = np.where(flipped, other, rows.columns["said"])
    watched = detection()
    watched.feed(rows, cuts=range(700, 8000, 700))
    (signal,) = watched.harms()
    assert signal.evidence["segment site=north"] > 0.7
    assert "segment site=north carries" in signal.explanation
    assert watched.statuses[-1].attribution["segment site=north"] > 0.7


def test_the_error_is_estimated_before_labels_come_and_its_miss_is_told_later(detection: Any, stream: Any) -> None:
    rows = stream(4000, seed=15)
    rows.columns["event"][:2000] = "prediction"
    watched = detection()
    watched.feed(rows, stop=2000)
    early = watched.statuses[-1].metrics
    assert 0.03 < early["expected_error"] < 0.2
    assert "expected_error_miss" not in early
    watched.feed(rows, start=2000)
    assert abs(watched.statuses[-1].metrics["expected_error_miss"]) < 0.05


def test_metrics_of_the_newest_rows_are_those_of_the_rows(detection: Any, stream: Any) -> None:
    rows = stream(1000, seed=16)
    watched = detection()
    watched.feed(rows, cuts=[130, 777])
    metrics = watched.statuses[-1].metrics
    right = float(np.mean(rows.columns["ok"] == rows.columns["said"]))
    assert metrics["accuracy"] == pytest.approx(right)
    assert metrics["error_rate"] == pytest.approx(1 - right)
    assert 0.5 < metrics["f1"] <= 1
    assert 0 <= metrics["calibration_error"] < 0.5
    assert {"psi", "ks", "combined_score", "loss_trend", "accuracy_drop"} <= metrics.keys()


@pytest.mark.parametrize("preset", ["plant-regression", "agent-outcomes", "adaptive-feedback", "document-extraction"])
def test_a_source_preset_raises_a_performance_signal_of_its_own(
    preset: str, detection: Any, stream: Any, make_spec: Any
) -> None:
    watched = detection(spec=make_spec(detection=Detection(preset=preset)))
    watched.feed(stream(3000, seed=17, error_share=steps(3000, 0.04, 0.6)), cuts=[333, 1800])
    found = [signal for signal in watched.signals if signal.kind == "performance"]
    assert found
    assert 1500 <= min(signal.raised.row for signal in found if signal.raised.row > 1400) < 1700
    parts = detection(spec=make_spec(detection=Detection(preset=preset)))
    parts.feed(stream(3000, seed=17, error_share=steps(3000, 0.04, 0.6)))
    assert without_position(parts.raw) == without_position(watched.raw)


def test_a_second_change_while_the_first_stands_is_said_too(detection: Any, stream: Any) -> None:
    rows = stream(6000, seed=18)
    rows.columns["heat"][2000:4000] += 3.0
    rows.columns["heat"][4000:] -= 3.0
    watched = detection()
    watched.feed(rows, cuts=[1111, 2900, 4700])
    said = [signal for signal in watched.signals if not signal.segment]
    assert [signal.raised.row // 500 for signal in said] == [4, 8]
    assert "changed again" in said[1].explanation
