"""Two demos in one home: the second is refused before it touches what the first one has there."""

import subprocess
import sys

import pytest
import typer

from driftloop.errors import UserError
from driftloop.tools.cli import demo as module

HOLD = """
import sys
from pathlib import Path
from driftloop.tools.local.home import alone
with alone(Path(sys.argv[1]), "taken"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def played(monkeypatch):
    """The folders in which a demo was played; none is, really."""
    folders = []

    def play(_scenario, _world, folder, *_rest):
        folders.append(folder)
        return {"claims": {"learns": {"holds": len(folders) == 1}}}

    monkeypatch.setattr(module, "_play", play)
    return folders


def test_a_second_demo_in_a_home_is_refused_while_the_first_runs_and_not_after_it(tmp_path, played):
    kept = tmp_path / "demo" / "loop" / "kafka"
    kept.mkdir(parents=True)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "demo" / "lock")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as first:  # fmt: skip
        assert first.stdout.readline() == "held\n"
        with pytest.raises(UserError, match=r"A demo already runs in .*demo; wait .* or choose .* --home"):
            module.demo("plant", None, tmp_path, None)
        assert kept.is_dir()
        assert played == []
        first.stdin.close()
        assert first.wait(30) == 0
    module.demo("plant", None, tmp_path, None)
    assert played == [(tmp_path / "demo").absolute()]


def test_what_a_demo_did_not_show_is_its_exit_code(tmp_path, played):
    module.demo("plant", None, tmp_path, None)
    with pytest.raises(typer.Exit) as ended:
        module.demo("plant", None, tmp_path, None)
    assert ended.value.exit_code == 1
