"""To be told: one message an incident, whatever dies or is away in between."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from driftloop.contracts import topics
from driftloop.contracts.message import ControlMessage, FramePosition
from driftloop.in_memory.log import MemoryLog
from driftloop.in_memory.loop import MemoryTransport
from driftloop.processor import Effects
from driftloop.testing.records import START_MS, FakeRecord
from operations_console.core.notify.incidents import INPUTS
from operations_console.core.notify.processor import Notifier
from operations_console.core.notify.rules import Quiet, Rules
from operations_console.core.notify.wording import Telling, pagerduty_body, slack_body, webhook_body

from .conftest import decision, event, signal, status

__all__ = ["MemoryLog", "MemoryTransport"]
NOW = datetime.fromtimestamp(START_MS / 1000, UTC)
RULES = {
    "console": "http://console",
    "channels": {"hook": {"kind": "webhook", "url": "http://hook"}, "team": {"kind": "slack", "url": "http://slack"}},
    "rules": [{"to": ["hook"]}, {"models": ["pricing*"], "kinds": ["promotion"], "to": ["team"]}],
}
HARM = ("error:mixture-cusum",)


@dataclass(slots=True)
class Receiver:
    """A deliverer of a test: `fails` decides whether a delivery arrives; what arrived is kept."""

    fails: Iterator[bool] = field(default_factory=lambda: iter(lambda: False, True))
    arrived: list[Telling] = field(default_factory=list)
    ended: list[tuple[Telling, bool]] = field(default_factory=list)

    def start(self, told: Telling) -> None:
        if any(told == one for one, _ in self.ended):
            return
        failed = next(self.fails)
        if not failed:
            self.arrived.append(told)
        self.ended.append((told, not failed))

    def results(self) -> list[tuple[Telling, bool]]:
        ended, self.ended = self.ended, []
        return ended


@dataclass(slots=True)
class Process:
    """A notifier over a changelog that survives it."""

    receiver: Receiver = field(default_factory=Receiver)
    rules: Rules = field(default_factory=lambda: Rules.model_validate(RULES))
    state: dict[str, bytes] = field(default_factory=dict)
    now: datetime = NOW
    core: Notifier = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Killed, and started anew from what was committed."""
        self.receiver.ended = []
        self.core = Notifier(self.rules, self.receiver)
        self.core.restore(0, self.state.items())

    def commit(self, effects: Effects) -> Effects:
        for change in effects.state_changes:
            if change.value is None:
                self.state.pop(change.key, None)
            else:
                self.state[change.key] = change.value
        return effects

    def say(self, topic: str, message: ControlMessage) -> Effects:
        record = FakeRecord(topic, key=message.model_id, value=message.to_json(), at_ms=START_MS)
        return self.commit(self.core.process([record], self.now))

    def turn(self, seconds: float = 1.0) -> Effects:
        self.now += timedelta(seconds=seconds)
        return self.commit(self.core.wake(self.now))

    def settle(self) -> None:
        for _ in range(60):
            self.turn(60)

    @property
    def told(self) -> list[tuple[str, str, str]]:
        return [(one.channel, one.kind, one.what) for one in self.receiver.arrived]


def at_frame(message: ControlMessage, frame: int) -> ControlMessage:
    return message.model_copy(update={"position": FramePosition(partition=0, offset=frame)})


def test_an_incident_is_told_once_and_again_when_it_is_over():
    process = Process()
    for number in (1, 2, 3):
        process.say(topics.DRIFT_SIGNALS, signal("plant", number))
    process.settle()
    assert process.told == [("hook", "harm", "open")]
    process.say(topics.DRIFT_STATUS, status("plant", 4, 0.3, active=HARM))
    process.say(topics.DRIFT_STATUS, status("plant", 5, 0.1))
    process.settle()
    assert process.told == [("hook", "harm", "open"), ("hook", "harm", "over")]
    assert process.state == {}


def test_nothing_is_sent_before_it_is_committed():
    process = Process()
    effects = process.say(topics.DRIFT_SIGNALS, signal("plant", 1))
    assert (process.told, len(effects.state_changes)) == ([], 1)
    assert effects.wake_at is not None


def test_a_status_of_an_earlier_frame_ends_nothing():
    process = Process()
    process.say(topics.DRIFT_SIGNALS, at_frame(signal("plant", 9), 9))
    process.say(topics.DRIFT_STATUS, status("plant", 8, 0.1))
    process.settle()
    assert process.told == [("hook", "harm", "open")]


def test_harm_of_a_segment_is_ended_by_that_segment_alone():
    process = Process()
    process.say(topics.DRIFT_SIGNALS, signal("plant", 1).model_copy(update={"segment": "site=a"}))
    process.say(topics.DRIFT_STATUS, status("plant", 5, 0.1))
    process.settle()
    assert process.told == [("hook", "harm", "open")]
    process.say(topics.DRIFT_STATUS, status("plant", 6, 0.1, segment="site=a"))
    process.settle()
    assert process.told[1:] == [("hook", "harm", "over")]


def test_what_waits_for_a_person_is_over_once_it_is_decided():
    process = Process()
    process.say(
        topics.RETRAIN_DECISIONS, decision("plant", 1, "wait", "approval", "1.0.1 is proven", candidate="1.0.1")
    )
    process.say(topics.RETRAIN_DECISIONS, decision("plant", 2, "promote", "approval", "approved", candidate="1.0.1"))
    process.settle()
    assert process.told == [("hook", "approval", "open"), ("hook", "approval", "over")]


