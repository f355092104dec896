"""Reports of many runs: which seeds were played, kept in a file and taken up again."""

import os
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulation.report import OtherCodeError, Report, code_of, taken_up

SHARES = st.lists(st.integers(0, 20).flatmap(lambda first: st.tuples(st.just(first), st.integers(first, 25))))


@given(SHARES, st.integers(0, 12), st.integers(0, 15))
def test_played_and_left_are_all_seeds_and_no_seed_is_both(shares, first, runs):
    report = Report()
    for share in shares:
        report.add(Report(played=[share] if share[0] < share[1] else []))
    played = {seed for share in shares for seed in range(*share)}
    assert {seed for span in report.played for seed in range(*span)} == played
    left = [seed for span in report.left(range(first, first + runs)) for seed in span]
    assert left == sorted(set(range(first, first + runs)) - played)


def test_a_report_is_taken_up_as_it_was_written(tmp_path):
    report = Report(7, 70, 3.0, [{"seed": 5, "what": "lost"}], [(0, 5), (8, 10)])
    report.write(tmp_path / "report.json", "abc", {"a": None})
    assert taken_up(tmp_path / "report.json", "abc") == report
    assert taken_up(tmp_path / "none.json", "abc") == Report()
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_runs_of_other_code_or_of_another_case_are_not_taken_up(tmp_path):
    (tmp_path / "shared").mkdir()
    Report(played=[(0, 5)]).write(tmp_path / "report.json", code_of(tmp_path, "counter"))
    for other in ("abd", code_of(tmp_path), code_of(tmp_path, "ingestion")):
        with pytest.raises(OtherCodeError, match="holds runs of other code or another case"):
            taken_up(tmp_path / "report.json", other)


def test_code_is_other_code_once_a_byte_of_it_changes(tmp_path):
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "a.py").write_text("1")
    before = code_of(tmp_path)
    assert code_of(tmp_path) == before
    (tmp_path / "shared" / "a.py").write_text("2")
    assert code_of(tmp_path) != before


@pytest.mark.slow
def test_a_campaign_that_is_ended_keeps_its_runs_and_goes_on_with_the_others(tmp_path):
    out, runs = tmp_path / "report.json", 300

    def start(*more):
        command = [
            sys.executable,
            "-m",
            "tests.simulation",
            "--case",
            "counter",
            "--runs",
            str(runs),
            "--resume",
            *more,
        ]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        return subprocess.Popen([*command, "--out", str(out), "--tell-every", "0.1"], env=environment)

    first = start("--mutants")  # it does not come to them, which takes minutes
    while not out.exists():
        assert first.poll() is None
        time.sleep(0.05)
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 0
    ended = taken_up(out, code_of(case="counter"))
    assert ended.runs == sum(end - begin for begin, end in ended.played)
    assert start().wait(120) == 0
    whole = taken_up(out, code_of(case="counter"))
    assert (whole.runs, whole.played, whole.failures) == (runs, [(0, runs)], [])
    assert whole.steps > ended.steps
