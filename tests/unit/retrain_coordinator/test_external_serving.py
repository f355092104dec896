"""Models that others serve: the champion is seen, promotions are asked for, deployments of others are named."""

import pytest

from driftloop.contracts import topics
from driftloop.spec.policy import preset_names

BAD, GOOD = [1.0] * 60, [0.0] * 60
EXTERNAL = {"serving": "external"}
BY_SIGNALS = {"policy": {"preset": "default", "triggers": {"harmful_drift": True, "payoff": None}}}


def frame(told, version, losses=None, rows=60, loss=0.1, **rest):
    """A frame that `version` predicted, with the losses that scoring tells of it."""
    message = told.status(rows, loss, say=False, **rest).model_copy(update={"model_version": version})
    told.say(topics.DRIFT_STATUS, message)
    watched = [told.state.probation.predecessor] if told.state.probation else []
    silent = {one: [] for one in (told.champion or version, *watched, *told.state.challenges)}
    told.scores({**silent, **({version: [loss] * rows} if losses is None else losses)})


def served(story, **changes):
    told = story(**{**EXTERNAL, **BY_SIGNALS, **changes})
    frame(told, "2026-05", rows=500)
    return told


def test_the_version_that_outcomes_name_is_the_champion(story):
    told = served(story)
    assert told.champion == "2026-05"
    assert [event.event for event in told.events] == ["registered", "promoted"]
    assert told.events[-1].artifact is None
    assert told.decisions == []


@pytest.mark.parametrize("preset", preset_names())
def test_a_harmful_signal_is_answered_under_every_preset(story, preset):
    told = story(**EXTERNAL, policy=preset)
    frame(told, "blue", rows=500)
    told.signal(onset=400)
    frame(told, "blue", rows=500, loss=0.9)
    assert told.decisions, preset
    assert all("nothing asks for a run" not in made.reason for made in told.decisions)
    assert all("no version of the model is registered" not in made.reason for made in told.decisions)


def test_a_harmful_signal_asks_for_a_run_as_for_our_own_models(story):
    told = served(story)
    told.signal(onset=400)
    frame(told, "2026-05", rows=100, loss=0.6)
    assert told.actions == ["retrain"]
    request = told.requests[-1]
    assert (request.champion, request.champion_artifact, request.version) == ("2026-05", None, "1.0.0")


def proven(story, **changes):
    """A run's version that its held-out rows prove."""
    told = served(story, **changes)
    told.signal(onset=400)
    frame(told, "2026-05", rows=100, loss=0.6)
    told.result(BAD, GOOD)
    return told


def test_a_proven_version_is_asked_for_and_serves_when_its_outcomes_come(story):
    told = proven(story)
    assert told.events[-1].event == "promotion_asked"
    assert told.champion == "2026-05"
    assert "deployment" in told.state.waits
    frame(told, "2026-05", loss=0.6)
    assert told.champion == "2026-05"
    frame(told, "1.0.0")
    assert told.champion == "1.0.0"
    promoted = told.events[-1]
    assert (promoted.event, promoted.previous_version) == ("promoted", "2026-05")
    assert "as was asked" in promoted.reason
    assert told.requests[-1].message_id in promoted.caused_by
    assert "deployment" not in told.state.waits


def test_a_deployment_that_nobody_asked_for_is_named(story):
    told = served(story)
    frame(told, "2026-06")
    assert [event.event for event in told.events[2:4]] == ["registered", "deployed"]
    assert told.champion == "2026-06"
    assert told.events[3].previous_version == "2026-05"


def test_another_version_than_the_one_asked_for_ends_the_wish(story):
    told = proven(story)
    frame(told, "2026-06")
    assert [event.event for event in told.events if event.event in {"deployed", "rejected"}] == ["deployed", "rejected"]
    assert told.state.asked is None
    assert told.champion == "2026-06"


def test_a_version_in_the_shadow_is_a_challenger_and_its_proof_asks_for_it(story):
    told = served(story)
    told.status(60, 1.0)
    told.scores({"2026-05": BAD, "green": GOOD})
    assert [event.event for event in told.events[2:4]] == ["registered", "challenged"]
    assert told.events[-1].event == "promotion_asked"
    assert told.events[-1].version == "green"


