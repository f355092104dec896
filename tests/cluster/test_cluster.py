"""A short run of `python -m tests.cluster` for each commit, and what the harness itself promises."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cluster.brokers import NEEDED_MB, require_memory
from tests.cluster.run import Report
from tests.cluster.stalls import Stalls

from driftloop.errors import UserError

ROOT = Path(__file__).parents[2]


@pytest.mark.broker
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_broker_killed_and_a_rolling_restart_lose_and_double_nothing_and_need_no_hand(tmp_path):
    try:
        require_memory()
    except UserError as error:
        pytest.skip(error.sentence)
    paths = os.pathsep.join(str(ROOT / part) for part in ("services", "shared", "."))
    done = subprocess.run(
        [sys.executable, "-m", "tests.cluster", "--short", "--json", str(tmp_path / "report.json")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4_000:]
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["faults"] == 2
    assert report["acknowledged"] > 500
    assert (report["lost"], report["doubled"], report["needed_a_hand"]) == (0, 0, 0)
    assert report["longest_stall_seconds"] <= 90


@pytest.mark.parametrize(
    "wrong",
    [
        {"lost": 1},
        {"doubled": 1},
        {"needed_a_hand": 1},
        {"longest_stall_seconds": 90.1},
        {"cases": {"retention": False}},
        {"exits": {"0": 5, "1": 1}},
    ],
)
def test_a_report_with_anything_wrong_in_it_is_not_good(wrong):
    assert Report(faults=2, acknowledged=10, cases={"group": True}, exits={"0": 5, "3": 1, "6": 1, "7": 1}).good
    assert not Report(faults=2, acknowledged=10, **wrong).good


def test_a_machine_that_is_too_small_is_told_in_a_sentence():
    with pytest.raises(UserError, match=f"need {NEEDED_MB} MB of memory, and 512 MB are free"):
        require_memory(lambda: 512 << 20)


@given(st.lists(st.tuples(st.floats(0.1, 50.0), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_a_stall_is_never_longer_than_the_time_without_a_move_and_none_where_there_is_no_input(steps):
    stalls, now, committed, end = Stalls(), 0.0, 0, 0
    stalls.look(now, {"g": 0}, {"g": 0})
    moved = longest = 0.0
    for passed, taken, fed in steps:
        now += passed
        before = committed
        committed, end = min(end, committed + taken), end + fed
        stalls.look(now, {"g": committed}, {"g": end})
        longest = max(longest, now - moved)
        if committed != before or committed >= end:
            moved = now
    assert stalls.longest == pytest.approx(longest)
