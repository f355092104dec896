"""Terminals that cannot show a sign, names of files that are no UTF-8, and numbers that are none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from driftloop.errors import ExitCode, UserError
from driftloop.tools.cli.main import app

WATCH = ["--prediction", "said", "--label", "truth"]


def rows_in(file: Path, rows: int) -> Path:
    file.write_text("said,truth,x\n" + "".join(f"{n % 2},{n % 2},{n % 7}\n" for n in range(rows)))
    return file


@pytest.mark.wild(
    area="command line",
    given="a locale without umlauts (LC_ALL=C), a file whose name is no UTF-8",
    right="such a sign as \\xe4 on the terminal and on the page, and the work is done; it was a stack trace",
)
@pytest.mark.parametrize("name", ["ä….csv".encode(), b"x\xff.csv"])
def test_what_a_terminal_cannot_show_is_written_otherwise(tmp_path: Path, name: bytes) -> None:
    file = rows_in(tmp_path / os.fsdecode(name), 600)
    plain = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from driftloop.tools.cli.main import main; main()",
            "watch",
            os.fsencode(file),
            *WATCH,
            "--report",
            "page.html",
        ],
        cwd=tmp_path,
        env=plain,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "600 rows of 3 columns" in done.stdout
    assert (tmp_path / "page.html").read_text(encoding="utf-8").endswith("</html>")


@pytest.mark.wild(
    area="command line",
    given="inf or nan for a number, in any command",
    right="refused with the option's name; `--false-alarms inf` was a stack trace",
)
@pytest.mark.parametrize("given", ["inf", "nan"])
@pytest.mark.parametrize(
    "words",
    [
        ["watch", "FILE", *WATCH, "--false-alarms"],
        ["replay", "FILE", "--target", "truth", "--interval"],
        ["backtest", "FILE", "--price"],
        ["policy", "diff", "default", "never", "FILE", "--price"],
        ["retrain", "m", "--reason", "r", "--wait"],
        ["tokens", "create", "n", "--days"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_numbers_are_finite(tmp_path: Path, words: list[str], given: str) -> None:
    file = str(rows_in(tmp_path / "rows.csv", 60))
    done = CliRunner().invoke(app, [file if word == "FILE" else word for word in words] + [given])
    if isinstance(done.exception, UserError):
        assert (done.exception.sentence, done.exception.exit_code) == (
            f"{words[-1]} is a finite number, not {given}.",
            ExitCode.USAGE,
        )
    else:
        assert done.exit_code == ExitCode.USAGE
        assert words[-1] in done.stderr


@pytest.mark.wild(
    area="recorded outcomes",
    given="fewer rows than a reference needs",
    right="said; no drift was found in them, though none was looked for",
)
@pytest.mark.parametrize("labels", [True, False])
def test_few_rows_are_not_called_free_of_drift(tmp_path: Path, labels: bool) -> None:
    file = rows_in(tmp_path / "rows.csv", 60)
    done = CliRunner().invoke(
        app, ["watch", str(file), "--prediction", "said", *(["--label", "truth"] if labels else [])]
    )
    assert "Drift could not be looked for: there are too few rows for a reference." in done.stdout
    assert "No harmful drift" not in done.stdout
