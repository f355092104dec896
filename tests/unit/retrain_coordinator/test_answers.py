"""Every harmful signal is answered on the log with the reason, little is said, and what a harm waits for is shown."""

from datetime import timedelta

import pytest

from driftloop.contracts import topics
from retrain_coordinator.core.answers import OVERDUE
from retrain_coordinator.core.state import PROVEN_WAITS

HARM_ALONE = {"preset": "default", "triggers": {"harmful_drift": True, "payoff": None}}
NO_TRIGGER = {"triggers": {"harmful_drift": False}}
DAY = timedelta(days=1)


def harmed(told, *, frames=1, scores=True, hours=1.0):
    """A harmful signal, and frames on which its alarm stands."""
    signal = told.signal(onset=max(0, told.rows - 20), say=False)
    for place in range(frames):
        status = told.status(50, 0.5, signals=int(place == 0), hours=hours, say=False)
        told.say(topics.DRIFT_STATUS, status.model_copy(update={"active_signals": ("error:cusum",)}))
        if place == 0:
            told.say(topics.DRIFT_SIGNALS, signal)
        if scores and told.champion:
            told.scores({told.champion: [1.0, 0.0] * 25})
    return signal


def presets():
    from driftloop.spec.policy import preset_names

    return preset_names()


@pytest.mark.parametrize("policy", presets())
def test_a_model_that_driftloop_did_not_train_is_told_what_to_do(story, policy):
    told = story(policy=policy)
    told.status(500, 0.1)
    signal = harmed(told)
    answer = told.decisions[-1]
    assert (answer.action, answer.trigger) == ("wait", "harm")
    assert signal.message_id in answer.caused_by
    assert "no version of the model is registered" in answer.reason
    assert "driftloop retrain m" in answer.reason
    assert "driftloop models register" in answer.reason


WAITS = [
    ("default", {}, (), "payoff", "of the champion's loss over"),
    (NO_TRIGGER, {}, (), "policy", "policy 'custom' does not go by this signal"),
    ("no such preset", {}, (), "policy", "policy 'unusable: there is no policy preset"),
    (HARM_ALONE, {}, ("freeze",), "freeze", "frozen"),
    (HARM_ALONE, {"automation": {"retrain": False}}, (), "automation", "automatic retraining is off"),
    (HARM_ALONE | {"safeguards": {"approval": ["retrain"]}}, {}, (), "approval", "waits for a person's `approve`"),
    (HARM_ALONE | {"safeguards": {"least_gap_seconds": 86_400}}, {}, (), "cool_down", "h are the least"),
    (HARM_ALONE | {"safeguards": {"maximum_runs": 1}}, {}, (), "cool_down", "1 of 1 runs"),
    (HARM_ALONE | {"safeguards": {"minimum_new_rows": 9999}}, {}, (), "rows", "9999 are needed"),
    (HARM_ALONE | {"safeguards": {"quarantine_rows": 900}}, {}, (), "quarantine", "have to confirm drift"),
    (HARM_ALONE | {"safeguards": {"quiet": [{"reading": "cpu_percent", "below": 60}]}}, {}, (), "quiet", "no reading"),
    (HARM_ALONE | {"safeguards": {"free_disk_gb": 5}}, {}, ("full disk",), "disk", "free disk is 1 GB"),
    (HARM_ALONE, {}, ("failed run",), "retry", "labelled rows since failure 1"),
    (HARM_ALONE, {}, ("run",), "run", "has not ended"),
    (HARM_ALONE | {"safeguards": {"patience_rows": 5000}}, {}, ("challenger",), "proof", "has been scored on"),
]


def prepare(told, step):
    if step == "freeze":
        told.command("freeze")
    elif step == "full disk":
        told.command("report", readings={"free_disk_gb": 1.0})
    else:
        told.command("retrain")
        if step == "failed run":
            told.result(status="failed")
        elif step == "challenger":
            told.result([1.0, 0.0], [0.0, 1.0])


@pytest.mark.parametrize(("policy", "changes", "before", "name", "reason"), WAITS)
def test_whatever_holds_a_run_back_is_the_answer(story, policy, changes, before, name, reason):
    told = story(policy=policy, **changes).first_version()
    for step in before:
        prepare(told, step)
    others = {version: [1.0, 0.0] * 25 for version in told.state.challenges}
    signal = harmed(told, scores=False)
    told.scores({told.champion: [1.0, 0.0] * 25} | others)
    answers = [
        made for made in told.decisions if made.position == signal.position and made.trigger in ("harm", "drift")
    ]
    assert len(answers) == 1
    assert answers[0].action in ("wait", "refuse")
    assert reason in answers[0].reason
    assert name in told.state.waits


def test_a_run_is_an_answer_by_itself(story):
    told = story(policy=HARM_ALONE).first_version()
    signal = harmed(told)
    assert told.actions[-1] == "retrain"
    assert signal.message_id in told.decisions[-1].caused_by


def test_what_the_harm_waits_for_next_is_said_once(story):
    told = story(policy=HARM_ALONE).first_version()
    harmed(told)
    told.result(status="failed")
    said = len(told.decisions)
    for _ in range(5):
        status = told.status(10, 0.5, hours=0.01, say=False)
        told.say(topics.DRIFT_STATUS, status.model_copy(update={"active_signals": ("error:cusum",)}))
    assert [made.trigger for made in told.decisions[said:]] == ["harm"]
    assert told.decisions[-1].evidence["waits_for"] == "policy"


def test_a_harm_of_which_nothing_came_in_a_day_is_said_once_more(story):
    told = story(policy=NO_TRIGGER).first_version()
    harmed(told, frames=100)
    said = [made for made in told.decisions if made.trigger == "harm"]
    assert len(said) == 2
    assert "has stood for 24 h and is not mended" in said[1].reason
    assert said[1].occurred_at - said[0].occurred_at == OVERDUE


def test_by_the_wall_clock_the_reminder_comes_without_a_frame(story):
    told = story(policy=NO_TRIGGER, clock="wall").first_version()
    harmed(told)
    assert told.core.wake(told.now).wake_at == told.now + DAY
    told.take(told.core.wake(told.now + DAY))
    assert "24 h" in told.decisions[-1].reason
    assert not told.core.wake(told.now + 2 * DAY).outgoing


def test_a_harm_that_passes_is_not_waited_about(story):
    told = story(policy=NO_TRIGGER).first_version()
    harmed(told)
    assert set(told.state.waits) == {"policy"}
    told.status(50, 0.1)
    assert (told.state.harm, told.state.waits) == (None, {})


@pytest.mark.parametrize(
    ("safeguards", "freeze", "name"),
    [
        ({"approval": ["promote"]}, False, "approval"),
        ({"veto_window_seconds": 7200.0}, False, "veto_window"),
        ({}, True, "freeze"),
    ],
)
def test_a_proven_challenger_that_waits_is_not_said_to_be_under_proof(story, safeguards, freeze, name):
    told = story(policy=NO_TRIGGER | {"safeguards": safeguards}).first_version()
    told.command("retrain")
    if freeze:
        told.command("freeze")
    told.result([1.0] * 300, [0.0] * 300)
    assert told.decisions[-1].trigger == name
    signal = harmed(told, scores=False)
    told.scores({told.champion: [1.0], "1.0.1": [0.0]})
    answer = next(made for made in told.decisions if made.position == signal.position and made.trigger == "harm")
    assert answer.evidence["waits_for"] == name
    assert f"challenger 1.0.1 is proven, and waits for {PROVEN_WAITS[name]}" in answer.reason
