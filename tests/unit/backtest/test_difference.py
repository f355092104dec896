"""Two policies on one stream: only what they decide otherwise is shown."""

import pytest
from typer.testing import CliRunner

from driftloop.errors import UserError
from driftloop.tools.backtest.difference import difference
from driftloop.tools.backtest.options import BacktestOptions
from driftloop.tools.cli.main import app


@pytest.fixture(scope="module")
def stream(make_stream):
    return make_stream([0] * 400 + [1] * 300, noise=0.05)


OPTIONS = BacktestOptions(first=200, block=50, windows=(100, 200), learner="linear")


def test_a_policy_does_not_differ_from_itself(stream):
    assert difference(stream, OPTIONS, "every-block", "every-block").steps == ()


def test_each_decision_that_only_one_takes_is_shown_with_its_reason(stream):
    said = difference(stream, OPTIONS, "never", "error-debt").as_json()
    assert len(said["differences"]) == said["policies"]["error-debt"]["retrains"] > 0
    for entry in said["differences"]:
        assert entry["never"] is None
        assert entry["error-debt"]["reason"] == "error debt"


def test_a_policy_that_is_not_known_is_refused(stream):
    with pytest.raises(UserError, match="There is no policy nobody"):
        difference(stream, OPTIONS, "never", "nobody")


def test_the_command_prints_where_they_part(stream, tmp_path):
    lines = ["a,b,y"]
    columns = (stream.rows.features["a"], stream.rows.features["b"], stream.labels)
    lines += [f"{a},{b},{y}" for a, b, y in zip(*columns, strict=True)]
    (tmp_path / "made.csv").write_text("\n".join(lines) + "\n")
    asked = ["policy", "diff", "never", "error-debt", str(tmp_path / "made.csv"), "--train-rows", "200"]
    result = CliRunner().invoke(
        app, [*asked, "--block", "50", "--learner", "linear", "--cache", str(tmp_path / "cache")]
    )
    assert result.exit_code == 0, result.output
    assert "never: lets things be" in result.output
