"""Labels are watched like any other column, in a stream of their own: they come later than predictions."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_detection.core.monitors.budget import Budget
from drift_detection.core.sliding_windows import QUARTERS
from driftloop.contracts.message import derive_id
from driftloop.learners.protocol import Predictions, Rows
from driftloop.spec.model_spec import MONITORS, Detection, TargetField
from driftloop.spec.policy import preset
from driftloop.statistics.profiles import make_profile
from driftloop.testing.clock import START
from driftloop.testing.records import FakeRecord
from driftloop.tools.cli.status_words import sentences


def more_of_ones(rows: Any, start: int, share: float = 0.6) -> Any:
    """From row `start` on, so many of the zeros are ones, and the model says so: its errors stay what they were."""
    late = (np.arange(rows.rows) >= start) & (np.random.default_rng(8).random(rows.rows) < share)
    turned = late & (rows.columns["ok"] == "0")
    right = rows.columns["said"] == rows.columns["ok"]
    rows.columns["ok"] = np.where(turned, "1", rows.columns["ok"]).astype(object)
    other = np.where(rows.columns["ok"] == "1", "0", "1")
    rows.columns["said"] = np.where(right, rows.columns["ok"], other).astype(object)
    return rows


def late_labels(rows: Any, lag: int) -> Any:
    """The same rows: each is predicted first, and its label comes `lag` rows later."""
    order = [(row, "prediction") for row in range(lag)]
    for row in range(lag, rows.rows + lag):
        order += [(row, "prediction")] * (row < rows.rows) + [(row - lag, "label")]
    places, events = zip(*order, strict=True)
    told = type(rows)(len(order))
    told.columns = {name: values[list(places)] for name, values in rows.columns.items()}
    told.columns["event"] = np.array(events, dtype=object)
    return told


def of_labels(watched: Any) -> list[Any]:
    return [signal for signal in watched.signals if signal.kind == "label"]


def test_a_shift_of_the_labels_is_said_once_with_its_evidence_and_is_no_harm(detection: Any, stream: Any) -> None:
    watched = detection()
    watched.feed(more_of_ones(stream(8000), 4000), cuts=range(500, 8000, 500))
    (signal,) = of_labels(watched)
    assert (signal.subject, signal.segment, signal.severity, signal.harmful) == ("ok", "", "warning", False)
    assert signal.kind not in preset("default").triggers.signals
    assert 4000 <= signal.raised.row <= 4750
    assert signal.onset.row <= signal.raised.row
    assert signal.raised.prediction_id == f"row-{signal.raised.row:08d}"
    assert signal.evidence["label.ok"] == pytest.approx(1.0)
    assert "of label ok differs from what version 1.0.0 learnt" in signal.explanation
    assert "labelled rows" in signal.explanation
    assert signal.statistic >= signal.threshold
    assert signal.reference_rows == 4000


def test_status_and_its_words_tell_of_labels(detection: Any, stream: Any) -> None:
    watched = detection()
    watched.feed(more_of_ones(stream(6000), 3000, 0.3), cuts=range(500, 6000, 500))
    status = watched.statuses[-1]
    assert "label.ok" in status.active_signals
    (test,) = [test for test in status.tests if test.subject == "label.ok"]
    assert test.alarmed
    assert test.name in MONITORS
    assert status.attribution["label.ok"] > 0
    assert sum(status.attribution.values()) == pytest.approx(1.0, abs=1e-5)
    assert "label.ok" in sentences(status)["stands"]
    assert "label.ok" in sentences(status)["shift"]
    others = [name for one in watched.statuses if one.segment for name in one.active_signals]
    assert "label.ok" not in others, "segments have no windows of labels"


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_shift_that_takes_a_whole_window_to_be_found_is_said_once(seed: int, detection: Any, stream: Any) -> None:
    watched = detection()
    watched.feed(more_of_ones(stream(8000, seed), 4000, 0.3), cuts=range(500, 8000, 500))
    assert len(of_labels(watched)) == 1, "a longer window that holds older rows too does not tell that it has passed"


def test_labels_are_windowed_as_they_come_not_as_their_rows_were_predicted(detection: Any, stream: Any) -> None:
    watched = detection()
    watched.feed(late_labels(more_of_ones(stream(7000), 3000), 2000), cuts=range(900, 14_000, 900))
    (said,) = [one for one in watched.signals if one.kind == "prediction" and not one.segment]
    (true,) = of_labels(watched)
    assert said.raised.prediction_id < "row-00003751"
    assert said.raised.row < 1750, "3,750 predictions and the labels of 1,750"
    assert 3000 <= true.raised.row < 3750
    assert true.raised.prediction_id == f"row-{true.raised.row:08d}"


def test_numbers_are_watched_too(detection: Any, stream: Any, make_spec: Any) -> None:
    spec = make_spec(task="regression", target={"ok": TargetField(kind="number", scale=2.0)})
    learnt = np.random.default_rng(1).normal(100, 10, 4000)
    profile = make_profile(
        spec.model_id,
        "1.0.0",
        spec,
        1,
        Rows({name: stream(4000, 99).columns[name] for name in spec.features}, {"ok": learnt}),
        Predictions({"ok": learnt}),
        np.full(4000, 0.1),
        1.0,
        message_id=derive_id("profile"),
        occurred_at=START,
    )
    rows = stream(6000)
    rows.columns["ok"] = np.random.default_rng(2).normal(100, 10, 6000)
    rows.columns["said"] = rows.columns["ok"].copy()
    rows.columns["ok"][3000:] += 5.0
    watched = detection(spec, versions=())
    watched.core.take_table("model-profiles", [FakeRecord("model-profiles", key="gate/1.0.0", value=profile.to_json())])
    watched.feed(rows, cuts=[2500, 4000])
    (signal,) = of_labels(watched)
    assert 3000 <= signal.raised.row < 3500
    assert [name for name in watched.statuses[-1].active_signals if name.startswith(("label", "prediction"))] == [
        "label.ok"
    ]


def test_corrections_are_no_labels_that_come(detection: Any, stream: Any) -> None:
    rows = stream(6000)
    rows.columns["event"][3000:] = "correction"
    rows.columns["place"][3000:] = np.arange(3000)
    rows.columns["ok"][3000:] = "1"
    watched = detection()
    watched.feed(rows, cuts=range(500, 6000, 500))
    assert watched.statuses[-1].metrics["corrections"] == 3000
    assert of_labels(watched) == []


def test_labels_of_a_new_version_are_compared_with_what_it_learnt(detection: Any, stream: Any) -> None:
    rows = more_of_ones(stream(9000), 3000)
    rows.columns["version"][6000:] = "1.0.1"
    watched = detection(versions=("1.0.0", "1.0.1"))
    watched.feed(rows, cuts=range(500, 9000, 500))
    assert [signal.model_version for signal in of_labels(watched)] == ["1.0.0", "1.0.1"]
    assert [signal.raised.row // 1000 for signal in of_labels(watched)] == [3, 6]


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(1, 8999), max_size=8, unique=True).map(sorted), window=st.sampled_from([None, 6e4]))
def test_labels_say_the_same_however_rows_are_cut_into_frames(
    cuts: list[int], window: float | None, detection: Any, stream: Any, make_spec: Any
) -> None:
    rows = late_labels(more_of_ones(stream(4500), 1500), 300)
    rows.columns["version"][3700:4100:3] = "1.0.1"
    rows.columns["version"][6000:] = "1.0.1"
    spec = make_spec(detection=Detection(window_seconds=window))
    whole, parts = (detection(spec, versions=("1.0.0", "1.0.1")) for _ in range(2))
    whole.feed(rows)
    parts.feed(rows, cuts=cuts)
    keys = ("message_id", "raised", "onset", "statistic", "explanation")
    assert [signal.model_dump(include=set(keys)) for signal in of_labels(parts)] == [
        signal.model_dump(include=set(keys)) for signal in of_labels(whole)
    ]
    assert of_labels(whole)
    assert parts.statuses[-1].tests == whole.statuses[-1].tests


@pytest.mark.parametrize("at", [3, 9])
def test_a_restored_core_goes_on_with_its_windows_of_labels(at: int, detection: Any, stream: Any) -> None:
    rows = more_of_ones(stream(7000), 3000)
    rows.columns["version"][3600:] = "1.0.1"
    rows.columns["version"][3990:4010] = "1.0.2"
    cuts = list(range(400, 7000, 400))
    whole, first, second = (detection(versions=("1.0.0", "1.0.1", "1.0.2")) for _ in range(3))
    whole.feed(rows, cuts=cuts)
    assert first.feed_with(second, rows, cuts, at=at) == whole.raw
    assert of_labels(whole)


def test_labels_have_their_own_share_of_the_budget_by_the_rows_that_are_labelled() -> None:
    budget = Budget(per_month=2.0).at(rows=1e8, labelled_rows=2e6)
    columns, window, block = 10, 1000, 1000 / QUARTERS
    rows = budget.window_level("", columns, window) * len(MONITORS) * (budget.rows / block)
    labels = budget.window_level("", columns, window, labelled=True) * len(MONITORS) * (budget.labelled_rows / block)
    assert rows == pytest.approx(labels), "a column has as many false alarms a month, however many rows it has"
    assert 9 * rows + labels == pytest.approx(2.0 / 2 / 2), (
        "half of the budget for columns, half of it for long windows"
    )
