"""Whatever happens to a model, it goes on, answers every harmful signal, and says what it waits for."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from driftloop.contracts import topics
from driftloop.contracts.challenge_scores import RefusedVersion
from driftloop.spec.challenge import ChallengeRule
from driftloop.spec.model_spec import Automation, TargetField
from driftloop.testing.records import FakeRecord
from driftloop.waits import COORDINATOR
from retrain_coordinator.core.intake import payoff_word
from retrain_coordinator.core.lifecycle.target import opponent
from retrain_coordinator.core.merge import SILENT
from retrain_coordinator.core.state import ModelState
from retrain_coordinator.core.step import Step
from retrain_coordinator.core.waiting import waits_of

BAD, GOOD = [1.0] * 40, [0.0] * 40
POLICIES = {
    "harm": {"preset": "default", "triggers": {"harmful_drift": True, "payoff": None}},
    "payoff": "default",
    "approval": {"preset": "default", "safeguards": {"approval": ["retrain", "promote"]}},
    "forecast": "metrics-forecast",
    "nothing": {"triggers": {"harmful_drift": False}},
}
COMMANDS = ("retrain", "promote", "roll_back", "freeze", "unfreeze", "approve", "veto", "cancel")
FRAMES = ("calm", "harm", "scored better", "scored worse", "refused", "gone", "silent", "unreported", "signal lost")
RESULTS = ("better", "worse", "failed")
EDITS = (
    {"challenge": ChallengeRule(mode="canary", challengers=3)},
    {"challenge": ChallengeRule(mode="none", probation_rows=0)},
    {"challenge": ChallengeRule(mode="z-test"), "policy": POLICIES["approval"]},
    {"policy": "no such preset"},
    {"policy": {"preset": "default", "safeguards": {"veto_window_seconds": 3600.0}}},
    {"automation": Automation(retrain=False, promote=False, roll_back=False)},
)
REST = ("edit", "rename", "rename back", "withdraw", "apply", "restore", "wake")
histories = st.lists(st.sampled_from((*COMMANDS, *FRAMES, *RESULTS, *REST)), max_size=30)


class Life:
    """A model's life, the harmful signals that reached the coordinator, and the spec as it stands."""

    def __init__(self, told):
        self.told, self.field, self.raised = told, "y", []
        self.withdrawn, self.versions = False, 1

    @property
    def known(self):
        return self.told.core._specs.get("m")

    def apply(self, field):
        self.field, self.withdrawn, self.versions = field, False, self.versions + 1
        self.told.apply(self.told.spec.model_copy(update={"target": {field: TargetField()}}), self.versions)

    def frame(self, move):
        told, harmful = self.told, move in ("harm", "signal lost")
        signal = told.signal(onset=max(0, told.rows - 20), say=False) if harmful else None
        status = told.status(40, 0.4, hours=0.2, signals=int(harmful), say=False)
        alarms = ("error:cusum",) if self.raised or harmful else ()
        status = status.model_copy(update={"active_signals": alarms, "spec_version": self.versions})
        if move != "unreported":
            told.say(topics.DRIFT_STATUS, status)
        if move == "harm":
            told.say(topics.DRIFT_SIGNALS, signal)
            self.raised += [] if self.withdrawn else [signal]
        if move != "silent":
            self.score(move)

    def score(self, move):
        told, state = self.told, self.told.state
        champion = told.champion or "0.0.1"
        others = {*state.challenges, *(name for name, one in state.versions.items() if one.status == "archived")}
        others |= {state.probation.predecessor} if state.probation else set()
        losses = {champion: GOOD if move == "scored worse" else BAD}
        losses |= dict.fromkeys(others - {champion}, GOOD if move == "scored better" else BAD)
        message = told.scores(losses, say=False)
        if move in ("refused", "gone"):
            refused = {version: RefusedVersion(reason="so", unusable=move == "gone") for version in losses}
            message = message.model_copy(update={"losses": {}, "refused": refused})
        told.say(topics.CHALLENGE_SCORES, message)

    def make(self, move):
        told = self.told
        if move in FRAMES:
            self.frame(move)
        elif move in RESULTS:
            if told.state.run is not None:
                rows = {"better": (BAD, GOOD), "worse": (GOOD, BAD), "failed": ((), ())}
                told.result(*rows[move], status="failed" if move == "failed" else "succeeded")
        elif move in REST:
            self.rest(move)
        elif not self.withdrawn:
            told.command(move)

    def rest(self, move):
        told = self.told
        if move == "withdraw":
            self.withdrawn = True
            told.core.take_table(topics.MODEL_SPECS, [FakeRecord(topics.MODEL_SPECS, key="m", value=None)])
        elif move == "restore":
            saved = told.state.to_json()
            told.core.restore(0, [("m", saved)])
            assert told.state == ModelState.model_validate_json(saved)
        elif move == "edit":
            told.spec = told.spec.model_copy(update=EDITS[self.versions % len(EDITS)])
            self.apply(self.field)
        elif move == "wake":
            told.take(told.core.wake(told.now))
        else:
            self.apply({"rename": "churn", "rename back": "y", "apply": self.field}[move])

    def end(self):
        """Nothing more is said but a last calm frame with its scores; time passes."""
        if self.withdrawn:
            self.apply(self.field)
        self.frame("calm")
        for _ in range(2):
            self.told.now += SILENT + timedelta(seconds=1)
            self.told.take(self.told.core.wake(self.told.now))


