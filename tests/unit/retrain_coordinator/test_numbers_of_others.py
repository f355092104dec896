"""Versions that somebody else numbered as driftloop numbers its own: the next number is above all of them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftloop.contracts import topics
from driftloop.cores.version_order import age_order, is_numbered
from retrain_coordinator.core.processor import Coordinator

from .conftest import Story, spec

HASH = "0" * 64
NUMBERED = st.tuples(*[st.integers(0, 12)] * 3).map(lambda parts: ".".join(map(str, parts)))
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
    told.command("retrain")
    given_now = told.requests[-1].version
    met = [name for pair in frames for name in pair if name is not None and is_numbered(name)]
    assert all(age_order(given_now) > age_order(name) for name in met)
    assert is_numbered(given_now)
    assert told.decisions[-1].evidence.get("numbered_above") == max(met, key=age_order, default=None)
    assert told.state.elsewhere is None


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
