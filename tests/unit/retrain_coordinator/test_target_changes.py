"""A target or task that the spec changes: noticed, forgotten, and the same rule for every way to serve."""

import pytest

from driftloop.spec.model_spec import ModelSpec

BAD, GOOD = [1.0] * 60, [0.0] * 60
ATTAINABLE = {"policy": {"preset": "default", "triggers": {"payoff": {"price": 20.0}, "attainable": True}}}
RENAMED = {"target": {"churn": {"kind": "category"}}}
CHANGES = [RENAMED, {"target": {"y": {"kind": "number"}}, "task": "regression"}, {"task": "multiclass"}]


def changed(told, change, version=2):
    """The spec with another target, as from the next record on."""
    told.apply(ModelSpec.model_validate(told.spec.model_dump() | change), version)
    return told


def frame(told, losses=None, *, spec_version=2, rows=60):
    """A frame that was made under the new spec."""
    from driftloop.contracts import topics

    status = told.status(rows, 0.5, say=False).model_copy(update={"spec_version": spec_version})
    told.say(topics.DRIFT_STATUS, status)
    if losses is not None:
        told.scores(losses)


def moved(story, change, **changes):
    told = changed(story(**{**ATTAINABLE, **changes}).first_version(), change)
    frame(told)
    return told


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_target_is_said_and_frames_go_on(story, change):
    told = moved(story, change)
    assert (told.decisions[-1].action, told.decisions[-1].trigger) == ("wait", "target")
    assert "1.0.0 predicts the former target and stays champion" in told.decisions[-1].reason
    assert told.state.applied == told.here, "no scores of the old champion are waited for"
    assert set(told.state.waits) == {"target"}
    frame(told)
    assert told.actions.count("wait") == 1


@pytest.mark.parametrize("change", CHANGES)
def test_a_run_under_the_new_target_gives_its_first_version(story, change):
    told = moved(story, change)
    told.command("retrain")
    request = told.requests[-1]
    assert (request.version, request.mode, request.champion, request.candidates) == ("2.0.0", "full", None, ())
    told.result([], [0.1] * 20)
    assert told.champion == "2.0.0"
    assert told.state.probation is None, "the former champion is not compared with it"
    frame(told, {"2.0.0": BAD})
    assert (told.state.applied, told.state.waits) == (told.here, {})


def test_a_run_learns_no_row_of_the_former_target(story):
    told = moved(story, RENAMED)
    for _ in range(4):
        frame(told)
    told.command("retrain")
    assert told.requests[-1].data.rows == 5 * 60


def test_rows_of_frames_that_were_made_before_the_change_do_not_count_either(story):
    told = changed(story(**ATTAINABLE).first_version(), RENAMED)
    for _ in range(3):
        frame(told, spec_version=1)
    signal = told.signal(say=False)
    from driftloop.contracts import topics

    told.say(topics.DRIFT_SIGNALS, signal)
    frame(told, spec_version=1)
    assert "about the target that was declared before" in told.decisions[-1].reason
    assert signal.message_id in told.decisions[-1].caused_by
    frame(told)
    frame(told)
    told.command("retrain")
    assert told.requests[-1].data.rows == 120


@pytest.mark.parametrize("command", ["promote", "roll_back"])
def test_no_command_brings_a_version_of_another_target_back(story, command):
    told = moved(story, RENAMED)
    told.command("retrain")
    told.result([], [0.1] * 20)
    told.command(command, version="1.0.0")
    assert told.actions[-1] == "refuse"
    assert "version 1.0.0 predicts y (category, binary), the spec declares churn" in told.decisions[-1].reason
    assert told.champion == "2.0.0"


def test_the_former_spec_makes_its_versions_fit_again(story):
    told = moved(story, RENAMED)
    told.command("retrain")
    told.result([], [0.1] * 20)
    changed(told, {"target": {"y": {"kind": "category"}}}, version=3)
    frame(told, spec_version=3)
    told.command("roll_back", version="1.0.0")
    assert (told.actions[-1], told.champion) == ("roll_back", "1.0.0")


def test_a_freeze_and_an_approval_hold_the_first_version_of_a_target_too(story):
    told = moved(story, RENAMED, automation={"promote": False})
    told.command("retrain")
    told.result([], [0.1] * 20)
    assert (told.champion, set(told.state.waits)) == ("1.0.0", {"approval", "target"})
    told.command("approve")
    assert told.champion == "2.0.0"


def test_a_challenge_a_probation_and_a_run_of_the_former_target_end(story):
    told = story(**ATTAINABLE, challenge={"challengers": 2}).first_version()
    told.command("retrain")
    told.result(BAD * 2, GOOD * 2)
    told.command("retrain")
    told.result([1.0, 0.0], [0.0, 1.0])
    told.command("retrain")
    assert told.state.probation
    assert told.state.challenges
    assert told.state.run
    changed(told, RENAMED)
    frame(told)
    assert (told.state.probation, told.state.challenges, told.state.run) == (None, {}, None)
    assert {"wait", "cancel", "reject"} == {made.action for made in told.decisions if made.trigger == "target"}


def test_the_books_and_the_price_begin_anew(story):
    told = story(**ATTAINABLE).first_version()
    told.status(50, 0.5)
    told.scores({"1.0.0": BAD[:50]})
    assert told.state.payoff.loss == 50.0
    changed(told, RENAMED)
    frame(told)
    assert told.state.payoff.loss == told.state.payoff.rows == 0.0


def test_a_first_version_of_the_new_target_is_started_by_itself_where_the_policy_says_so(story):
    policy = {"preset": "default", "triggers": {"first_version_rows": 200}}
    told = changed(story(policy=policy), RENAMED)
    told.apply(told.spec, 3)
    told.status(300)
    told.result([], [0.1] * 20)
    changed(told, {"target": {"y": {"kind": "category"}}}, version=4)
    frame(told, spec_version=4, rows=150)
    assert len(told.requests) == 1
    frame(told, spec_version=4, rows=150)
    assert (len(told.requests), told.requests[-1].version, told.requests[-1].data.rows) == (2, "2.0.0", 300)


def test_the_state_of_an_earlier_release_knows_its_target_by_the_newest_run(story):
    told = story(**ATTAINABLE).first_version()
    told.state.target, told.state.versions["1.0.0"].target = "", ""
    frame(told, {"1.0.0": BAD}, spec_version=1)
    assert (told.state.waits, "target" in [made.trigger for made in told.decisions]) == ({}, False)
    told.state.target, told.state.versions["1.0.0"].target = "", ""
    changed(told, RENAMED)
    frame(told)
    assert told.decisions[-1].trigger == "target"