def check_waits(life):
    """What the state says that it waits for is what is derived from it, and nothing that is open is left out."""
    state, known = life.told.state, life.known
    assert set(state.waits) <= {wait.name for wait in COORDINATOR}
    if known is None or state.spec_seen != known.spec_version or "spec" in state.waits:
        return  # noticed with the next record
    step = Step.of(state, known, state.as_of or life.told.now)
    assert set(state.waits) == set(waits_of(state, known, step.now, payoff_word(step)))
    is_open = {
        "version": state.champion is None,
        "target": state.champion is not None and opponent(state, known.spec) is None,
        "run": state.run is not None,
        "freeze": state.frozen is not None,
        "approval": state.waits_for_approval is not None,
    }
    assert {name for name, yes in is_open.items() if yes} <= set(state.waits)
    assert not state.challenges or set(state.waits) & {"proof", "approval", "veto_window", "freeze"}
    assert not state.waiting or set(state.waits) & {"detection", "scores", "signals"}
    assert state.harm is None or state.waits


def is_answered(told, signal):
    """A decision names the signal, or something that asked for a run was decided on its frame."""
    on_its_frame = [made for made in told.decisions if made.position == signal.position]
    named = any(signal.message_id in made.caused_by for made in told.decisions)
    return named or any(made.safeguards or made.action in ("promote", "reuse", "roll_back") for made in on_its_frame)


def live(story, policy, moves, clock):
    life = Life(story(policy=POLICIES[policy], clock=clock).first_version())
    for move in moves:
        life.make(move)
        check_waits(life)
    life.end()
    return life


@pytest.mark.slow
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(policy=st.sampled_from(sorted(POLICIES)), moves=histories, clock=st.sampled_from(("event", "wall")))
@example(policy="approval", moves=["silent", "rename", "wake"], clock="event")
def test_a_model_is_never_stuck_and_every_harmful_signal_has_an_answer(story, policy, moves, clock):
    life = live(story, policy, moves, clock)
    assert life.told.state.applied == life.told.here, "a frame stopped the model"
    assert not life.told.state.waiting
    assert [signal.message_id for signal in life.raised if not is_answered(life.told, signal)] == []


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(policy=st.sampled_from(sorted(POLICIES)), moves=histories)
def test_the_same_history_gives_the_same_bytes(story, policy, moves):
    one, other = (live(story, policy, moves, "event").told for _ in range(2))
    assert one.sent == other.sent


def test_a_harm_that_stands_does_not_fill_the_log(story):
    life = live(story, "nothing", ["harm"] * 3 + ["calm"] * 200, "event")
    said = [made for made in life.told.decisions if made.trigger == "harm"]
    assert len(said) == 4, "one answer for each signal, one reminder after a day"
