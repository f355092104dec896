"""The backtest as a whole: its figures add up, and a seeded run is the same twice."""

import csv
import json
import re

import pytest
from typer.testing import CliRunner

from driftloop.errors import UserError
from driftloop.tools.backtest.markdown import main_table
from driftloop.tools.backtest.options import SHARES, BacktestOptions
from driftloop.tools.backtest.outcome import backtest, calendar_retrains_ratio, outcome_json
from driftloop.tools.backtest.pictures import frontier, write_pictures
from driftloop.tools.backtest.summary import summary
from driftloop.tools.cli.main import app


@pytest.fixture(scope="module")
def stream(make_stream):
    return make_stream([0] * 600 + [1] * 400 + [0] * 400, noise=0.05)


@pytest.fixture(scope="module")
def options():
    return BacktestOptions(first=200, block=50, windows=(100, 200), learner="linear")


@pytest.fixture(scope="module")
def outcome(stream, options):
    return backtest(stream, options)


def test_a_cost_is_the_errors_and_the_price_of_each_training(outcome, options):
    said = outcome_json(outcome, options)
    for entry in said["policies"].values():
        for share in SHARES:
            at = entry["by_price"][f"{share:g}"]
            assert at["cost"] == pytest.approx(at["errors"] + share * said["never_errors"] * at["retrains"])


def test_nobody_beats_the_oracle_but_by_reuse(outcome, options):
    said = outcome_json(outcome, options)
    for share, best in said["oracle"].items():
        assert best["cost"] <= said["best_calendar"][share]["cost"] + 1e-9
        for name in ("never", "every-block", "adwin", "adwin-one-sided", "error-debt"):
            assert best["cost"] <= said["policies"][name]["cost"][share] + 1e-9


def test_default_costs_less_than_any_calendar_and_takes_the_old_concepts_model_back(outcome, options):
    said = outcome_json(outcome, options)
    entry = said["policies"]["default"]
    assert entry["by_price"]["0.01"]["times_best_calendar"] < 1.0
    assert entry["by_price"]["0.05"]["times_best_calendar"] < 0.8
    assert entry["retrains"] < said["best_calendar"]["0.01"]["retrains"]
    assert entry["reuses"] >= 1


def test_the_same_run_gives_the_same_figures(stream, options, outcome):
    again = outcome_json(backtest(stream, options), options)
    first = outcome_json(outcome, options)
    for said in (again, first):
        said.pop("probe_seconds")
        for entry in said["policies"].values():
            entry.pop("training_seconds")
    assert again == first


def test_a_summary_is_a_geometric_mean_over_streams(outcome, options):
    said = outcome_json(outcome, options)
    alone = summary([said])["default"]["0.01"]["times_best_calendar"]
    assert summary([said, said])["default"]["0.01"]["times_best_calendar"] == pytest.approx(alone)


def test_fewer_trainings_than_a_calendar_needs_for_the_same_loss_is_a_ratio_above_one(outcome):
    found, run = outcome.calendars, outcome.runs["every-block"][0.01]
    ratio = calendar_retrains_ratio(found, run)
    assert ratio is not None
    assert ratio <= 1.0
    assert calendar_retrains_ratio(found, outcome.runs["never"][0.01]) == 1.0
    assert calendar_retrains_ratio([found[0]], outcome.runs["default"][0.01]) is None


def test_a_calendar_of_any_period_needs_no_more_trainings_than_one_of_the_usual(outcome, options):
    entry = outcome_json(outcome, options)["policies"]["every-block"]
    assert entry["any_calendar_retrains_ratio"] <= entry["calendar_retrains_ratio"] <= 1.0


def test_an_unknown_policy_is_refused_with_the_names_that_are_known(stream, options):
    with pytest.raises(UserError, match=r"no policy adwim; there are default"):
        backtest(stream, BacktestOptions(first=200, block=50, learner="linear", policies=("adwim",)))


def test_the_main_table_has_a_line_a_stream_and_one_for_all(outcome, options):
    said = outcome_json(outcome, options)
    lines = main_table([said, {**said, "data": "other"}]).splitlines()
    assert len(lines) == 2 + 2 + 1
    assert lines[2].startswith("| made |")
    assert all(line.count("|") == lines[0].count("|") for line in lines)
    assert f"{said['policies']['default']['by_price']['0.01']['times_best_calendar']:.3f}" in lines[-1]


def test_the_pictures_open_without_network(outcome, tmp_path):
    write_pictures([outcome], tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "<svg" in page
    assert "----" not in page
    assert "http" not in page


def test_labels_of_the_frontier_do_not_stand_on_each_other(outcome):
    found = re.findall(r'<text class="tick start" x="([\d.]+)" y="([\d.]+)">([^<]+)<', frontier(outcome))
    labels = [(float(x), float(x) + 6 * len(text), float(y)) for x, y, text in found]
    assert len(labels) >= 8
    for place, (start, end, y) in enumerate(labels):
        for other_start, other_end, other_y in labels[:place]:
            assert start >= other_end or end <= other_start or abs(y - other_y) >= 12


def _write_csv(stream, path):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "y"])
        columns = (stream.rows.features["a"], stream.rows.features["b"], stream.labels)
        writer.writerows(zip(*columns, strict=True))


def test_the_command_writes_what_a_script_reads(stream, tmp_path):
    _write_csv(stream, tmp_path / "made.csv")
    result = CliRunner().invoke(
        app,
        ["backtest", str(tmp_path / "made.csv"), "--train-rows", "200", "--block", "50", "--windows", "100,200",
         "--learner", "linear", "--cache", str(tmp_path / "cache"), "--json", str(tmp_path / "said.json")],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    said = json.loads((tmp_path / "said.json").read_text())
    assert said["windows"] == [100, 200]
    assert {"data", "rows", "task", "block", "no_change", "never", "policies", "best_calendar", "oracle"} <= set(said)
    assert set(said["policies"]["default"]["cost"]) == {"0.002", "0.01", "0.05"}
