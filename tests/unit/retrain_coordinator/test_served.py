"""A server that goes on with another version than the champion is told: rows of it come after the promotion."""

from datetime import timedelta

import pytest

from driftloop.contracts import topics

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


@pytest.mark.parametrize(("days", "waits"), [(27, False), (29, True)])
def test_labels_that_come_late_are_of_rows_from_before_the_promotion(story, days, waits):
    told = promoted(story)
    frame(told, "old", hours=24 * days, delay=28 * 86_400.0)
    frame(told, "old", delay=28 * 86_400.0)
    assert ("server" in told.state.waits) is waits


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
