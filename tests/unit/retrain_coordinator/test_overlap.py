"""Forecasts share truths: how many do is known of a version, and its probation goes by it however it came to serve."""

import pytest

from retrain_coordinator.core.proof import challenge
from retrain_coordinator.core.state import VersionEntry, read_entry

BAD, GOOD = [0.9] * 3000, [0.1] * 3000
SHARED = {challenge.ROWS_A_HORIZON: 24.0}


def second(story, champion=BAD, challenger=GOOD, **changes):
    """1.0.0 serves, and a run gave 1.0.1; forecasts of both share their truths with 24."""
    told = story(**changes)
    told.status(500)
    told.command("retrain")
    told.result([], [0.1] * 20, metrics=SHARED)
    told.command("retrain")
    told.result(champion, challenger, metrics=SHARED)
    return told


def test_one_that_is_proven(story):
    told = second(story)
    assert (told.champion, told.state.probation.harm.overlap) == ("1.0.1", 24.0)


def test_one_that_a_person_promotes(story):
    told = second(story, GOOD, GOOD)
    assert (told.champion, told.state.challenges["1.0.1"].gain.overlap) == ("1.0.0", 24.0)
    told.command("promote", version="1.0.1")
    assert (told.champion, told.state.probation.harm.overlap) == ("1.0.1", 24.0)


def test_one_that_was_archived(story):
    told = second(story, challenge={"probation_rows": 100})
    for _ in range(3):
        told.status(100, 0.1)
        told.scores({"1.0.1": [0.1] * 100, "1.0.0": [0.9] * 100})
    assert told.state.probation is None
    told.command("promote", version="1.0.0")
    assert (told.champion, told.state.probation.harm.overlap) == ("1.0.0", 24.0)


def test_one_that_was_made_elsewhere_is_of_the_same_stream(story):
    told = second(story, GOOD, GOOD)
    told.command("register", version="3.0.0", artifact="m/3.0.0", artifact_sha256="0" * 64)
    assert told.state.challenges["3.0.0"].gain.overlap == 24.0
    told.command("promote", version="3.0.0")
    assert told.state.probation.harm.overlap == 24.0


@pytest.mark.parametrize("metrics", [{}, {challenge.ROWS_A_HORIZON: 0.5}, {challenge.ROWS_A_HORIZON: 1.0}])
def test_rows_of_their_own_are_written_as_before(story, metrics):
    told = story().first_version()
    told.status(100, 0.2)
    told.command("retrain")
    told.result(BAD, GOOD, metrics=metrics)
    assert told.state.probation.harm.overlap == 1.0
    assert b"overlap" not in told.state.to_json()


def test_an_entry_of_an_earlier_release_is_read():
    entry = VersionEntry(version="1.0.0", status="champion", spec_version=1, artifact="a", sha256="0")
    old = entry.model_dump(mode="json")
    del old["overlap"]
    assert VersionEntry.model_validate(old) == entry
    assert read_entry(b'{"model_id": "m", "champion": "1.0.0"}').versions == {}
