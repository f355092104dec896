"""A frame that scoring buried, refused, or never sees does not stop the model, and the log says what was done."""

from datetime import timedelta

import pytest

from driftloop.contracts import topics
from driftloop.contracts.challenge_scores import RefusedVersion
from retrain_coordinator.core.merge import PASSED_OVER, SILENT

ATTAINABLE = {"policy": {"preset": "default", "triggers": {"payoff": {"price": 20.0}, "attainable": True}}}
BAD, GOOD = [1.0] * 50, [0.0] * 50
LITTLE = timedelta(seconds=1)


def refused(told, versions, *, losses=None, unusable=False):
    """Scoring could not score these versions on the frame that was told last."""
    message = told.scores(losses or {}, say=False)
    why = {version: RefusedVersion(reason="a value is beyond float32", unusable=unusable) for version in versions}
    told.say(topics.CHALLENGE_SCORES, message.model_copy(update={"refused": why}))


def second_on_probation(story):
    """1.0.1 serves, 1.0.0 is scored beside it."""
    told = story(**ATTAINABLE).first_version()
    told.command("retrain")
    told.result(BAD * 2, GOOD * 2)
    assert (told.champion, told.state.probation.predecessor) == ("1.0.1", "1.0.0")
    return told


def test_a_frame_that_scoring_refused_goes_on_at_once_and_is_said_once(story):
    told = story(**ATTAINABLE).first_version()
    for _ in range(5):
        told.status(50, 0.5)
        refused(told, ["1.0.0"])
        assert told.state.applied == told.here
    said = [made for made in told.decisions if made.trigger == "scores"]
    assert len(said) == 1
    assert "could not score 1.0.0 on the frame at offset 1: a value is beyond float32" in said[0].reason


def test_one_refused_version_leaves_the_others_their_scores(story):
    told = second_on_probation(story)
    rows = told.state.payoff.served_rows
    told.status(50, 0.5)
    refused(told, ["1.0.0"], losses={"1.0.1": BAD})
    assert told.state.payoff.served_rows == rows + 50


def test_a_frame_without_scores_goes_on_soon_where_a_later_one_was_scored(story):
    told = story(**ATTAINABLE).first_version()
    told.status(50, 0.5)
    buried = told.here
    assert "scores" in told.state.waits
    told.status(50, 0.5)
    told.scores({"1.0.0": BAD})
    assert told.state.applied.offset < buried.offset
    told.take(told.core.wake(told.now - timedelta(hours=1) + PASSED_OVER - LITTLE))
    assert told.state.applied.offset < buried.offset
    told.take(told.core.wake(told.now - timedelta(hours=1) + PASSED_OVER))
    assert told.state.applied == told.here
    begins, ends = (made for made in told.decisions if made.trigger == "scores")
    assert begins.evidence == {"from_frame": float(buried.offset), "missing": "1.0.0"}
    assert ends.evidence["to_frame"] == float(buried.offset)
    assert "scores" not in told.state.waits


@pytest.mark.parametrize("clock", ["event", "wall"])
def test_a_silent_scorer_is_waited_for_and_then_gone_without(story, clock):
    told = story(**ATTAINABLE, clock=clock).first_version()
    told.signal(onset=480)
    told.status(50, 0.5)
    waiting = told.core.wake(told.now)
    assert waiting.wake_at == told.now + SILENT
    assert not told.core.wake(told.now + SILENT - LITTLE).outgoing
    told.take(told.core.wake(told.now + SILENT))
    assert told.state.applied == told.here
    assert [made.trigger for made in told.decisions[-2:]] == ["scores", "harm"]
    for _ in range(20):
        told.status(50, 0.5)
        told.take(told.core.wake(told.now + SILENT))
    assert told.state.applied == told.here
    assert [made.trigger for made in told.decisions].count("scores") == 1, "a row of frames is said once"


def test_a_frame_that_detection_left_out_is_passed_over(story):
    told = story(**ATTAINABLE).first_version()
    told.status(50, 0.5, say=False)
    told.scores({"1.0.0": BAD})
    assert told.state.waits.keys() == {"detection"}
    told.status(50, 0.5)
    told.scores({"1.0.0": BAD})
    assert (told.state.applied, dict(told.state.waits)) == (told.here, {})


def test_a_signal_that_never_comes_is_not_waited_for_without_end(story):
    told = story(policy={"triggers": {"harmful_drift": True}}).first_version()
    told.status(50, 0.5, signals=1)
    assert told.state.waits.keys() == {"signals"}
    told.take(told.core.wake(told.now + SILENT))
    assert told.state.applied == told.here


def test_a_champion_that_cannot_be_run_gives_way_while_its_predecessor_is_there(story):
    told = second_on_probation(story)
    told.status(50, 0.5)
    refused(told, ["1.0.1"], losses={"1.0.0": GOOD}, unusable=True)
    assert (told.champion, told.actions[-1], told.decisions[-1].trigger) == ("1.0.0", "roll_back", "artifact")
    for command in ("promote", "roll_back"):
        told.command(command, version="1.0.1")
        assert told.actions[-1] == "refuse"
        assert "1.0.1 cannot be run" in told.decisions[-1].reason


def test_a_champion_that_cannot_be_run_and_has_nobody_behind_it_waits_for_a_person(story):
    told = story(**ATTAINABLE).first_version()
    told.status(50, 0.5)
    refused(told, ["1.0.0"], unusable=True)
    assert (told.decisions[-1].trigger, set(told.state.waits)) == ("artifact", {"artifact"})
    told.status(50, 0.5)
    told.scores({"1.0.0": BAD})
    assert told.state.waits == {}, "the artifact is back"


def test_an_archived_version_whose_artifact_is_gone_is_not_reused(story):
    told = story(**ATTAINABLE, challenge={"probation_rows": 100}).first_version()
    told.command("retrain")
    told.result(BAD * 2, GOOD * 2)
    for _ in range(2):
        told.status(50, 0.1)
        told.scores({"1.0.1": [0.0, 0.1] * 25, "1.0.0": BAD})
    told.status(50, 0.5)
    told.scores({"1.0.1": [0.1] * 50, "1.0.0": GOOD})
    told.status(50, 0.5)
    refused(told, ["1.0.0"], losses={"1.0.1": BAD}, unusable=True)
    for _ in range(5):
        told.status(50, 0.5)
        told.scores({"1.0.1": BAD})
    assert told.champion == "1.0.1"
    assert "reuse" not in told.actions
