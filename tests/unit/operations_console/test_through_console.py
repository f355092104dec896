"""The command line through the console: no Kafka, the console's own words where it refuses."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from driftloop.contracts import topics
from driftloop.errors import ExitCode, UserError
from driftloop.tools.cli.main import app

from .conftest import RUN, SPEC, TOKENS, Served, decision, story

Serve = Callable[..., Served]


@pytest.fixture
def asked(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run a command against a served console under a token."""

    def ask(served: Served, token: str, *words: str) -> Any:
        monkeypatch.setenv("DRIFTLOOP_CONSOLE_URL", served.address)
        monkeypatch.setenv("DRIFTLOOP_CONSOLE_TOKEN", token)
        return CliRunner().invoke(app, list(words))

    return ask


def test_a_command_goes_through_the_console_and_is_answered(serve: Serve, asked: Any):
    served = serve()
    served.port.answer = lambda command: decision(
        "plant", 50, "freeze", "manual", f"frozen by {command.requested_by}", caused_by=(command.message_id,)
    )
    done = asked(served, TOKENS["operator"], "freeze", "plant", "--reason", "an audit", "--wait", "5")
    assert (done.exit_code, done.output) == (0, "freeze: frozen by operator\n")


@pytest.mark.parametrize(
    ("token", "words", "said"),
    [
        ("dlt_wrong", ("freeze", "plant"), "not known"),
        (TOKENS["operator"], ("promote", "plant", "1.0.1"), "role approver"),
        (TOKENS["operator"], ("freeze", "nobody"), "no model nobody"),
    ],
)
def test_a_refusal_is_told_in_the_consoles_words(
    serve: Serve, asked: Any, token: str, words: tuple[str, ...], said: str
):
    done = asked(serve(), token, *words, "--wait", "0")
    assert isinstance(done.exception, UserError)
    assert said in done.exception.sentence


def test_a_console_that_does_not_answer_is_named(serve: Serve, asked: Any):
    served = serve()
    served.address = "http://127.0.0.1:9"
    done = asked(served, "dlt_x", "freeze", "plant", "--wait", "0")
    assert "does not answer" in done.exception.sentence


def test_what_reads_needs_no_kafka_either(serve: Serve, asked: Any):
    served = serve(story())
    run = str(RUN)
    for words, said in (
        (("status",), "1.0.0"),
        (("status", "plant"), "plant  champion 1.0.0"),
        (("models", "list"), "random-forest"),
        (("models", "show", "plant", "1.0.1"), "a retrain now saves 310"),
        (("models", "history", "plant"), "promoted in the test"),
        (("runs", "list"), "succeeded"),
        (("runs", "show", run[:8]), "1.0.1"),
        (("dlq", "list"), "3 in all: ValidationError 3"),
        (("report", "plant", "--since", "100w"), "# driftloop"),
    ):
        done = asked(served, TOKENS["operator"], *words)
        assert (done.exit_code, said in done.output) == (0, True), (words, done.output, done.exception)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("status",), {"console", "models"}),
        (("status", "plant"), {"model", "champion", "status", "decisions", "last_signals", "runs"}),
        (("models", "show", "plant", "1.0.1"), {"version", "signals", "decision", "proof", "events"}),
        (("dlq", "list"), {"counts", "letters"}),
        (("report", "plant", "--format", "json"), {"since", "until", "models"}),
    ],
)
def test_json_is_named_as_without_a_console(serve: Serve, asked: Any, words: tuple[str, ...], names: set[str]):
    more = () if "--format" in words else ("--json",)
    done = asked(serve(story()), TOKENS["operator"], *words, *more)
    assert done.exit_code == 0, done.exception
    assert names <= set(json.loads(done.output))


def test_dead_letters_are_listed_shown_and_sent_again(serve: Serve, asked: Any):
    served = serve(story())
    shown = json.loads(asked(served, TOKENS["operator"], "dlq", "list", "--json").output)["letters"]
    assert [(one["place"], one["class"], one["topic"]) for one in shown] == [
        (f"0:{number}", "ValidationError", topics.PREDICTION_OUTCOMES) for number in range(3)
    ]  # fmt: skip
    assert '{"bad": <script>}' in asked(served, TOKENS["operator"], "dlq", "show", "0:0").output
    assert asked(served, TOKENS["operator"], "dlq", "replay", "0:1").output.startswith("1 sent once more")
    assert asked(served, TOKENS["operator"], "dlq", "replay", "--class", "None").output.startswith("0 sent once more")


def test_a_spec_is_applied(serve: Serve, asked: Any, tmp_path: Path):
    file = tmp_path / "spec.json"
    file.write_text(json.dumps(SPEC | {"segments": []}))
    done = asked(serve(story()), TOKENS["approver"], "models", "apply", str(file))
    assert (done.exit_code, done.output) == (0, 'plant: spec version 2 applied.\n  segments: ["site"] → []\n')


@pytest.mark.parametrize(
    "words", [("status",), ("models", "list"), ("runs", "list"), ("dlq", "list"), ("freeze", "plant")]
)
@pytest.mark.parametrize(
    ("token", "said"), [("", "wants a token: set DRIFTLOOP_CONSOLE_TOKEN"), ("dlt_wrong", "not known or has expired")]
)
def test_who_is_not_known_is_told_so_in_one_sentence(
    serve: Serve, asked: Any, token: str, said: str, words: tuple[str, ...]
):
    done = asked(serve(story()), token, *words)
    assert isinstance(done.exception, UserError)
    assert (said in done.exception.sentence, done.exception.exit_code) == (True, ExitCode.NO_ACCESS)


def test_what_a_role_may_not_do_is_no_wrong_usage(serve: Serve, asked: Any):
    done = asked(serve(story()), TOKENS["viewer"], "freeze", "plant", "--wait", "0")
    assert done.exception.exit_code == ExitCode.NO_ACCESS


def test_a_token_may_stand_in_a_file(serve: Serve, asked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "token"
    file.write_text(TOKENS["viewer"] + "\n")
    monkeypatch.setenv("DRIFTLOOP_CONSOLE_TOKEN_FILE", str(file))
    assert asked(serve(story()), "", "status").exit_code == 0
    monkeypatch.setenv("DRIFTLOOP_CONSOLE_TOKEN_FILE", str(tmp_path / "none"))
    done = asked(serve(story()), "", "status")
    assert "cannot be read" in done.exception.sentence


def test_a_cluster_that_is_named_is_asked_itself(serve: Serve, asked: Any):
    done = asked(serve(story()), TOKENS["viewer"], "status", "--bootstrap-servers", "127.0.0.1:9")
    assert done.exception.exit_code == ExitCode.BROKER_AWAY
