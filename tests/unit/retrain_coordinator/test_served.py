"""A server that goes on with another version than the champion is told: rows of it come after the promotion."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift_detection.core.labels.label_delays import LabelDelays
from drift_detection.core.monitors.versions import ServingVersion
from driftloop.contracts import topics
from retrain_coordinator.core.lifecycle.served import SWAP

from .conftest import Story, spec

HASH = "0" * 64


def frame(told, version, *, rows=300, hours=1.0, as_of=None, delay=None):
    """A frame that `version` predicted; its rows have their labels `delay` seconds late."""
    message = told.status(rows, 0.1, say=False, hours=hours)
    metrics = {} if delay is None else {"label_delay_p99_seconds": delay}
    told.say(topics.DRIFT_STATUS, message.model_copy(
        update={"model_version": version, "metrics": metrics, "as_of": as_of or message.as_of}
    ))  # fmt: skip
    watched = [told.state.probation.predecessor] if told.state.probation else []
    told.scores({one: [] for one in (told.champion, *watched, *told.state.challenges) if one})


def promoted(story, **changes):
    """`old` serves, and `new` was made the champion."""
    told = story(**changes)
    for version in ("old", "new"):
        told.command("register", version=version, artifact="file:///x", artifact_sha256=HASH)
    frame(told, "old")
    assert "server" not in told.state.waits
    told.command("promote", version="new")
    assert told.champion == "new"
    return told


def behind(told):
    """So many rows of the version before that they cannot be those of a server which is about to follow."""
    frame(told, "old", rows=1)
    frame(told, "old", rows=299)
    assert "server" not in told.state.waits
    frame(told, "old", rows=1)
    assert "server" in told.state.waits


def test_a_server_that_stays_behind_is_waited_for_until_it_follows(story):
    told = promoted(story)
    assert "server" not in told.state.waits
    behind(told)
    since = told.state.waits["server"]
    frame(told, "old")
    assert told.state.waits["server"] == since
    frame(told, "new")
    assert "server" not in told.state.waits


def test_a_server_has_a_minute_to_load_a_version(story):
    told = promoted(story)
    for _ in range(2):
        frame(told, "old", as_of=told.state.champion_since + timedelta(seconds=59))
    assert "server" not in told.state.waits
    for _ in range(2):
        frame(told, "old", as_of=told.state.champion_since + timedelta(seconds=61))
    assert "server" in told.state.waits


@pytest.mark.parametrize(("days", "waits"), [(27, False), (41, False), (43, True)])
def test_labels_that_come_late_are_of_rows_from_before_the_promotion(story, days, waits):
    told = promoted(story)
    frame(told, "old", hours=24 * days, delay=28 * 86_400.0)
    frame(told, "old", delay=28 * 86_400.0)
    assert ("server" in told.state.waits) is waits


@given(seconds=st.floats(0, 400 * 86_400.0))
def test_labels_that_are_all_as_late_are_not_taken_for_those_of_later_rows(seconds):
    """Whatever bin of the published quantile their delay falls into: rows of a server that has its minute still."""
    delays = LabelDelays()
    delays.push(np.full(500, int(seconds * 1000)))
    late = delays.metrics()["label_delay_p99_seconds"]
    told = promoted(lambda: Story(spec()))
    predicted = told.state.champion_since + SWAP - timedelta(seconds=1)  # delays of up to a second are told as none
    for _ in range(2):
        frame(told, "old", as_of=predicted + timedelta(seconds=int(seconds)), delay=late)
    assert "server" not in told.state.waits


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("draw", ["as late", "exponential"])
def test_a_server_that_follows_at_once_is_never_said_to_stay_behind_however_late_labels_come(back, draw):
    """By detection's own rules: rows in the order of their labels, of which ever fewer are of the version before."""
    count, day = 8_000, 86_400.0
    predicted = (np.arange(count) - count // 2) * 60.0
    versions = np.where(predicted > 0, "new", "old")
    for seed in range(4):
        rng = np.random.default_rng(seed)
        delays = np.full(count, rng.uniform(0.5, 1.5) * day) if draw == "as late" else rng.exponential(0.3 * day, count)
        labelled = predicted + delays
        told = promoted(lambda: Story(spec()))
        start, serving, known = told.state.champion_since, ServingVersion(), LabelDelays()
        for version in ("new", "old") if back else ("old",):
            for _ in range(200):
                serving.see(version)
        order = np.argsort(labelled, kind="stable")
        for rows in np.split(order[labelled[order] <= predicted[-1]][: count // 50 * 50], range(50, count, 50)):
            if not len(rows):
                break
            for version in versions[rows]:
                serving.see(version)
            known.push((delays[rows] * 1000).astype(np.int64))
            late = known.metrics()["label_delay_p99_seconds"]
            as_of = start + timedelta(seconds=float(labelled[rows].max()))
            frame(told, serving.current, rows=len(rows), as_of=as_of, delay=late)
            assert "server" not in told.state.waits
        assert serving.current == "new"


def test_the_rows_of_a_canary_are_no_server_that_stays_behind_nor_are_their_late_labels(story):
    told = promoted(story, challenge={"mode": "canary", "probation_rows": 0})
    told.command("register", version="newer", artifact="file:///x", artifact_sha256=HASH)
    frame(told, "newer")
    frame(told, "newer")
    assert "server" not in told.state.waits
    told.command("veto")
    frame(told, "newer")
    frame(told, "newer")
    assert "server" not in told.state.waits
    behind(told)


def test_the_next_promotion_or_roll_back_begins_anew(story):
    told = promoted(story)
    behind(told)
    told.command("roll_back")
    assert told.champion == "old"
    assert "server" not in told.state.waits
    frame(told, "old")
    assert "server" not in told.state.waits


def test_what_comes_without_predictions_says_nothing_of_a_server(story):
    told = promoted(story)
    frame(told, None)
    frame(told, None)
    assert "server" not in told.state.waits


def test_versions_that_share_traffic_by_channel_are_no_server_that_stays_behind(story):
    told = promoted(story, segments=["channel"], variants={"channel": "channel", "versions": 2})
    frame(told, "old")
    frame(told, "old")
    assert "server" not in told.state.waits
