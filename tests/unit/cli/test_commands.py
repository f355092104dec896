"""What the command line asks of the coordinator, and how it tells the answer."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from driftloop.contracts.message import derive_id
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.retrain_decisions import RetrainDecision
from driftloop.kafka.settings import KafkaSettings
from driftloop.tools.cli import commands, main, models

AT = datetime(2026, 3, 1, 2, 10, tzinfo=UTC)


def made(event: str, version: str, before: str) -> ModelEvent:
    """An event of the log."""
    return ModelEvent(
        message_id=derive_id("event", event, version), model_id="plant", occurred_at=AT, event=event, version=version,
        previous_version=before, reason="op A: wrong one",
    )  # fmt: skip


@pytest.fixture
def sent(monkeypatch):
    """Commands that would be sent; each is answered with a roll-back from 1.0.2 to 1.0.1."""
    found = []

    def send(_kafka, message, _wait):
        found.append(message)
        return RetrainDecision(
            message_id=derive_id("answer"), model_id="plant", occurred_at=AT, action="roll_back", trigger="manual",
            reason="ann: wrong", policy="default", champion="1.0.2", candidate="1.0.1",
        )  # fmt: skip

    monkeypatch.delenv("DRIFTLOOP_CONSOLE_URL", raising=False)
    monkeypatch.setattr(commands, "_send", send)
    monkeypatch.setattr(commands, "find_kafka", lambda *_: KafkaSettings(bootstrap_servers="nowhere:1"))
    return found


def ask(monkeypatch, events, *words):
    """The command's end, beside a log that holds these events."""
    champion = SimpleNamespace(version=events[-1].version) if events else None
    view = SimpleNamespace(events=lambda _: events, champion=lambda _: champion)
    monkeypatch.setattr(models, "view_of", lambda *_: view)
    return CliRunner().invoke(main.app, ["rollback", "plant", *words])


def test_a_roll_back_says_which_champion_was_seen_and_what_serves_now(monkeypatch, sent):
    said = ask(monkeypatch, [made("promoted", "1.0.2", "1.0.1")])
    assert said.output == "roll back from 1.0.2 to 1.0.1: ann: wrong\n"
    assert [(one.version, one.seen_champion) for one in sent] == [(None, "1.0.2")]


def test_what_was_rolled_back_by_somebody_else_is_not_rolled_back_further(monkeypatch, sent):
    events = [made("promoted", "1.0.2", "1.0.1"), made("rolled_back", "1.0.1", "1.0.2")]
    said = ask(monkeypatch, events)
    assert not sent
    assert "1.0.1 came back from 1.0.2 at 2026-03-01 02:10:00 UTC (op A: wrong one)" in str(said.exception)


@pytest.mark.parametrize(("words", "seen"), [(["1.0.0"], None), (["--seen", "1.0.1"], "1.0.1")])
def test_who_names_the_version_or_what_was_seen_is_believed(monkeypatch, sent, words, seen):
    assert ask(monkeypatch, [made("rolled_back", "1.0.1", "1.0.2")], *words, "--json").exit_code == 0
    assert sent[0].seen_champion == seen


def test_as_json_the_answer_is_whole(monkeypatch, sent):
    said = json.loads(ask(monkeypatch, [], "--json").output)
    assert (said["decision"]["candidate"], sent[0].seen_champion) == ("1.0.1", None)
