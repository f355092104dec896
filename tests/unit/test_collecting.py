"""The root's conftest.py: what is passed over where slow tests alone run; what one process runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = {
    "pytest.ini": "[pytest]\nmarkers =\n  slow: s\n  broker: b\n",
    "marks.py": "import pytest\nPATIENT = pytest.mark.slow\n",
    "test_own.py": "import pytest\n@pytest.mark.slow\ndef test_own(): pass\ndef test_quick(): pass\n",
    "test_broker.py": "import pytest\n@pytest.mark.broker\ndef test_broker(): pass\n",
}


def collected(folder: Path, marks: str, **more: str) -> tuple[int, str]:
    return run_in(folder, "--collect-only", "-m", marks, **more)


def run_in(folder: Path, *options: str, **more: str) -> tuple[int, str]:
    files = {**FILES, "conftest.py": (ROOT / "conftest.py").read_text(), **more}
    for name, text in files.items():
        (folder / name.replace("_py", ".py")).write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "."]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_test_that_has_its_mark_from_elsewhere_stops_the_quick_part(tmp_path):
    elsewhere = "from marks import PATIENT\npytestmark = PATIENT\ndef test_elsewhere(): pass\n"
    code, said = collected(tmp_path, "not broker and not slow", test_elsewhere_py=elsewhere)
    assert code == 4, said
    assert "test_elsewhere.py: where slow tests alone run, it is not read" in said


@pytest.mark.parametrize(
    ("marks", "found"),
    [
        ("not broker and slow", {"own"}),
        ("broker or not broker and slow", {"own", "broker"}),
        ("not broker and not slow", {"quick"}),
    ],
)
def test_files_are_passed_over_only_where_slow_tests_alone_are_asked_for(tmp_path, marks, found):
    code, said = collected(tmp_path, marks)
    assert code == 0, said
    assert {line.rpartition("::test_")[2] for line in said.splitlines() if "::" in line} == found


def test_the_tests_of_a_file_run_in_one_process(tmp_path):
    """Each file fails in the second process that comes to it."""
    once = """
import os, pathlib, pytest
@pytest.mark.parametrize("number", range(12))
def test_alone(number):
    seen = pathlib.Path(__file__).with_suffix(".seen")
    seen.touch()
    seen.write_text(seen.read_text() or os.environ["PYTEST_XDIST_WORKER"])
    assert seen.read_text() == os.environ["PYTEST_XDIST_WORKER"]
"""
    code, said = run_in(tmp_path, "-p", "xdist", "-n", "2", "-k", "alone", test_one_py=once, test_two_py=once)
    assert code == 0, said
    assert {file.read_text() for file in tmp_path.glob("*.seen")} == {"gw0", "gw1"}
