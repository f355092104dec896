"""The command line through the console: no Kafka, the console's own words where it refuses."""

from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from driftloop.errors import UserError
from driftloop.tools.cli.main import app

from .conftest import TOKENS, Served, decision

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
