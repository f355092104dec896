"""Versions and segments that share a model's rows: each that matters is watched, of the others it is said."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.drift_detection.test_detection import without_position

from drift_detection.core.monitors.segment_slots import SEGMENTS


def shared(stream: Any, rows: int, *, every: int, share: float, seed: int = 51) -> Any:
    """One row in `every` is of 1.0.1, which is wrong in `share` of its rows after the first half."""
    made = stream(rows, seed=seed)
    other = np.arange(rows) % every == every - 1
    made.columns["version"][other] = "1.0.1"
    flips = other & (np.arange(rows) > rows // 2) & (np.random.default_rng(seed).random(rows) < share)
    wrong = np.where(made.columns["ok"] == "1", "0", "1").astype(object)
    made.columns["said"] = np.where(flips, wrong, made.columns["said"])
    return made


@pytest.mark.parametrize("every", [2, 10])
def test_a_version_that_shares_traffic_is_watched_too(every: int, detection: Any, stream: Any) -> None:
    rows = shared(stream, 8000, every=every, share=0.6)
    watched = detection(versions=("1.0.0", "1.0.1"))
    watched.feed(rows, cuts=range(1000, 8000, 1000))
    mine = [signal for signal in watched.harms() if signal.model_version == "1.0.1"]
    assert [signal.severity for signal in mine] == ["warning"]
    assert "shares traffic with the one that is judged" in mine[0].explanation
    assert mine[0].raised.row > 4000
    assert not [signal for signal in watched.harms() if signal.model_version == "1.0.0"]
    assert any(note.startswith("version 1.0.1 shares traffic") for note in watched.statuses[-1].notes)
    assert watched.statuses[-1].model_version == "1.0.0"


def test_late_labels_of_a_version_that_was_replaced_are_counted_and_no_harm(detection: Any, stream: Any) -> None:
    rows = stream(3000, seed=52)
    rows.columns["version"][1000:] = "1.0.1"
    rows.columns["version"][1500:2900:3] = "1.0.0"
    rows.columns["event"][1500:2900:3] = "label"
    rows.columns["place"][1500:2900:3] = np.arange(0, len(range(1500, 2900, 3)))
    watched = detection(versions=("1.0.0", "1.0.1"))
    watched.feed(rows, cuts=[1200, 2000])
    assert watched.statuses[-1].metrics["unjudged_rows:late"] == len(range(1500, 2900, 3))


@settings(max_examples=4, deadline=None)
@given(cuts=st.lists(st.integers(1, 3999), max_size=6, unique=True).map(sorted))
def test_versions_that_share_traffic_are_judged_the_same_however_rows_are_cut(
    cuts: list[int], detection: Any, stream: Any
) -> None:
    rows = shared(stream, 4000, every=3, share=0.7)
    whole, parts = detection(versions=("1.0.0", "1.0.1")), detection(versions=("1.0.0", "1.0.1"))
    whole.feed(rows)
    parts.feed(rows, cuts=cuts)
    assert without_position(parts.raw) == without_position(whole.raw)
    assert [signal for signal in whole.signals if signal.model_version == "1.0.1"]
    for name in ("metrics", "notes", "tests"):
        assert getattr(parts.statuses[-1], name) == getattr(whole.statuses[-1], name)


def many_segments(stream: Any, rows: int, tiny: int) -> Any:
    """`tiny` segments of three rows each come first; then one has a twentieth of the rows and goes bad."""
    made = stream(rows, seed=53)
    site = np.full(rows, "web", dtype=object)
    site[: 3 * tiny] = np.tile([f"s{one:03}" for one in range(tiny)], 3)
    big = (np.arange(rows) % 20 == 0) & (np.arange(rows) >= 3 * tiny)
    site[big] = "big"
    bad = big & (np.arange(rows) > rows * 2 // 5) & (np.random.default_rng(1).random(rows) < 0.5)
    made.columns["site"] = site
    wrong = np.where(made.columns["ok"] == "1", "0", "1").astype(object)
    made.columns["said"] = np.where(bad, wrong, made.columns["said"])
    return made


def test_a_segment_with_a_twentieth_of_the_rows_is_found_behind_sixty_tiny_ones(detection: Any, stream: Any) -> None:
    watched = detection()
    watched.feed(many_segments(stream, 12_000, 60), cuts=range(500, 12_000, 500))
    assert "site=big" in [signal.segment for signal in watched.signals if signal.harmful]
    ((_, model),) = watched.core.models()
    assert len(model.monitors) == SEGMENTS + 1


def test_segments_that_nobody_watches_are_counted(detection: Any, stream: Any) -> None:
    rows = stream(3000, seed=54)
    rows.columns["site"] = np.array([f"s{row % 80:02}" for row in range(3000)], dtype=object)
    watched = detection()
    watched.feed(rows, cuts=[1000, 2000])
    metrics = watched.statuses[-1].metrics
    assert metrics["unwatched_segments"] == 30
    assert metrics["unwatched_segment_share"] == pytest.approx(30 / 80, abs=0.03)
    assert "36.7% of the rows" in "; ".join(watched.statuses[-1].notes)


@pytest.mark.slow
@settings(max_examples=5, deadline=None)
@given(cuts=st.lists(st.integers(1, 5999), max_size=6, unique=True).map(sorted))
def test_places_change_hands_at_the_same_rows_however_they_are_cut(
    cuts: list[int], detection: Any, stream: Any
) -> None:
    rows = many_segments(stream, 6000, 60)
    whole, parts = detection(), detection()
    whole.feed(rows)
    parts.feed(rows, cuts=cuts)
    assert without_position(parts.raw) == without_position(whole.raw)
    assert parts.statuses[-1].metrics == whole.statuses[-1].metrics
    ((_, one),), ((_, other),) = parts.core.models(), whole.core.models()
    assert sorted(one.monitors) == sorted(other.monitors)
    assert {name: monitor.labelled_rows for name, monitor in one.monitors.items()} == {
        name: monitor.labelled_rows for name, monitor in other.monitors.items()
    }
