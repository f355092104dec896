import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from driftloop.tools.bench.process_tree import family, taken_by
from driftloop.tools.bench.versus import Figures, _compared, core_run, versus_table

linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


def test_ratios_are_those_of_pairs_with_their_spread():
    before = [Figures(10.0, 4.0, 900.0), Figures(20.0, 4.0, 900.0), Figures(10.0, 5.0, 900.0)]
    now = [Figures(3.0, 2.0, 450.0), Figures(4.0, 2.0, 450.0), Figures(5.0, 2.0, 450.0)]
    wall = _compared(before, now)["wall_s"]
    assert (wall["ratio"], wall["least"], wall["largest"]) == (0.3, 0.2, 0.5)
    table = versus_table(
        {"baseline": "fffd0b2", "cases": {"up": {**_compared(before, now), "repeats_are_equal": True}}}
    )
    assert "| up, s | 10 | 4 | 0.30 (0.20…0.50) |" in table
    assert "| up, MB | 900 | 450 | 0.50 (0.50…0.50) |" in table


def test_what_was_not_measured_has_no_ratio():
    assert set(_compared([Figures(1.0, 1.0)], [Figures(1.0, 1.0)])) == {"wall_s", "cpu_s"}


@linux
def test_a_process_is_taken_with_all_that_it_started():
    code = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert len(list(family(process.pid))) == 2
        both, own = taken_by(process.pid), taken_by(os.getpid())
        process.communicate(b"\n")
    assert 2 < both.memory_mb < own.memory_mb * 2
    assert both.cpu_s > 0


def test_a_build_runs_its_own_code_whatever_our_pythonpath_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\n[ -z "$PYTHONPATH" ] && echo \'{"rows": 10, "cpu_s": 2.0}\'\n')
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PYTHONPATH", "services:shared")
    assert core_run("detection", "any")(tmp_path / "driftloop").rows_per_cpu_s == 5
