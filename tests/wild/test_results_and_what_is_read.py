"""What a command writes never takes the place of what it reads; a result on stdout stands there alone."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from driftloop.errors import ExitCode, UserError
from driftloop.tools.cli.main import app
from driftloop.tools.cli.outputs import refuse_overwriting

ROWS = 600
COMMANDS = {
    "watch": ["--prediction", "said", "--label", "truth"],
    "replay": ["--target", "truth"],
    "backtest": ["--target", "truth"],
}


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    file = tmp_path / "rows.csv"
    file.write_text("said,truth,x\n" + "".join(f"{n % 2},{n % 2},{n % 7}\n" for n in range(ROWS)))
    return file


def refusal(done: Result) -> UserError:
    assert isinstance(done.exception, UserError)
    return done.exception


@pytest.mark.wild(
    area="command line",
    given="the file that is read is named for the result too, also by a link or another spelling of its path",
    right="refused before the work begins; the file is as it was",
)
@pytest.mark.parametrize("option", ["--json", "--report"])
@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_what_is_read_is_not_written_over(rows: Path, command: str, option: str) -> None:
    before = rows.read_bytes()
    (rows.parent / "link.csv").symlink_to(rows)
    (rows.parent / "hard.csv").hardlink_to(rows)
    (rows.parent / "sub").mkdir()
    for spelling in (rows, rows.parent / "sub" / ".." / "rows.csv", rows.parent / "link.csv", rows.parent / "hard.csv"):
        done = CliRunner().invoke(app, [command, str(rows), *COMMANDS[command], option, str(spelling)])
        assert refusal(done).sentence.endswith("is the file that is read: write the result elsewhere.")
        assert refusal(done).exit_code == ExitCode.USAGE
        assert rows.read_bytes() == before


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_two_results_in_one_file_are_refused(rows: Path, command: str) -> None:
    there = str(rows.parent / "result")
    done = CliRunner().invoke(app, [command, str(rows), *COMMANDS[command], "--json", there, "--report", there])
    assert refusal(done).sentence == f"{there} is named for two results: give each a file of its own."


def test_addresses_that_are_no_paths_are_no_hindrance(tmp_path: Path) -> None:
    refuse_overwriting(["s3://bucket/x", "a" * 5_000, "a\0b", None], [tmp_path / "a.json", Path("-"), None])
    refuse_overwriting([], [Path("/dev/null"), Path("/dev/null")])


@pytest.mark.wild(
    area="command line",
    given="`--json -`, and `--report -`",
    right="the result alone on stdout, what is told on stderr; the second is refused. Both made a file called `-`",
)
def test_a_result_on_stdout_stands_there_alone(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(rows.parent)
    done = CliRunner().invoke(app, ["watch", "rows.csv", *COMMANDS["watch"], "--json", "-"])
    assert json.loads(done.stdout)["file"]["rows"] == ROWS
    assert "rows.csv: CSV, separated by a comma" in done.stderr
    done = CliRunner().invoke(app, ["watch", "rows.csv", *COMMANDS["watch"], "--report", "-"])
    assert refusal(done).sentence == "A page goes into a file: name one in place of -."
    assert not Path("-").exists()


@pytest.mark.wild(
    area="recorded outcomes",
    given="predictions in per cent, or scores beside 0 to 1, and labels 0 and 1",
    right="refused, with the range; they were taken for amounts, and the error was in the tens",
)
@pytest.mark.parametrize("made", [lambda x: 100 * x, lambda x: 2.5 * x - 0.7])
def test_percentages_beside_classes_are_refused(tmp_path: Path, made) -> None:  # type: ignore[no-untyped-def]
    x = np.random.default_rng(1).random(ROWS)
    file = tmp_path / "rows.csv"
    file.write_text("said,truth,x\n" + "".join(f"{made(one):.2f},{int(one > 0.5)},{one}\n" for one in x))
    words = ["watch", str(file), "--prediction", "said", "--label", "truth"]
    assert (
        "beside labels of 0 and 1: probabilities are numbers from 0 to 1"
        in refusal(CliRunner().invoke(app, words)).sentence
    )
    assert CliRunner().invoke(app, [*words, "--task", "regression"]).exit_code == 0
