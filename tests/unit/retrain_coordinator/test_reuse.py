"""An archived version that does better now serves again, and nothing is trained."""

import pytest

from driftloop.contracts import topics
from driftloop.contracts.challenge_scores import ChallengeScores

ATTAINABLE = {"policy": {"preset": "default", "triggers": {"payoff": {"price": 20.0}, "attainable": True}}}
BAD, GOOD = [1.0] * 50, [0.0] * 50


def frame(told, losses, *, fresh=None, twin=(), rows=50):
    """A frame with its scores and what is attainable on it."""
    told.status(rows, 0.5)
    scores = told.scores(losses, say=False)
    told.say(
        topics.CHALLENGE_SCORES,
        scores.model_copy(
            update={"fresh": {rows: tuple(found) for rows, found in (fresh or {}).items()}, "twin": tuple(twin)}
        ),
    )


def served_by_second(story, **changes):
    """1.0.0 served, 1.0.1 serves and has come through its probation."""
    told = story(**{**ATTAINABLE, "challenge": {"probation_rows": 100}, **changes}).first_version()
    told.command("retrain")
    told.result(BAD * 2, GOOD * 2)
    assert told.champion == "1.0.1"
    for _ in range(2):
        frame(told, {"1.0.1": [0.0, 0.1] * 25, "1.0.0": BAD}, fresh={500: [0.0] * 50})
    assert told.events[-1].event == "archived"
    return told


def test_frames_are_taken_in_only_with_their_scores(story):
    told = story(**ATTAINABLE).first_version()
    told.status(50, 0.5)
    assert told.state.waiting
    told.scores({"1.0.0": BAD})
    assert not told.state.waiting


def test_a_returning_concept_is_answered_by_reuse(story):
    told = served_by_second(story)
    runs = len(told.requests)
    frame(told, {"1.0.1": BAD, "1.0.0": GOOD}, fresh={500: BAD})
    assert (told.champion, told.actions[-1], told.events[-1].event) == ("1.0.0", "reuse", "promoted")
    assert len(told.requests) == runs
    assert "would have lost" in told.decisions[-1].reason


def test_a_freeze_holds_a_reuse_too(story):
    told = served_by_second(story)
    told.command("freeze")
    frame(told, {"1.0.1": BAD, "1.0.0": GOOD}, fresh={500: BAD})
    assert (told.champion, told.actions[-1]) == ("1.0.1", "refuse")


def test_what_is_attainable_decides_whether_a_run_pays(story):
    told = served_by_second(story)
    frame(told, {"1.0.1": BAD, "1.0.0": BAD}, fresh={500: BAD})
    assert told.actions[-1] == "promote"
    frame(told, {"1.0.1": BAD, "1.0.0": BAD}, fresh={500: GOOD})
    assert (told.actions[-1], told.decisions[-1].trigger) == ("retrain", "payoff")
    assert told.requests[-1].data.rows == 500


def test_rows_wait_for_a_whole_block_however_frames_are_cut(story):
    whole, parts = served_by_second(story), served_by_second(story)
    frame(whole, {"1.0.1": BAD, "1.0.0": BAD}, fresh={500: GOOD})
    for rows in (20, 20, 10):
        frame(parts, {"1.0.1": BAD[:rows], "1.0.0": BAD[:rows]}, fresh={500: GOOD[:rows]}, rows=rows)
    assert whole.state.payoff == parts.state.payoff
    assert whole.decisions[-1].row == parts.decisions[-1].row


def test_a_run_may_name_archived_candidates_and_come_back_with_one(story):
    policy = {"preset": "default", "triggers": {"payoff": None}, "safeguards": {"reuse_candidates": 3}}
    told = served_by_second(story, policy=policy)
    told.command("retrain")
    assert [one.version for one in told.requests[-1].candidates] == ["1.0.0"]
    told.result(BAD, GOOD, reused_version="1.0.0")
    assert (told.champion, told.actions[-1]) == ("1.0.0", "reuse")


def test_a_candidate_that_is_not_proven_yet_becomes_a_challenger(story):
    policy = {"preset": "default", "triggers": {"payoff": None}, "safeguards": {"reuse_candidates": 3}}
    told = served_by_second(story, policy=policy)
    told.command("retrain")
    told.result([1.0, 0.0], [0.0, 0.0], reused_version="1.0.0")
    assert (told.champion, told.events[-1].event) == ("1.0.1", "challenged")
    frame(told, {"1.0.1": BAD, "1.0.0": GOOD})
    assert told.champion == "1.0.0"


@pytest.mark.parametrize(("rows", "serves"), [(10, "1.0.1"), (40, "1.0.0")])
def test_a_predecessor_on_probation_needs_more_to_come_back(story, rows, serves):
    told = story(**ATTAINABLE).first_version()
    told.command("retrain")
    told.result(BAD * 2, GOOD * 2)
    better = [1.0] * rows + [0.0] * (50 - rows)
    frame(told, {"1.0.1": better, "1.0.0": GOOD}, fresh={500: better})
    assert told.champion == serves


def test_scores_are_what_the_contract_says():
    assert {"fresh", "twin"} <= set(ChallengeScores.model_fields)


def test_what_a_person_rolled_back_serves_again_by_a_persons_word_only(story):
    policy = ATTAINABLE["policy"] | {"safeguards": {"reuse_candidates": 3}}
    told = served_by_second(story, policy=policy)
    told.command("roll_back")
    assert told.champion == "1.0.0"
    frame(told, {"1.0.0": BAD, "1.0.1": GOOD}, fresh={500: BAD})
    assert told.champion == "1.0.0", "it would have lost less, and a person has taken it back"
    told.command("retrain")
    assert not {one.version for one in told.requests[-1].candidates} & {"1.0.1"}
    told.result(reused_version="1.0.1", champion=BAD, challenger=GOOD)
    assert (told.champion, told.actions[-1]) == ("1.0.0", "refuse")
    assert "a person rolled it back" in told.decisions[-1].reason
    told.command("promote", version="1.0.1")
    assert told.champion == "1.0.1"
    assert not told.state.versions["1.0.1"].withdrawn


def test_what_the_loop_rolled_back_may_serve_again(story):
    told = served_by_second(story)
    frame(told, {"1.0.1": BAD, "1.0.0": GOOD}, fresh={500: BAD})
    assert (told.champion, told.actions[-1]) == ("1.0.0", "reuse")
    assert not any(entry.withdrawn for entry in told.state.versions.values())
