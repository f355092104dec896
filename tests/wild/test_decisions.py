"""Odd but valid evidence, specs and commands: what is decided."""

import pytest
from tests.unit.retrain_coordinator.conftest import Story, spec

from driftloop.contracts import topics
from driftloop.contracts.challenge_scores import RefusedVersion
from driftloop.spec.model_spec import ModelSpec
from retrain_coordinator.core.merge import SILENT

ATTAINABLE = {"policy": {"preset": "default", "triggers": {"payoff": {"price": 20.0}, "attainable": True}}}
HARM_ALONE = {"policy": {"preset": "default", "triggers": {"harmful_drift": True, "payoff": None}}}
BAD, GOOD = [1.0] * 50, [0.0] * 50


def first(**changes) -> Story:
    return Story(spec(**changes)).first_version()


def harm(told: Story) -> None:
    signal = told.signal(onset=max(0, told.rows - 20), say=False)
    told.status(50, 0.5, signals=1)
    told.say(topics.DRIFT_SIGNALS, signal)
    if told.champion:
        told.scores({told.champion: BAD})


def buried() -> object:
    told = first(**ATTAINABLE)
    told.status(50, 0.5)
    message = told.scores({}, say=False)
    refused = {"1.0.0": RefusedVersion(reason="the frame cannot be read")}
    told.say(topics.CHALLENGE_SCORES, message.model_copy(update={"refused": refused}))
    return told.state.applied == told.here


def silent() -> object:
    told = first(**ATTAINABLE)
    told.status(50, 0.5)
    told.take(told.core.wake(told.now + SILENT))
    return told.state.applied == told.here and told.decisions[-1].trigger == "scores"


def left_out() -> object:
    told = first(**HARM_ALONE)
    told.status(50, 0.5, say=False)
    told.scores({"1.0.0": BAD})
    told.status(50, 0.5)
    return told.state.applied == told.here


def renamed() -> object:
    told = first(**ATTAINABLE)
    told.apply(ModelSpec.model_validate(told.spec.model_dump() | {"target": {"churn": {}}}), 2)
    told.status(50, 0.5)
    told.command("retrain")
    told.result([], [0.1] * 20)
    return told.champion == "2.0.0"


def other_task() -> object:
    told = first(**ATTAINABLE)
    target = {"target": {"y": {"kind": "number"}}, "task": "regression"}
    told.apply(ModelSpec.model_validate(told.spec.model_dump() | target), 2)
    told.status(50, 0.5)
    told.command("retrain")
    told.result([], [0.1] * 20)
    told.command("roll_back", version="1.0.0")
    return (told.champion, told.actions[-1]) == ("2.0.0", "refuse")


def not_ours() -> object:
    told = Story(spec())
    harm(told)
    return (told.decisions[-1].trigger, "driftloop models register" in told.decisions[-1].reason) == ("harm", True)


def unusable_policy() -> object:
    told = first(policy={"preset": "no such preset"})
    harm(told)
    return "unusable" in told.decisions[-1].reason and set(told.state.waits) == {"policy"}


def withdrawn() -> object:
    from driftloop.testing.records import FakeRecord

    told = first(**HARM_ALONE)
    told.core.take_table(topics.MODEL_SPECS, [FakeRecord(topics.MODEL_SPECS, key="m", value=None)])
    told.status(50, 0.5)
    waits = set(told.state.waits)
    told.apply(told.spec, 2)
    told.status(50, 0.5)
    return (waits, told.champion, told.state.applied == told.here, told.state.waits) == ({"spec"}, "1.0.0", True, {})


def gone() -> object:
    told = first(**ATTAINABLE)
    told.command("retrain")
    told.result(BAD * 2, GOOD * 2)
    told.status(50, 0.5)
    message = told.scores({"1.0.0": GOOD}, say=False)
    refused = {"1.0.1": RefusedVersion(reason="manifest.json is missing", unusable=True)}
    told.say(topics.CHALLENGE_SCORES, message.model_copy(update={"refused": refused}))
    return told.champion == "1.0.0"


def lost_signal() -> object:
    told = first(**HARM_ALONE)
    told.status(50, 0.5, signals=3)
    told.take(told.core.wake(told.now + SILENT))
    return told.state.applied == told.here


@pytest.mark.parametrize(
    "is_right",
    [
        pytest.param(case, id=case.__name__, marks=pytest.mark.wild(area="decisions", given=given, right=right))
        for case, given, right in [
            (buried, "a frame that scoring cannot score", "the model goes on at once, and the reason is on the log"),
            (silent, "a frame whose scores never come", "after 30 minutes it is taken in without, and that is said"),
            (left_out, "a frame that detection buried and scoring scored", "the next frame goes on"),
            (lost_signal, "a status that counts signals which never come", "after 30 minutes the frame is taken in"),
            (renamed, "a target renamed in the spec", "the next run gives 2.0.0, which serves at once"),
            (other_task, "the same field under another task", "no roll-back to the version of the former task"),
            (not_ours, "a harm of a model that driftloop did not train", "the answer says how to train or register"),
            (
                unusable_policy,
                "a spec with a policy that does not exist",
                "the harm is answered, a person is waited for",
            ),
            (withdrawn, "a spec withdrawn and applied again", "the model stands still, says so, and goes on"),
            (gone, "a new champion whose artifact is gone", "its predecessor comes back at once"),
        ]
    ],
)
def test_it_is_decided_right(is_right):
    assert is_right()
