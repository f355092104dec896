"""`driftloop backtest`: what a user names is what is tried, and what cannot be shown is refused before any work."""

import json

import pytest
from typer.testing import CliRunner

from driftloop.errors import UserError
from driftloop.tools.cli import main


def test_policies_may_be_named_by_comma_or_one_by_one(tmp_path):
    result = tmp_path / "result.json"
    options = ["--policy", "never,adwin", "--policy", "error-debt", "--learner", "linear"]
    said = CliRunner().invoke(
        main.app, ["backtest", "stationary:300", *options, "--cache", str(tmp_path), "--json", str(result)]
    )
    assert said.exit_code == 0, said.output
    assert set(json.loads(result.read_text())["policies"]) == {"never", "adwin", "error-debt"}


def test_a_table_of_a_policy_that_is_not_tried_is_refused_before_any_stream_is_read(tmp_path):
    with pytest.raises(UserError, match="name it in --policy too"):
        CliRunner().invoke(
            main.app,
            ["backtest", str(tmp_path / "missing.csv"), "--policy", "never", "--markdown", str(tmp_path / "table.md")],
            catch_exceptions=False,
        )