def test_rules_lead_by_model_and_kind():
    process = Process()
    for model in ("pricing-eu", "plant"):
        process.say(topics.MODEL_EVENTS, event(model, 1, "promoted", "1.0.1", previous_version="1.0.0"))
    process.settle()
    assert Counter(process.told) == {("hook", "promotion", "open"): 2, ("team", "promotion", "open"): 1}
    assert process.state == {}


def test_what_is_old_is_told_to_nobody():
    process = Process(now=NOW + timedelta(days=2))
    process.say(topics.DRIFT_SIGNALS, signal("plant", 1))
    process.settle()
    assert process.told == []


def test_a_receiver_that_is_away_is_tried_later_and_later():
    process = Process(Receiver(iter([True] * 5 + [False] * 99)))
    process.say(topics.DRIFT_SIGNALS, signal("plant", 1))
    waits = []
    while not process.told:
        wish = process.turn(0).wake_at
        assert wish is not None
        waits.append(round((wish - process.now).total_seconds(), 1))
        process.now = wish
    assert [one for one in waits if one > 1] == [5, 10, 20, 40, 80]


@settings(max_examples=60)
@given(st.integers(0, 10**9))
def test_kills_and_failures_lose_nothing_and_a_key_is_never_used_for_two_things(seed: int):
    choose = random.Random(seed)
    process = Process(Receiver(iter(lambda: choose.random() < 0.33, "never")))
    wanted = set()
    for number in range(12):
        model = f"m{number}"
        process.say(topics.DRIFT_SIGNALS, at_frame(signal(model, 1), 1))
        wanted.add((model, "open"))
        for _ in range(choose.randint(0, 3)):
            process.turn(choose.choice([1, 30]))
            if choose.random() < 0.5:
                process.restart()
        if choose.random() < 0.5:
            process.say(topics.DRIFT_STATUS, status(model, 5, 0.1))
            wanted.add((model, "over"))
    process.settle()
    arrived = {(one.model_id, one.what) for one in process.receiver.arrived}
    assert arrived == wanted
    keys = {one.idempotency_key for one in process.receiver.arrived}
    assert len(keys) == len(wanted)


def test_without_kills_nothing_arrives_twice():
    process = Process(Receiver(iter([True, False] * 99)))
    for number in range(20):
        process.say(topics.DRIFT_SIGNALS, signal(f"m{number}", 1))
    process.settle()
    assert len(process.receiver.arrived) == len({one.idempotency_key for one in process.receiver.arrived}) == 20


def test_rubbish_is_buried_and_stops_nobody():
    process = Process()
    effects = process.core.process([FakeRecord(topic, value=b"{") for topic in INPUTS], NOW)
    assert len(effects.dead_letters) == len(INPUTS)


@pytest.mark.parametrize(
    ("at", "over"), [("21:59", "21:59"), ("22:00", "06:00"), ("23:30", "06:00"), ("05:59", "06:00"), ("06:00", "06:00")]
)
def test_quiet_hours_go_over_midnight(at: str, over: str):
    quiet = Quiet.model_validate({"from": "22:00", "until": "06:00"})
    now = datetime.fromisoformat(f"2026-03-01T{at}:00+00:00")
    assert f"{quiet.over_at(now):%H:%M}" == over
    assert timedelta(0) <= quiet.over_at(now) - now < timedelta(days=1)


def test_pages_know_no_quiet_hours():
    rules = Rules.model_validate({**RULES, "rules": [{"to": ["hook"], "quiet": {"from": "00:00", "until": "23:59"}}]})
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert rules.route("m", "harm", now) == {"hook": (now, False)}
    assert rules.route("m", "shift", now)["hook"].at > now


@pytest.mark.parametrize(("over_after", "escalated"), [(10, False), (40, True)])
def test_what_still_stands_after_a_while_is_told_to_others_too(over_after: int, escalated: bool):
    rules = {**RULES, "rules": [{"to": ["hook"]}, {"kinds": ["harm"], "to": ["team"], "after_minutes": 30}]}
    process = Process(rules=Rules.model_validate(rules))
    process.say(topics.DRIFT_SIGNALS, signal("plant", 1))
    for _ in range(over_after):
        process.turn(60)
    assert (("team", "harm", "open") in process.told) == escalated
    process.say(topics.DRIFT_STATUS, status("plant", 5, 0.1))
    process.settle()
    assert Counter(process.told)["hook", "harm", "over"] == 1
    assert Counter(process.told)["team", "harm", "over"] == escalated
    assert process.state == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"rules": [{"to": ["nobody"]}]},
        {"channels": {"x": {"kind": "slack"}}},
        {"channels": {"x": {"kind": "pagerduty"}}},
        {"channels": {"x": {"kind": "mail", "host": "h"}}},
        {"rule": []},
    ],
)
def test_rules_that_would_keep_somebody_asleep_are_refused(wrong: dict):
    with pytest.raises(ValidationError):
        Rules.model_validate(wrong)


def test_bodies_say_what_receivers_expect():
    process = Process()
    process.say(topics.DRIFT_SIGNALS, signal("plant", 1))
    process.settle()
    (told,) = process.receiver.arrived
    assert b'"dedup_key": "%b"' % told.incident_id.encode() in pagerduty_body(told, "key")
    assert b'"event_action": "trigger"' in pagerduty_body(told, "key")
    assert b"driftloop freeze plant" in slack_body(told)
    assert b'"link": "http://console/models/plant"' in webhook_body(told)
