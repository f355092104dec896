"""Labels that come for some predictions only raise no harm by themselves; harm among them is found."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.drift_detection.test_detection import without_position

from drift_detection.core.labels.selection import is_selected
from driftloop.contracts.message import derive_id
from driftloop.learners.protocol import Predictions, Rows
from driftloop.statistics.profiles import make_profile
from driftloop.testing.records import FakeRecord

ERRORS = {"1": 0.25, "0": 0.03}
"""Errors by what was predicted."""


def said_and_true(rows: int, seed: int, errors: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    positive = rng.random(rows) < 0.3
    share = np.where(positive, errors["1"], errors["0"])
    wrong = rng.random(rows) < share
    said = np.where(positive, "1", "0").astype(object)
    return said, np.where(positive ^ wrong, "1", "0").astype(object)


def with_profile(watched: Any, spec: Any) -> Any:
    said, true = said_and_true(4000, 99, ERRORS)
    rng = np.random.default_rng(98)
    features = {
        "heat": rng.normal(size=4000),
        "load": rng.lognormal(size=4000),
        "kind": rng.choice(["a", "b", "c"], 4000, p=[0.6, 0.3, 0.1]).astype(object),
    }
    profile = make_profile(
        "gate",
        "1.0.0",
        spec,
        1,
        Rows(features, {"ok": true}),
        Predictions({"ok": said}, None),
        (said != true).astype(float),
        1.0,
        message_id=derive_id("profile", "selection"),
        occurred_at=datetime(2026, 3, 2, tzinfo=UTC),
    ).to_json()
    watched.core.take_table("model-profiles", [FakeRecord("model-profiles", key="gate/1.0.0", value=profile)])
    return watched


def labelled_where(stream: Any, rows: int, seed: int, errors: dict[str, Any], chosen: Any) -> Any:
    """Rows of which only the `chosen` ones have a label."""
    made = stream(rows, seed=seed)
    made.columns["said"], made.columns["ok"] = said_and_true(rows, seed, errors)
    labelled = chosen(made.columns["said"], np.random.default_rng(seed + 1).random(rows))
    made.columns["event"][~labelled] = "prediction"
    return made


def positives(said: np.ndarray, chance: np.ndarray) -> np.ndarray:
    return np.asarray((said == "1") | (chance < 0.02))


def later(said: np.ndarray, _: np.ndarray) -> np.ndarray:
    return np.asarray((said == "1") | (np.arange(len(said)) < len(said) // 2))


@pytest.mark.parametrize("chosen", [positives, later])
@pytest.mark.parametrize("seed", range(3))
def test_labels_for_predicted_positives_only_raise_no_harm(
    chosen: Any, seed: int, detection: Any, stream: Any, make_spec: Any
) -> None:
    spec = make_spec()
    watched = with_profile(detection(spec), spec)
    watched.feed(labelled_where(stream, 8000, seed, ERRORS, chosen), cuts=range(1000, 8000, 1000))
    assert [signal for signal in watched.signals if signal.harmful] == []
    assert any("labels come for some predicted classes" in note for note in watched.statuses[-1].notes)


def test_harm_among_the_labelled_ones_is_found_all_the_same(detection: Any, stream: Any, make_spec: Any) -> None:
    spec = make_spec()
    watched = with_profile(detection(spec), spec)
    risen = {"1": np.repeat([0.25, 0.5], 5000), "0": 0.03}
    watched.feed(labelled_where(stream, 10_000, 7, risen, positives), cuts=range(1000, 10_000, 1000))
    (harm,) = watched.harms()
    assert 1500 < harm.raised.row < 2300
    assert harm.reference_value == pytest.approx(0.24, abs=0.03)


def test_more_of_a_hard_class_is_harm_where_all_rows_are_labelled(detection: Any, stream: Any, make_spec: Any) -> None:
    spec = make_spec()
    watched = with_profile(detection(spec), spec)
    rows = stream(6000, seed=8)
    rows.columns["said"], rows.columns["ok"] = said_and_true(6000, 8, ERRORS)
    hard, wrong = np.arange(6000) > 3000, np.random.default_rng(9).random(6000) < 0.25
    rows.columns["said"][hard] = "1"
    rows.columns["ok"][hard] = np.where(wrong[hard], "0", "1")
    watched.feed(rows, cuts=range(1000, 6000, 1000))
    assert [signal.model_version for signal in watched.harms()] == ["1.0.0"]


@settings(max_examples=4, deadline=None)
@given(cuts=st.lists(st.integers(1, 3999), max_size=5, unique=True).map(sorted))
def test_a_selection_is_found_at_the_same_rows_however_they_are_cut(
    cuts: list[int], detection: Any, stream: Any, make_spec: Any
) -> None:
    spec = make_spec()
    risen = {"1": np.repeat([0.25, 0.6], 2000), "0": 0.03}
    rows = labelled_where(stream, 4000, 3, risen, positives)
    whole, parts = (with_profile(detection(spec), spec) for _ in range(2))
    whole.feed(rows)
    parts.feed(rows, cuts=cuts)
    assert without_position(parts.raw) == without_position(whole.raw)
    assert parts.statuses[-1].notes == whole.statuses[-1].notes
    assert parts.statuses[-1].metrics == whole.statuses[-1].metrics


def test_labels_that_come_at_random_are_seldom_taken_for_selected_ones() -> None:
    rng, found = np.random.default_rng(0), 0
    for _ in range(2000):
        rows = int(rng.integers(200, 5000))
        positive = rng.random(rows) < rng.uniform(0.02, 0.5)
        labelled = rng.random(rows) < rng.uniform(0.05, 0.9)
        counts = [{"1": int(of.sum()), "0": int((~of).sum())} for of in (positive[labelled], positive)]
        found += is_selected(counts[0], counts[1])
    assert found <= 3
