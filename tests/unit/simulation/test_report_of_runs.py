"""Reports of many runs: which seeds were played, kept in a file and taken up again."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulation.report import OtherCodeError, Report, code_of, digest, files_of, taken_up

ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
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
    Report(played=[(0, 5)]).write(tmp_path / "report.json", code_of("counter"))
    for other in ("abd", code_of(), code_of("ingestion")):
        with pytest.raises(OtherCodeError, match="holds runs of other code or another case"):
            taken_up(tmp_path / "report.json", other)


def test_code_is_other_code_once_a_byte_or_a_name_of_it_changes(tmp_path):
    first, second = tmp_path / "a.py", tmp_path / "b.py"
    first.write_text("1")
    second.write_text("2")
    before = digest({first, second}, tmp_path)
    assert digest({second, first}, tmp_path) == before
    assert digest({first}, tmp_path) != before
    second.write_text("3")
    assert digest({first, second}, tmp_path) != before


PLAYED = """
import importlib, sys
from tests.simulation.plan import plan_of
from tests.simulation.virtual import simulated
from tests.simulation.world import World

module, name, *fields = sys.argv[1:]
with simulated():
    plan = plan_of(3)
    case = getattr(importlib.import_module(module), name)
    World(plan, case(*(getattr(plan, field) for field in fields))).run()
print(*(module.__file__ for module in list(sys.modules.values()) if getattr(module, "__file__", None)), sep="\\n")
"""


@pytest.mark.parametrize(
    ("case", "made"),
    [
        ("counter", ("CounterCase", "seed", "inputs", "spread")),
        ("damaged", ("DamagedCase", "seed", "inputs", "spread")),
        ("ingestion", ("IngestionCase", "seed", "inputs")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_code_of_a_case_is_all_that_its_runs_import(case, made):
    program = [sys.executable, "-c", PLAYED, f"tests.simulation.cases.{case}", *made]
    run = subprocess.run(program, capture_output=True, text=True, env=ENVIRONMENT, check=True)
    ours = {Path(file) for file in run.stdout.splitlines()} & files_of()
    assert len(ours) > 60
    assert ours <= files_of(case)


def test_counters_still_count_where_a_core_that_they_do_not_play_is_changed():
    assert any(path.parts[-3:-1] == ("kafka", "loop") for path in files_of("counter"))
    assert not any("drift_detection" in path.parts for path in files_of("counter"))
    assert any("drift_detection" in path.parts for path in files_of())


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
        return subprocess.Popen([*command, "--out", str(out), "--tell-every", "0.1"], env=ENVIRONMENT)

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
