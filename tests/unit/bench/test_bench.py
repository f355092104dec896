"""The benchmark's own arithmetic, and the command on a user's file."""

import json
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from driftloop.tools.bench.pictures import Point, bars, frontier
from driftloop.tools.bench.scoring import score
from driftloop.tools.bench.streams import RISES, change, losses
from driftloop.tools.cli.bench import app


def test_streams_are_the_same_for_a_seed_and_hold_what_they_say() -> None:
    assert np.array_equal(change("0.1->0.3", 5), change("0.1->0.3", 5))
    for name, share in RISES.items():
        assert abs(change(name, 1)[10_000:].mean() - share) < 0.02
    tied = losses("autocorrelated", 50_000, 1)
    assert abs(np.corrcoef(tied[1:], tied[:-1])[0, 1] - 0.5) < 0.03


def test_alarms_are_scored_by_the_change_before_them() -> None:
    found = score([3, 15, 16, 40], [10, 30], 50)
    assert (found.delays, found.false_alarms, found.repeats, found.recall) == ((5, 10), 1, 1, 1.0)


def test_own_errors_are_scored_for_every_detector_that_fits(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    errors = (rng.random(1500) < np.repeat([0.1, 0.6], [1000, 500])).astype(int)
    path = tmp_path / "errors.csv"
    path.write_text("error\n" + "\n".join(map(str, errors)) + "\n")
    out = tmp_path / "out.json"
    done = CliRunner().invoke(app, ["detectors", "--errors", str(path), "--changes", "1000", "--json", str(out)])
    assert done.exit_code == 0, done.output
    result = json.loads(out.read_text())
    ours = result["detectors"][result["default"]]
    assert ours["missed"] == 0
    assert ours["delays"][0] < 60
    assert ours["false_alarms"] == 0
    assert "river ADWIN" in result["detectors"]


def test_changes_must_be_rows_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "errors.csv"
    path.write_text("error\n0\n1\n")
    for changes in ("9", "x", "1,0", ""):
        done = CliRunner().invoke(app, ["detectors", "--errors", str(path), "--changes", changes])
        assert done.exit_code != 0
    other = tmp_path / "other.csv"
    other.write_text("loss\n0\n")
    assert CliRunner().invoke(app, ["detectors", "--errors", str(other), "--changes", "0"]).exit_code != 0


def test_pictures_are_svg() -> None:
    assert frontier([Point("a & b", 0.0, 80.0, ours=True)], x_label="x", y_label="y").endswith("</svg>\n")
    assert "&amp;" in bars({"a & b": 3.0}, label="rows")