def test_a_version_in_the_shadow_that_is_worse_is_rejected_once(story):
    told = served(story)
    for _ in range(3):
        told.status(60, 0.0)
        told.scores({"2026-05": GOOD, "green": BAD})
    assert [event.event for event in told.events[2:]] == ["registered", "challenged", "rejected"]


def test_a_run_may_end_without_an_artifact_and_is_proven_by_its_shadow(story):
    told = served(story)
    told.signal(onset=400)
    frame(told, "2026-05", rows=100, loss=0.6)
    request = told.requests[-1]
    told.result(GOOD, GOOD)
    assert told.state.challenges[request.version].gain.rows
    told.status(60, 1.0)
    told.scores({"2026-05": BAD, request.version: GOOD})
    assert told.events[-1].event == "promotion_asked"


@pytest.mark.parametrize("status", ["succeeded", "failed"])
@pytest.mark.parametrize("seen", ["serves", "shadow"])
def test_a_run_that_ends_after_the_rows_of_its_version_came_changes_not_what_it_is(story, seen, status):
    told = served(story)
    told.signal(onset=400)
    frame(told, "2026-05", rows=100, loss=0.6)
    version = told.requests[-1].version
    if seen == "serves":
        frame(told, version)
    else:
        told.status(60, 0.5)
        told.scores({"2026-05": [0.5] * 60, version: [0.5] * 60})
    before, events = told.state.status_of(version), [event.event for event in told.events]
    challenges = dict(told.state.challenges)
    assert before == {"serves": "champion", "shadow": "challenger"}[seen]
    told.result(BAD, GOOD, status=status)
    assert (told.state.status_of(version), told.state.run) == (before, None)
    assert told.state.versions[version].status == before
    assert told.state.challenges == challenges, "its proof goes on by the rows that both versions are seen on"
    assert [event.event for event in told.events] == events
    if status == "succeeded":
        assert told.state.versions[version].artifact == f"m/{version}"
        assert f"it is {before} already" in told.decisions[-1].reason
    frame(told, told.champion)
    assert told.champion == (version if seen == "serves" else "2026-05")


def test_a_champion_that_proves_worse_than_its_predecessor_in_the_shadow_is_asked_back(story):
    told = proven(story)
    frame(told, "1.0.0")
    for _ in range(4):
        told.status(60, 1.0)
        told.scores({"1.0.0": BAD, "2026-05": GOOD})
    assert told.events[-1].event == "roll_back_asked"
    assert told.champion == "1.0.0"
    frame(told, "2026-05")
    assert told.champion == "2026-05"
    assert [event.event for event in told.events][-2:] == ["rolled_back", "archived"]


def test_a_probation_without_scores_of_the_predecessor_ends_by_the_rows_that_came(story):
    told = proven(story, challenge={"probation_rows": 200})
    frame(told, "1.0.0")
    for _ in range(4):
        frame(told, "1.0.0")
    assert told.state.probation is None


def test_a_restart_in_between_changes_nothing(story):
    told = proven(story)
    kept = told.state.to_json()
    told.core.restore(0, [("m", kept)])
    frame(told, "1.0.0")
    assert told.champion == "1.0.0"


def test_the_loop_does_not_ask_for_what_a_person_asked_to_be_taken_back(story):
    told = proven(story)
    frame(told, "1.0.0")
    told.command("roll_back")
    assert told.events[-1].event == "roll_back_asked"
    frame(told, "1.0.0")  # its owner does not follow
    told.command("retrain")
    told.result(BAD, GOOD)
    frame(told, "1.0.1")
    assert told.champion == "1.0.1"
    for _ in range(4):
        told.status(60, 1.0)
        told.scores({"1.0.1": BAD, "1.0.0": GOOD})
    assert [event.event for event in told.events].count("roll_back_asked") == 1


def test_what_its_owner_deploys_again_is_taken_back_no_longer(story):
    told = proven(story)
    frame(told, "1.0.0")
    told.command("roll_back")
    frame(told, "2026-05")
    assert told.state.versions["1.0.0"].withdrawn
    frame(told, "1.0.0")
    assert (told.champion, told.state.versions["1.0.0"].withdrawn) == ("1.0.0", False)
