"""`driftloop tokens`: what is drawn opens the console, what is taken away does not."""

import json
import stat

import pytest
from typer.testing import CliRunner

from driftloop.clock import system_now
from driftloop.errors import UserError
from driftloop.tools.cli.main import app
from operations_console.adapters.web.identity import FileTokens


def run(*words: str) -> str:
    done = CliRunner().invoke(app, ["tokens", *words], catch_exceptions=False)
    return done.output


def test_a_token_opens_until_it_is_taken_away(tmp_path):
    file = tmp_path / "tokens.yaml"
    drawn = json.loads(run("create", "ann", "--role", "operator", "--model", "plant-*", "--file", str(file), "--json"))
    tokens, now = FileTokens(file), system_now()
    found = tokens.principal(drawn["token"], now)
    assert found is not None
    assert (found.name, found.role, found.sees("plant-1"), found.sees("churn")) == ("ann", "operator", True, False)
    assert drawn["token"] not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    run("revoke", "ann", "--file", str(file))
    assert tokens.principal(drawn["token"], now) is None


def test_once_does_nothing_the_second_time(tmp_path):
    words = ("create", "ann", "--once", "--file", str(tmp_path / "t.yaml"))
    run(*words)
    before = (tmp_path / "t.yaml").read_text()
    assert "already" in run(*words)
    assert (tmp_path / "t.yaml").read_text() == before


def test_a_signing_key_is_drawn_once_and_shown_again(tmp_path):
    shown = [run("signing-key", str(tmp_path / "key.pem")) for _ in range(2)]
    assert shown[0] == shown[1]
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600


def test_a_name_has_one_token(tmp_path):
    run("create", "ann", "--file", str(tmp_path / "t.yaml"))
    with pytest.raises(UserError, match="revoke ann"):
        run("create", "ann", "--file", str(tmp_path / "t.yaml"))
