"""Mutes: nobody is told of what begins while one stands, and nothing that still stands then is lost."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

import pytest
from typer.testing import CliRunner

from driftloop.clock import system_now
from driftloop.contracts import topics
from driftloop.contracts.message import derive_id
from driftloop.contracts.notification_mutes import NotificationMute
from driftloop.errors import UserError
from driftloop.kafka.clients.tail import TailRecord
from driftloop.kafka.settings import KafkaSettings
from driftloop.testing.records import FakeRecord
from driftloop.tools.cli.main import app
from driftloop.tools.cli.notify import read_mutes, span_of
from driftloop.tools.cli.status import read_statuses
from operations_console.core.access import TokenEntry, hashed
from operations_console.core.notify.mutes import Mutes

from .conftest import TOKENS, MemoryTokens, Served, event, signal, status
from .test_notify import NOW, Process, Rules

Serve = Callable[..., Served]
TOLD = ("hook", "harm", "open")


def mute(models: str, until: datetime | None) -> FakeRecord:
    said = NotificationMute(
        message_id=derive_id("mute", models, until), model_id=models, occurred_at=NOW, muted_until=until,
        reason="the warehouse moves", requested_by="maria",
    )  # fmt: skip
    return FakeRecord(topics.NOTIFICATION_MUTES, key=models, value=said.to_json())


def muted(models: str = "plant", hours: float = 2) -> Process:
    process = Process()
    process.core.take_table(topics.NOTIFICATION_MUTES, [mute(models, NOW + timedelta(hours=hours))])
    return process


@pytest.mark.parametrize("models", ["plant", "pl*", "*", "plan?"])
def test_what_begins_while_a_model_is_muted_is_told_when_that_ends(models: str):
    process = muted(models)
    process.say(topics.DRIFT_SIGNALS, signal("plant", 1))
    while process.now < NOW + timedelta(hours=2):
        assert process.told == []
        assert process.turn(30).wake_at is not None
    process.settle()
    assert process.told == [TOLD]


def test_a_notifier_that_waits_for_the_end_of_a_mute_does_not_spin():
    process = muted()
    process.say(topics.DRIFT_SIGNALS, signal("plant", 1))
    wish = process.turn(0).wake_at
    assert wish is not None
    assert wish - process.now == timedelta(seconds=30), "soon enough to see that the mute was lifted"


def test_what_is_over_by_then_is_told_to_nobody():
    process = muted()
    process.say(topics.DRIFT_SIGNALS, signal("plant", 1))
    process.turn(60)
    process.say(topics.DRIFT_STATUS, status("plant", 5, 0.1))
    process.settle()
    assert (process.told, process.state) == ([], {})


def test_what_is_told_once_is_passed_over():
    process = muted()
    process.say(topics.MODEL_EVENTS, event("plant", 1, "promoted", "1.0.1", previous_version="1.0.0"))
    process.settle()
    assert (process.told, process.state) == ([], {})


def test_whoever_was_told_before_is_told_that_it_is_over():
    process = Process()
    process.say(topics.DRIFT_SIGNALS, signal("plant", 1))
    process.turn(0)
    process.turn(0)
    process.core.take_table(topics.NOTIFICATION_MUTES, [mute("*", NOW + timedelta(hours=2))])
    process.say(topics.DRIFT_STATUS, status("plant", 5, 0.1))
    process.turn(1)
    process.turn(1)
    process.turn(1)
    assert process.told == [TOLD, ("hook", "harm", "over")]


def test_a_mute_that_is_lifted_holds_nothing_back():
    process = muted()
    process.say(topics.DRIFT_SIGNALS, signal("plant", 1))
    process.turn(60)
    process.core.take_table(topics.NOTIFICATION_MUTES, [mute("plant", None)])
    process.turn(30)
    process.turn(1)
    process.turn(1)
    assert process.told == [TOLD]


def at(hours: float) -> str:
    return f"{NOW + timedelta(hours=hours):%H:%M}"


QUIET = {"to": ["hook"], "quiet": {"from": at(2), "until": at(10)}}


def muted_over(*rules: dict[str, Any], until: float = 4) -> Process:
    """A shift opens now while the model is muted."""
    channels = {"hook": {"kind": "webhook", "url": "http://hook"}}
    process = Process(rules=Rules.model_validate({"channels": channels, "rules": rules}))
    process.core.take_table(topics.NOTIFICATION_MUTES, [mute("plant", NOW + timedelta(hours=until))])
    process.say(topics.DRIFT_SIGNALS, signal("plant", 1, harmful=False))
    return process


def told_after(process: Process) -> timedelta:
    """How long it takes until somebody is told."""
    while not process.told and process.now < NOW + timedelta(days=2):
        process.turn(60)
    assert process.told == [("hook", "shift", "open")]
    return process.now - NOW


SOON = timedelta(minutes=3)


@pytest.mark.parametrize("lifted_after", [None, 3])
def test_a_mute_that_ends_in_quiet_hours_wakes_nobody_before_they_are_over(lifted_after: int | None):
    process = muted_over(QUIET)
    while process.now < NOW + timedelta(hours=10):
        if lifted_after and process.now == NOW + timedelta(hours=lifted_after):
            process.core.take_table(topics.NOTIFICATION_MUTES, [mute("plant", None)])
        assert process.told == [], process.now
        process.turn(300)
    assert timedelta(hours=10) <= told_after(process) < timedelta(hours=10) + SOON


@pytest.mark.parametrize(
    ("other", "hours"),
    [
        pytest.param({"to": ["hook"]}, 4, id="another rule knows no quiet hours"),
        pytest.param({"to": ["hook"], "after_minutes": 60 * 6}, 6, id="another one escalates before they are over"),
        pytest.param({"to": ["hook"], "after_minutes": 60 * 12}, 10, id="another one escalates after they are over"),
        pytest.param({"to": ["hook"], "models": ["oven"]}, 10, id="another one is of another model"),
    ],
)
def test_after_a_mute_the_first_rule_that_may_tell_does(other: dict[str, Any], hours: int):
    assert timedelta(hours=hours) <= told_after(muted_over(QUIET, other)) < timedelta(hours=hours) + SOON


def test_a_digest_that_was_muted_over_its_time_is_told_when_the_mute_ends():
    at_one = NOW + timedelta(hours=1)
    process = muted_over({"to": ["hook"], "digest": f"{at_one.minute} {at_one.hour} * * *"})
    while not process.receiver.arrived:
        process.turn(60)
    assert timedelta(hours=4) <= process.now - NOW < timedelta(hours=4) + SOON


def test_other_models_are_told_of():
    process = muted("plant")
    process.say(topics.DRIFT_SIGNALS, signal("plants", 1))
    process.settle()
    assert process.told == [TOLD]


def test_a_row_that_cannot_be_read_is_kept_out_and_the_one_before_it_holds():
    mutes = Mutes()
    assert mutes.take([mute("plant", NOW + timedelta(hours=1))]) == []
    (told,) = mutes.take([FakeRecord(topics.NOTIFICATION_MUTES, key="plant", value=b"{")])
    assert told.reason == "unreadable"
    assert mutes.until("plant", NOW) == NOW + timedelta(hours=1)
    mutes.take([FakeRecord(topics.NOTIFICATION_MUTES, key="plant", value=None)])
    assert mutes.until("plant", NOW) is None


def test_of_several_mutes_the_last_one_to_end_counts():
    mutes = Mutes()
    mutes.take([mute("plant", NOW + timedelta(hours=1)), mute("*", NOW + timedelta(hours=3))])
    assert mutes.until("plant", NOW) == NOW + timedelta(hours=3)
    assert [one.model_id for one in mutes.standing(NOW)] == ["plant", "*"]
    assert mutes.until("plant", NOW + timedelta(hours=3)) is None


ASKED = {"models": "plant", "seconds": 7200, "reason": "the warehouse moves"}


def test_a_mute_by_rest_is_on_the_log_and_shown(serve: Serve):
    served = serve()
    told = served("POST", "/api/mutes", ASKED, token=TOKENS["operator"])
    assert (told.status, told.json["models"], told.json["requested_by"]) == (202, "plant", "operator")
    (record,) = served.port.log.records(topics.NOTIFICATION_MUTES)
    assert NotificationMute.from_json(record.value() or b"").muted_until is not None
    served.say(topics.NOTIFICATION_MUTES, NotificationMute.from_json(record.value() or b""))
    for path in ("/api/mutes", "/api/fleet"):
        assert [one["models"] for one in served("GET", path, token=TOKENS["viewer"]).json["mutes"]] == ["plant"]
    for page in ("/", "/models/plant"):
        assert "the warehouse moves (operator)" in served("GET", page, token=TOKENS["viewer"]).text


def test_who_sees_some_models_mutes_no_others(serve: Serve):
    served = serve()
    narrow = TokenEntry(name="narrow", role="operator", sha256=hashed("dlt_narrow"), models=("plant*",))
    served.door.identity = MemoryTokens((narrow,))
    for models in ("*", "pl*", "pricing", "plan?"):
        answer = served("POST", "/api/mutes", {**ASKED, "models": models}, token="dlt_narrow")
        assert answer.status == 403, models
    assert not served.port.log.records(topics.NOTIFICATION_MUTES)
    for models in ("plant", "plant*"):
        assert served("POST", "/api/mutes", {**ASKED, "models": models}, token="dlt_narrow").status == 202


@pytest.mark.parametrize("wrong", [{"seconds": 0}, {"seconds": 1e9}, {"models": "[ab]"}, {"reason": ""}])
def test_a_mute_that_makes_no_sense_is_refused(serve: Serve, wrong: dict[str, Any]):
    assert serve()("POST", "/api/mutes", {**ASKED, **wrong}, token=TOKENS["operator"]).status == 422


def test_mutes_by_command(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    served = serve()
    monkeypatch.setenv("DRIFTLOOP_CONSOLE_URL", served.address)
    monkeypatch.setenv("DRIFTLOOP_CONSOLE_TOKEN", TOKENS["operator"])
    invoke = lambda *words: CliRunner().invoke(app, ["notify", *words])  # noqa: E731
    done = invoke("mute", "--all", "--for", "2h", "--reason", "the warehouse moves")
    assert done.output.startswith("Muted until "), done.output
    assert done.output.endswith("all models (the warehouse moves; operator)\n")
    (record,) = served.port.log.records(topics.NOTIFICATION_MUTES)
    served.say(topics.NOTIFICATION_MUTES, NotificationMute.from_json(record.value() or b""))
    assert "all models (the warehouse moves; operator)" in invoke("mutes").output
    assert "all models (the warehouse moves; operator)" in CliRunner().invoke(app, ["status"]).output
    assert invoke("unmute", "--all").output == "Not muted: *.\n"


@pytest.mark.parametrize("words", [("mute",), ("mute", "plant", "--all"), ("mute", "plant", "--for", "soon")])
def test_a_mute_that_is_not_clear_is_refused(words: tuple[str, ...]):
    assert isinstance(CliRunner().invoke(app, ["notify", *words]).exception, UserError)


@pytest.mark.parametrize("text", ["0h", "2", "h", "9999w", "1.5h", "-1h"])
def test_a_span_is_a_number_and_a_unit(text: str):
    with pytest.raises(UserError, match="say 30m, 2h, 1d"):
        span_of(text)


@dataclass(slots=True)
class MemoryTail:
    """Stands for a `Tail`: what is on one topic."""

    rows: list[TailRecord]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held."""

    def read_to_end(self) -> list[TailRecord]:
        return self.rows


