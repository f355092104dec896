"""To be told: one message an incident, whatever dies or is away in between."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from driftloop.contracts import topics
from driftloop.contracts.message import ControlMessage, FramePosition
from driftloop.in_memory.log import MemoryLog
from driftloop.in_memory.loop import MemoryTransport
from driftloop.processor import Effects
from driftloop.spec.cron import next_after
from driftloop.testing.records import START_MS, FakeRecord
from operations_console.core.notify.incidents import INPUTS
from operations_console.core.notify.outbox import Incident, Queue
from operations_console.core.notify.processor import Notifier
from operations_console.core.notify.rules import Quiet, Rule, Rules
from operations_console.core.notify.sending import AT_ONCE, MOST_UNKNOWN, End, PassedOver
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
    """A deliverer of a test: `fails` decides whether a delivery arrives, `unheard` whether its end is never heard;
    what arrived is kept. What was begun arrives in the turn after."""

    fails: Iterator[bool] = field(default_factory=lambda: iter(lambda: False, True))
    unheard: Iterator[bool] = field(default_factory=lambda: iter(lambda: False, True))
    arrived: list[Telling] = field(default_factory=list)
    begun: list[Telling] = field(default_factory=list)
    ended: list[tuple[Telling, End]] = field(default_factory=list)
    given_up: list[tuple[Telling, PassedOver]] = field(default_factory=list)

    def start(self, told: Telling) -> None:
        self.begun.append(told)

    def deliver(self) -> None:
        for told in self.begun:
            failed = next(self.fails)
            if not failed:
                self.arrived.append(told)
            self.ended.append((told, "unknown" if next(self.unheard) else "refused" if failed else "delivered"))
        self.begun = []

    def results(self) -> list[tuple[Telling, End]]:
        ended, self.ended = self.ended, []
        return ended

    def passed_over(self, told: Telling, why: PassedOver) -> None:
        self.given_up.append((told, why))


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
        self.receiver.begun, self.receiver.ended = [], []
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
        self.receiver.deliver()
        return self.commit(self.core.wake(self.now))

    def abort(self) -> None:
        """A turn whose transaction is aborted: the same process goes on from what was committed before."""
        self.receiver.deliver()
        self.core.wake(self.now)
        self.core.revoke(0)
        self.core.restore(0, self.state.items())

    def settle(self) -> None:
        for _ in range(120):
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


@pytest.mark.parametrize("restarts", [False, True])
def test_that_it_is_over_may_be_read_before_that_it_began(restarts: bool):
    """The topics are not read in step."""
    process = Process()
    process.say(topics.DRIFT_STATUS, status("plant", 9, 0.1))
    if restarts:  # then the next status says it
        process.restart()
    process.say(topics.DRIFT_SIGNALS, at_frame(signal("plant", 3), 3))
    if restarts:
        process.say(topics.DRIFT_STATUS, status("plant", 10, 0.1))
    process.settle()
    assert process.told == [("hook", "harm", "open"), ("hook", "harm", "over")]
    assert process.state == {}


def test_what_was_over_before_does_not_end_what_begins_later():
    process = Process()
    process.say(topics.DRIFT_STATUS, status("plant", 9, 0.1))
    process.say(topics.DRIFT_STATUS, status("plant", 2, 0.1))
    for frame in (9, 12):
        process.say(topics.DRIFT_SIGNALS, at_frame(signal("plant", frame), frame))
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
    while (wish := process.turn(0).wake_at) is not None:
        waits.append(round((wish - process.now).total_seconds(), 1))
        process.now = wish
    assert [one for one in waits if one > 1] == [5, 10, 20, 40, 80]


def lived_through(seed: int, channel: dict[str, Any]) -> tuple[Process, set[tuple[str, str]]]:
    """Incidents over kills, aborted transactions, refusals and answers that never came; and what was to be told."""
    choose = random.Random(seed)
    chance = lambda share: iter(lambda: choose.random() < share, "never")  # noqa: E731
    rules = Rules.model_validate({"channels": {"hook": channel}, "rules": [{"to": ["hook"]}]})
    process = Process(Receiver(chance(0.33), chance(0.1)), rules=rules)
    wanted = set()
    for number in range(12):
        model = f"m{number}"
        process.say(topics.DRIFT_SIGNALS, at_frame(signal(model, 1), 1))
        wanted.add((model, "open"))
        for _ in range(choose.randint(0, 4)):
            process.turn(choose.choice([1, 30]))
            if choose.random() < 0.4:
                process.receiver.deliver()
                process.restart()
            elif choose.random() < 0.2:
                for _ in range(choose.randint(1, 3)):
                    process.abort()
        if choose.random() < 0.5:
            process.say(topics.DRIFT_STATUS, status(model, 5, 0.1))
            wanted.add((model, "over"))
    process.receiver.unheard = chance(0.0)
    process.settle()
    assert not any(queue.pending for one in process.core.standing for queue in one.queues.values())
    return process, wanted


@settings(max_examples=60)
@given(st.integers(0, 10**9))
def test_kills_and_failures_lose_nothing_and_a_key_is_never_used_for_two_things(seed: int):
    process, wanted = lived_through(seed, {"kind": "webhook", "url": "http://hook"})
    arrived = {(one.model_id, one.what) for one in process.receiver.arrived}
    assert arrived == wanted
    keys = {one.idempotency_key for one in process.receiver.arrived}
    assert (len(keys), process.receiver.given_up) == (len(wanted), [])


@settings(max_examples=60)
@given(st.integers(0, 10**9))
def test_a_receiver_without_keys_is_told_twice_at_most_and_what_may_be_lost_is_said(seed: int):
    process, wanted = lived_through(seed, {"kind": "slack", "url": "http://slack"})
    arrived = Counter((one.model_id, one.what) for one in process.receiver.arrived)
    assert max(arrived.values()) <= 2
    said = {(told.model_id, told.what) for told, why in process.receiver.given_up if why == "unsure"}
    assert wanted - said <= set(arrived) <= wanted


def test_what_is_about_to_be_sent_is_committed_before_it_is_sent():
    process = Process()
    process.say(topics.DRIFT_SIGNALS, signal("plant", 1))
    (entry,) = process.state.values()
    assert (b'"sending":true' in entry, process.receiver.begun) == (True, [])
    process.turn(0)
    assert len(process.receiver.begun) == 1


def test_over_is_not_sent_before_it_is_committed_that_open_was_told():
    process = Process()
    process.say(topics.DRIFT_SIGNALS, signal("plant", 1))
    process.turn(0)
    process.say(topics.DRIFT_STATUS, status("plant", 5, 0.1))
    process.turn(0)
    process.receiver.begun = []
    process.restart()
    process.settle()
    assert process.told == [("hook", "harm", "open"), ("hook", "harm", "over")]


def test_an_aborted_transaction_forgets_no_delivery():
    process = Process()
    process.say(topics.DRIFT_SIGNALS, signal("plant", 1))
    process.turn(0)
    process.abort()
    process.settle()
    assert process.told == [("hook", "harm", "open")]


@pytest.mark.parametrize("refused", [False, True], ids=["delivered", "refused"])
def test_two_aborted_transactions_forget_no_delivery_either(refused: bool):
    process = Process(Receiver(iter([refused] + [False] * 99)))
    process.say(topics.DRIFT_SIGNALS, signal("plant", 1))
    process.turn(0)
    process.abort()
    process.abort()
    process.turn(0)
    assert not any(queue.unknown for one in process.core.standing for queue in one.queues.values())
    process.settle()
    assert process.told == [("hook", "harm", "open")]


@settings(max_examples=40)
@given(st.integers(0, 10**9))
def test_aborted_transactions_alone_double_nothing_and_make_nobody_unsure(seed: int):
    choose = random.Random(seed)
    rules = Rules.model_validate({"channels": RULES["channels"], "rules": [{"to": ["team"]}]})
    process = Process(Receiver(iter(lambda: choose.random() < 0.33, "never")), rules=rules)
    for number in range(8):
        process.say(topics.DRIFT_SIGNALS, signal(f"m{number}", 1))
        for _ in range(choose.randint(0, 4)):
            process.abort() if choose.random() < 0.5 else process.turn(choose.choice([0, 30]))
    process.settle()
    assert Counter(one.model_id for one in process.receiver.arrived) == {f"m{number}": 1 for number in range(8)}
    assert process.receiver.given_up == []


def both_channels(**queues: Queue) -> Process:
    """An incident with these queues, in a state that was committed."""
    rules = Rules.model_validate({"channels": dict.fromkeys(queues, RULES["channels"]["team"]), "rules": []})
    process = Process(rules=rules)
    process.say(topics.DRIFT_SIGNALS, signal("plant", 1))
    ((key, entry),) = process.state.items()
    process.state[key] = (
        Incident.model_validate_json(entry).model_copy(update={"queues": queues}).model_dump_json().encode()
    )
    process.restart()
    return process


def test_who_is_passed_over_takes_no_other_channels_mark_along():
    process = both_channels(first=Queue(due_at=NOW), second=Queue(due_at=NOW, unknown=MOST_UNKNOWN))
    process.turn(0)
    ((_, entry),) = process.state.items()
    found = Incident.model_validate_json(entry)
    assert (found.queues["first"].sending, found.unsure) == (True, ("second",))
    assert [told.channel for told, _ in process.receiver.given_up] == ["second"]
    process.turn(0)
    process.receiver.deliver()
    process.restart()  # killed after it was sent: the mark says so
    ((queue),) = [one.queues["first"] for one in process.core.standing]
    assert queue.unknown == 1


def of_two_partitions() -> Process:
    """Two incidents of one digest that is not due yet."""
    process = Process(rules=Rules.model_validate(DAILY))
    for partition, model in enumerate(("plant", "pricing")):
        said = signal(model, 1, harmful=False).to_json()
        record = FakeRecord(topics.DRIFT_SIGNALS, key=model, value=said, at_partition=partition)
        process.core.process([record], process.now)
    return process


def test_a_digest_of_two_partitions_is_sent_though_one_of_them_goes():
    process = of_two_partitions()
    process.now += timedelta(days=1)
    process.core.wake(process.now)
    process.core.revoke(1)
    process.core.wake(process.now)
    assert [one.what for one in process.receiver.begun] == ["digest"]
    process.receiver.deliver()
    process.core.wake(process.now)
    assert not any(queue.sending or queue.pending for one in process.core.standing for queue in one.queues.values())


def test_a_mark_that_was_aborted_is_not_sent_by():
    """Partition after partition starts over: no message goes out whose mark no transaction holds."""
    process = of_two_partitions()
    before = [{one.key: one.model_dump_json().encode()} for one in process.core.standing]
    process.now += timedelta(days=1)
    process.core.wake(process.now)
    for partition, state in enumerate(before):
        process.core.revoke(partition)
        process.core.restore(partition, state.items())
    process.core.wake(process.now)
    assert process.receiver.begun == []
    process.core.wake(process.now)
    assert len(process.receiver.begun) == 1


def test_a_log_that_is_never_quiet_keeps_nobody_from_being_told():
    process = Process()
    process.say(topics.DRIFT_SIGNALS, signal("plant", 1))
    for number in range(2, 6):
        process.receiver.deliver()
        process.say(topics.DRIFT_STATUS, status("other", number, 0.1))
    assert process.told == [("hook", "harm", "open")]


def test_a_process_that_never_lives_to_commit_a_delivery_tells_of_everything():
    process = Process()
    for number in range(3 * AT_ONCE):
        process.say(topics.DRIFT_SIGNALS, signal(f"m{number}", 1))
    for _ in range(4):
        process.restart()
        process.commit(process.core.wake(process.now))
        process.core.wake(process.now)
        process.receiver.deliver()
    assert {one.model_id for one in process.receiver.arrived} == {f"m{number}" for number in range(3 * AT_ONCE)}


def test_a_receiver_that_hangs_takes_no_more_than_its_own_share():
    rules = {**RULES, "rules": [{"to": ["hook"]}, {"to": ["team"]}]}
    process = Process(rules=Rules.model_validate(rules))
    for number in range(AT_ONCE * 3):
        process.say(topics.DRIFT_SIGNALS, signal(f"m{number}", 1))
    process.commit(process.core.wake(process.now))
    assert Counter(one.channel for one in process.receiver.begun) == {"hook": AT_ONCE, "team": 1}


def test_after_three_days_a_message_is_given_up_and_that_is_said():
    process = Process(Receiver(iter(lambda: True, False)))
    process.say(topics.DRIFT_SIGNALS, signal("plant", 1))
    while not process.receiver.given_up:
        process.turn(60)
    assert timedelta(days=3) < process.now - NOW < timedelta(days=4)
    assert [why for _, why in process.receiver.given_up] == ["given_up"]
    assert not any(queue.pending for one in process.core.standing for queue in one.queues.values())


DAILY = {**RULES, "rules": [{"kinds": ["shift"], "to": ["team"], "digest": "0 8 * * *"}]}


def test_a_digest_tells_of_all_in_one_message_at_its_moment():
    process = Process(rules=Rules.model_validate(DAILY))
    for model in ("plant", "pricing"):
        process.say(topics.DRIFT_SIGNALS, signal(model, 1, harmful=False))
    process.say(topics.DRIFT_STATUS, status("plant", 5, 0.1))
    while process.now.hour != 7:
        process.turn(600)
    assert process.told == []
    process.settle()
    (told,) = process.receiver.arrived
    assert (told.what, told.title) == ("digest", "2 incidents of 2 models")
    assert [(one.model_id, one.what) for one in told.incidents] == [
        ("plant", "open"), ("plant", "over"), ("pricing", "open"),
    ]  # fmt: skip
    assert b'"incidents": [{' in webhook_body(told)


def test_what_is_over_after_its_digest_is_in_the_next_one():
    process = Process(rules=Rules.model_validate(DAILY))
    process.say(topics.DRIFT_SIGNALS, signal("plant", 1, harmful=False))
    while not process.told:
        process.turn(600)
    first = process.now
    process.say(topics.DRIFT_STATUS, status("plant", 5, 0.1))
    while len(process.told) < 2:
        process.turn(600)
    assert (process.now - first, process.now.hour, process.state) == (timedelta(days=1), 8, process.state)
    process.settle()
    assert process.state == {}


@settings(max_examples=30)
@given(st.integers(0, 10**9))
def test_a_digest_over_kills_and_refusals_keeps_its_key_and_what_is_in_it(seed: int):
    choose = random.Random(seed)
    rules = Rules.model_validate({"channels": RULES["channels"], "rules": [{"to": ["hook"], "digest": "*/5 * * * *"}]})
    process = Process(Receiver(iter(lambda: choose.random() < 0.33, "never")), rules=rules)
    for number in range(8):
        process.say(topics.DRIFT_SIGNALS, signal(f"m{number}", 1))
        process.turn(choose.choice([1, 100]))
        if choose.random() < 0.5:
            process.restart()
    process.settle()
    content = {one.idempotency_key: one for one in process.receiver.arrived}
    assert all(content[one.idempotency_key] == one for one in process.receiver.arrived)
    told = Counter(incident.model_id for one in content.values() for incident in one.incidents)
    assert told == {f"m{number}": 1 for number in range(8)}


def test_that_it_is_over_is_no_reason_to_wake_anybody():
    quiet = {"from": "00:00", "until": "23:00"}
    process = Process(rules=Rules.model_validate({**RULES, "rules": [{"to": ["team"], "quiet": quiet}]}))
    process.now = process.now.replace(hour=23, minute=10)
    process.say(topics.DRIFT_SIGNALS, signal("plant", 1, harmful=False))
    process.turn(0)
    process.turn(0)
    assert process.told == [("team", "shift", "open")]
    process.now += timedelta(hours=2)
    process.say(topics.DRIFT_STATUS, status("plant", 5, 0.1))
    process.settle()
    assert len(process.told) == 1
    while len(process.told) < 2:
        process.turn(600)
    assert process.now.hour == 23


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


YEAR = datetime(2026, 1, 1, tzinfo=UTC)
TIMES = st.times(timezones=st.none())


@given(
    st.integers(0, 366 * 86400 * 10**6), TIMES, TIMES,
    st.sampled_from([None, "0 8 * * *", "*/20 * * * *", "30 22,23,5 * * 1-5", "0 0 1 * *"]),
    st.sampled_from(["shift", "harm"]),
)  # fmt: skip
def test_nobody_is_told_in_quiet_hours_or_outside_a_digests_times(
    after_us: int, begin: time, end: time, digest: str | None, kind: Any
):
    then = YEAR + timedelta(microseconds=after_us)
    quiet = Quiet.model_validate({"from": begin, "until": end})
    at = Rule(to=("team",), quiet=quiet, digest=digest).told_at(kind, then)
    slots = digest is None or (next_after(digest, at - timedelta(microseconds=1)) == at)
    if kind == "harm":
        assert at >= then
        assert slots
        assert digest is not None or at == then
        return
    assert at >= then
    assert quiet.over_at(at) == at, "it is not quiet then"
    assert slots or at.time() == end, "a moment of the digest, or the end of the quiet hours"
    if digest is None:
        assert at == quiet.over_at(then)


@pytest.mark.parametrize(
    ("then", "digest", "told"),
    [
        ("05:00", "0 6 * * *", "06:00"),  # quiet ends at the digest's moment: that very one
        ("12:00", "0 23 * * *", "06:00"),  # its moment is in quiet hours: when they end
        ("07:59", "0 8 * * *", "08:00"),
        ("08:00", "0 8 * * *", "08:00"),
    ],
)
def test_a_digest_and_quiet_hours(then: str, digest: str, told: str):
    rule = Rule(to=("team",), quiet=Quiet.model_validate({"from": "22:00", "until": "06:00"}), digest=digest)
    now = datetime.fromisoformat(f"2026-03-01T{then}:00+00:00")
    at = rule.told_at("shift", now)
    assert (f"{at:%H:%M}", at - now <= timedelta(days=1)) == (told, True)


def test_pages_know_no_quiet_hours():
    rules = Rules.model_validate({**RULES, "rules": [{"to": ["hook"], "quiet": {"from": "00:00", "until": "23:59"}}]})
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert rules.route("m", "harm", now) == {"hook": (now, False, False)}
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
        {**RULES, "rules": [{"to": ["hook"], "quiet": {"from": "22:00+02:00", "until": "06:00+02:00"}}]},
        {**RULES, "rules": [{"to": ["hook"], "digest": "at eight"}]},
        {"channels": {"x": {"kind": "pagerduty", "key_file": "k"}}, "rules": [{"to": ["x"], "digest": "0 8 * * *"}]},
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


@dataclass(slots=True)
class HangingReceiver(Receiver):
    """Nothing ends while it hangs."""

    hangs: bool = True

    def deliver(self) -> None:
        if not self.hangs:
            Receiver.deliver(self)


def test_a_mark_of_another_channel_is_not_taken_for_ours():
    """The hook hangs here; the partition goes to another process, which marks the team's message and is killed."""
    rules = Rules.model_validate({**RULES, "rules": [{"to": ["hook"]}, {"to": ["team"], "after_minutes": 1}]})
    receiver = HangingReceiver()
    here = Process(receiver=receiver, rules=rules)
    here.say(topics.DRIFT_SIGNALS, signal("plant", 1))
    for _ in range(2):
        here.turn()
    assert [told.channel for told in receiver.begun] == ["hook"]
    here.core.revoke(0)
    there = Process(rules=rules, state=here.state, now=here.now)
    for seconds in (1, 1, 1, 60):
        there.turn(seconds)
    assert [channel for channel, _, _ in there.told] == ["hook"]
    (marked,) = map(Incident.model_validate_json, there.state.values())
    assert marked.queues["team"].sending
    here.state, here.now = there.state, there.now
    here.core.restore(0, here.state.items())
    receiver.hangs = False
    here.settle()
    assert "team" in [channel for channel, _, _ in here.told]
