"""Versions that somebody else numbered as driftloop numbers its own: the next number is above all of them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftloop.contracts import topics
from driftloop.cores.version_order import MOST, age_order, is_numbered
from retrain_coordinator.core.lifecycle.versions import has_room_above, next_version
from retrain_coordinator.core.processor import Coordinator

from .conftest import Story, spec

HASH = "0" * 64
PART = st.integers(0, 12) | st.integers(MOST - 2, MOST)
NUMBERED = st.tuples(PART, PART, PART).map(lambda parts: ".".join(map(str, parts)))
NAMED = st.sampled_from(["blue", "2026-05", "1.0", "1.0.0-rc1", "v1700000100", "1.0.9999999999"])


def frame(told, version=None, elsewhere=None):
    """A frame in which `version` serves, and `elsewhere` is the highest number that is not ours."""
    message = told.status(50, 0.1, say=False)
    told.say(topics.DRIFT_STATUS, message.model_copy(
        update={"model_version": version, "numbered_elsewhere": elsewhere}
    ))  # fmt: skip


@given(st.lists(st.tuples(NUMBERED | NAMED | st.none(), NUMBERED | st.none()), min_size=1, max_size=6), st.booleans())
def test_the_next_number_is_above_all_that_were_met(frames, restarted):
    told = Story(spec())
    for version, elsewhere in frames:
        frame(told, version, elsewhere)
    if restarted:
        kept = [("m", told.state.to_json())]
        told.core = Coordinator()
        told.apply(told.spec)
        told.core.restore(0, kept)
    met = {name for pair in frames for name in pair if name is not None}
    given_now = runs(told, 4)
    assert all(is_numbered(name) for name in given_now)
    assert sorted({*given_now}, key=age_order) == given_now, "each number is given once, and they rise"
    assert met.isdisjoint(given_now)
    counted = [name for name in met if has_room_above(name)]
    assert all(age_order(given_now[0]) > age_order(name) for name in counted)
    highest = max(counted, key=age_order, default="0.0.0")
    above = None if age_order(highest) < age_order("1.0.0") else highest
    asked = [made for made in told.decisions if made.action == "retrain"]
    assert [made.evidence.get("numbered_above") for made in asked] == [above, None, None, None]
    assert told.state.elsewhere is None


@given(NUMBERED, st.lists(st.sampled_from(["features", "target", "nothing"]), max_size=6))
def test_numbers_rise_whatever_a_spec_changes(highest, changes):
    now = {"features": "0", "target": "0"}
    for step, what in enumerate(changes):
        if not has_room_above(highest):
            break
        before, now = now, {**now, what: str(step + 1)}
        following = next_version(highest, before, now)
        assert is_numbered(following)
        assert age_order(following) > age_order(highest)
        highest = following


def test_a_version_that_leaves_no_room_for_later_numbers_is_not_registered(story):
    told = story()
    frame(told, "blue")
    told.command("register", version=f"{MOST}.0.0", artifact="file:///x", artifact_sha256=HASH)
    assert told.champion is None
    assert "leaves no room" in told.decisions[-1].reason
    told.command("register", version=f"1.0.{MOST}", artifact="file:///x", artifact_sha256=HASH)
    assert told.champion == f"1.0.{MOST}"
    assert runs(told, 2) == ["1.1.0", "1.1.1"]


def runs(told, count):
    """The numbers of the next runs, each of which gives a version."""
    for _ in range(count):
        told.command("retrain")
        told.result([0.1] * 20 if told.champion else [], [0.1] * 20)
    return [request.version for request in told.requests[-count:]]


def test_an_entry_of_a_model_whose_names_are_its_own_stays_as_it_was(story):
    told = story()
    frame(told, "blue")
    assert "elsewhere" not in json.loads(told.state.to_json())
    told.command("retrain")
    assert told.requests[-1].version == "1.0.0"
    frame(told, "1.0.0")
    assert "elsewhere" not in json.loads(told.state.to_json())


def test_a_version_that_serves_elsewhere_may_still_be_registered_by_its_name(story):
    told = story()
    frame(told, "1.0.0", "1.0.0")
    told.command("register", version="1.0.0", artifact="file:///x", artifact_sha256=HASH)
    assert told.champion == "1.0.0"
    assert told.state.elsewhere is None
    told.command("retrain")
    assert told.requests[-1].version == "1.0.1"


@pytest.mark.parametrize("serving", ["driftloop", "external"])
def test_a_canary_of_the_server_takes_a_number_too(story, serving):
    told = story(serving=serving)
    frame(told, "2.0.0", "2.0.7")
    told.command("retrain")
    assert told.requests[-1].version == "2.0.8"


def said(told):
    """What was said about names."""
    return [made for made in told.decisions if made.trigger == "version_name"]


@pytest.mark.parametrize("where", ["serves", "beside"])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_run_whose_number_outcomes_bear_by_its_end_is_not_taken_in(story, where, restarted):
    told = story()
    frame(told, "blue")
    told.command("retrain")
    for _ in range(2):
        frame(told, *(("1.0.0", None) if where == "serves" else ("blue", "1.0.0")))
    assert [made.candidate for made in said(told)] == ["1.0.0"], "said once"
    if restarted:
        told.core.restore(0, [("m", told.state.to_json())])
    told.result([], [0.1] * 20)
    assert (told.champion, told.events, told.state.run) == (None, [], None)
    assert "not taken in" in said(told)[-1].reason
    assert said(told)[-1].run_id == told.requests[-1].message_id
    told.command("retrain")
    assert told.requests[-1].version == "1.0.1"
    told.result([], [0.1] * 20)
    assert told.champion == "1.0.1"
    assert len(said(told)) == 2


def test_a_run_that_fails_or_brings_an_archived_version_back_ends_as_ever(story):
    told = story()
    frame(told, "blue")
    told.command("retrain")
    frame(told, "1.0.0")
    told.result(status="failed")
    assert told.decisions[-1].trigger == "run_failed"


@pytest.mark.parametrize(("mode", "times"), [("e-process", 1), ("canary", 0)])
def test_a_challenger_that_outcomes_name_though_it_does_not_serve_is_said_once(story, mode, times):
    told = story(challenge={"mode": mode}).first_version()
    told.command("retrain")
    told.result([0.5] * 20, [0.5] * 20)
    assert {*told.state.challenges} == {"1.0.1"}
    for _ in range(3):
        frame(told, "1.0.1")
        told.scores({"1.0.0": [0.1] * 50, "1.0.1": [0.1] * 50})
    assert [made.candidate for made in said(told)] == ["1.0.1"] * times


def test_late_labels_of_a_version_that_a_run_brought_back_are_its_own(story):
    told = story(policy={"preset": "default", "triggers": {"payoff": None}, "safeguards": {"reuse_candidates": 3}})
    told.first_version()
    told.command("register", version="1.0.1", artifact="file:///x", artifact_sha256=HASH)
    told.command("promote")
    told.command("retrain")
    told.result([0.1] * 20, [0.1] * 20, reused_version="1.0.0")
    assert (told.champion, {*told.state.challenges}) == ("1.0.1", {"1.0.0"})
    told.core.restore(0, [("m", told.state.to_json())])
    frame(told, "1.0.0")
    told.scores({"1.0.0": [0.1] * 50, "1.0.1": [0.1] * 50})
    assert said(told) == []


@pytest.mark.parametrize("named", [None, "1.0.0", "blue"])
def test_nothing_is_said_of_versions_that_serve_or_are_named_otherwise(story, named):
    told = story().first_version()
    told.command("retrain")
    frame(told, named)
    told.result([0.5] * 20, [0.1] * 20)
    frame(told, named)
    assert said(told) == []


def test_of_a_model_that_others_serve_rows_before_the_end_of_a_run_are_its_own(story):
    told = story(serving="external")
    frame(told, "blue")
    told.command("retrain")
    frame(told, "1.0.0")
    told.scores({"blue": [], "1.0.0": [0.1] * 50})
    told.result([], [0.1] * 20)
    assert (told.champion, said(told)) == ("1.0.0", [])
    assert told.state.versions["1.0.0"].artifact