def on_the_log(monkeypatch: pytest.MonkeyPatch, topic: str, *rows: tuple[str, bytes | None]) -> KafkaSettings:
    found = [TailRecord(topic, 0, offset, key, value, (), 0) for offset, (key, value) in enumerate(rows)]
    monkeypatch.setattr("driftloop.kafka.clients.tail.Tail", lambda *_: MemoryTail(found))
    return KafkaSettings()


def row(models: str, **more: object) -> tuple[str, bytes]:
    said = json.loads(mute(models, system_now() + timedelta(hours=1)).value() or b"")
    return models, json.dumps({**said, **more}).encode()


def test_a_row_that_cannot_be_read_hides_no_other_mute(monkeypatch: pytest.MonkeyPatch):
    kafka = on_the_log(monkeypatch, topics.NOTIFICATION_MUTES, row("oven"), ("gate", b"{"), row("plant", of_v3="x"))
    assert sorted(one["models"] for one in read_mutes(kafka)) == ["oven", "plant"]


def test_a_mute_that_was_deleted_is_not_shown(monkeypatch: pytest.MonkeyPatch):
    kafka = on_the_log(monkeypatch, topics.NOTIFICATION_MUTES, row("oven"), row("plant"), ("oven", None))
    assert [one["models"] for one in read_mutes(kafka)] == ["plant"]


def test_a_status_that_cannot_be_read_hides_no_other(monkeypatch: pytest.MonkeyPatch):
    good = status("plant", 1, 0.1)
    kafka = on_the_log(monkeypatch, topics.DRIFT_STATUS, ("gate", b"{"), ("plant", good.to_json()))
    assert list(read_statuses(kafka)) == [("plant", "")]
