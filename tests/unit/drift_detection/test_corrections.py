"""A label that is corrected after it was counted corrects the figures, and nothing that was decided on it."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftloop.spec.model_spec import LabelDelay, TargetField

DECIDED = ("corrections", "alarms_", "false_alarms_", "loss_reference", "loss_rise", "accuracy_drop", "health_")
"""Beginnings of the names of metrics that say what was decided on the labels as they were, or go by the level
that the detector measured then."""


def corrected(stream: Any, rows: int, lag: int = 300) -> tuple[Any, Any]:
    """Rows of which a fifth comes with a wrong label that is corrected `lag` rows later; and the same rows, right
    from the beginning."""
    right = stream(rows, seed=5)
    wrong = np.random.default_rng(5).random(rows) < 0.2
    wrong[rows - lag :] = False
    order = [
        entry
        for row in range(rows)
        for entry in ((row, False), (row - lag, True))
        if not entry[1] or (row >= lag and wrong[row - lag])
    ]
    places, again = (np.array(column) for column in zip(*order, strict=True))
    told = stream(len(order))
    told.columns = {name: values[places] for name, values in right.columns.items()}
    told.columns["event"] = np.where(again, "correction", "outcome").astype(object)
    flips = ~again & wrong[places]
    told.columns["ok"][flips] = np.where(told.columns["ok"][flips] == "1", "0", "1")
    return told, right


def figures(watched: Any, segment: str = "") -> dict[str, float]:
    """The last metrics, without those that say what was decided."""
    last = next(status for status in reversed(watched.statuses) if status.segment == segment)
    return {name: value for name, value in last.metrics.items() if not name.startswith(DECIDED)}


@pytest.mark.parametrize("lag", [1, 30, 300, 900])
def test_metrics_after_corrections_are_those_of_the_corrected_labels(
    lag: int, detection: Any, stream: Any, make_spec: Any
) -> None:
    spec = make_spec(label_delay=LabelDelay(expected_seconds=6000))
    told, right = corrected(stream, 3000, lag)
    watched, ideal = detection(spec), detection(spec)
    first = np.flatnonzero(told.columns["event"] == "outcome")
    watched.feed(told, cuts=first[400::400].tolist())
    ideal.feed(right, cuts=range(400, 3000, 400))
    assert figures(watched) == pytest.approx(figures(ideal))
    assert figures(watched)["rolling_loss"] < 0.15
    assert watched.statuses[-1].metrics["corrections_too_late"] == 0


def test_a_segments_metrics_are_corrected_too(detection: Any, stream: Any) -> None:
    told, right = corrected(stream, 3000, 100)
    watched, ideal = detection(), detection()
    watched.feed(told, cuts=range(400, told.rows, 400))
    ideal.feed(right, cuts=range(400, 3000, 400))
    assert figures(watched, "site=north")["accuracy"] == pytest.approx(figures(ideal, "site=north")["accuracy"])


def test_the_errors_of_numbers_are_corrected(detection: Any, stream: Any, make_spec: Any) -> None:
    spec = make_spec(task="regression", target={"ok": TargetField(kind="number", scale=2.0)})
    told, right = corrected(stream, 3000, 200)
    for rows in (told, right):
        noise = np.random.default_rng(3).normal(size=3000)[rows.columns["place"]]
        rows.columns["ok"] = rows.columns["ok"].astype(float) * 3
        rows.columns["said"] = rows.columns["said"].astype(float) * 3 + noise
    watched, ideal = detection(spec, versions=()), detection(spec, versions=())
    watched.feed(told, cuts=range(400, told.rows, 400))
    ideal.feed(right, cuts=range(400, 3000, 400))
    names = ("rolling_loss", "mae", "rmse", "smape", "loss", "loss_trend")
    found, expected = figures(watched), figures(ideal)
    assert [found[name] for name in names] == pytest.approx([expected[name] for name in names])


def test_a_correction_of_an_older_row_is_counted_as_too_late(detection: Any, stream: Any) -> None:
    told, _ = corrected(stream, 3000, 1500)
    watched = detection()
    watched.feed(told, cuts=range(400, told.rows, 400))
    metrics = watched.statuses[-1].metrics
    assert metrics["corrections_too_late"] == metrics["corrections"] > 200


def test_a_label_that_is_corrected_twice_counts_as_it_was_last(detection: Any, stream: Any) -> None:
    told, right = corrected(stream, 1200, 50)
    first = told.columns["event"] == "correction"
    back = {name: np.concatenate((values, values[first][-20:])) for name, values in told.columns.items()}
    back["ok"][-20:] = np.where(back["ok"][-20:] == "1", "0", "1")
    twice, ideal = detection(), detection()
    told.rows, told.columns = len(back["ok"]), back
    twice.feed(told, cuts=[700])
    changed = np.isin(right.columns["place"], back["place"][-20:])
    right.columns["ok"][changed] = np.where(right.columns["ok"][changed] == "1", "0", "1")
    ideal.feed(right)
    assert figures(twice)["accuracy"] == pytest.approx(figures(ideal)["accuracy"])


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(cuts=st.lists(st.integers(1, 2499), max_size=6, unique=True).map(sorted))
def test_corrections_count_the_same_however_rows_are_cut_into_frames(
    cuts: list[int], detection: Any, stream: Any
) -> None:
    told, _ = corrected(stream, 2500, 400)
    whole, parts = detection(), detection()
    whole.feed(told)
    parts.feed(told, cuts=cuts)
    assert parts.statuses[-1].metrics == whole.statuses[-1].metrics


@pytest.mark.parametrize("cut", [0, 3, 17])
def test_a_correction_before_its_rows_version_is_judged_is_too_late_in_one_frame_or_in_two(
    cut: int, detection: Any, stream: Any
) -> None:
    told, _ = corrected(stream, 700, lag=1)
    told.columns["version"] = np.where(told.columns["place"] < 300, "1.0.0", "1.1.0").astype(object)
    again = told.columns["event"] == "correction"
    waiting = again & (told.columns["place"] >= 300) & (told.columns["place"] < 324)
    assert waiting.sum() > 2
    whole, parts = (detection(versions=("1.0.0", "1.1.0")) for _ in range(2))
    whole.feed(told)
    first = int(np.flatnonzero(told.columns["place"] == 300)[0])
    parts.feed(told, cuts=[first + cut, *range(first + 18, first + 45)])
    assert parts.statuses[-1].metrics == whole.statuses[-1].metrics
    assert whole.statuses[-1].metrics["corrections_too_late"] == waiting.sum()


@pytest.mark.parametrize("at", [2, 6])
def test_a_restored_core_goes_on_correcting_byte_for_byte(at: int, detection: Any, stream: Any) -> None:
    told, _ = corrected(stream, 4000)
    cuts = list(range(400, told.rows, 400))
    whole, first, second = (detection() for _ in range(3))
    whole.feed(told, cuts=cuts)
    assert first.feed_with(second, told, cuts, at=at) == whole.raw


def test_a_correction_raises_no_alarm_and_takes_none_back(detection: Any, stream: Any) -> None:
    told, _ = corrected(stream, 3000)
    plain = detection()
    plain.feed(told, cuts=[1500])
    kept = told.columns["event"] != "correction"
    told.rows, told.columns = int(kept.sum()), {name: values[kept] for name, values in told.columns.items()}
    without = detection()
    without.feed(told, cuts=[1500])
    assert [(signal.raised.row, signal.statistic) for signal in plain.signals] == [
        (signal.raised.row, signal.statistic) for signal in without.signals
    ]


def test_a_snapshot_of_another_release_keeps_the_numbers_of_rows(detection: Any, stream: Any) -> None:
    import zlib

    import msgspec

    old, new = detection(), detection()
    rows = stream(1000)
    old.feed(rows, stop=600)
    ((model, packed),) = old.core.snapshot(0)
    state = msgspec.json.decode(zlib.decompress(packed))
    state["model"] = {"spec_version": 1, "labelled_rows": 600, "watermark": state["model"]["counts"][3]}
    new.core.restore(0, [(model, zlib.compress(msgspec.json.encode(state)))])
    new.feed(rows, start=600)
    assert new.statuses[-1].labelled_rows == 1000
