import os
import signal
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from driftloop.tools.local.launching import Forking
from driftloop.tools.local.programs import Program
from driftloop.tools.local.supervisor import Supervisor

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="services are forked on Linux alone")


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Three small services on the path of whoever is started."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "said.py").write_text("import os, sys\nprint(os.environ['WORD'], *sys.argv[1:])\nsys.exit(3)\n")
    (folder / "broken.py").write_text("raise ValueError('it cannot be')\n")
    (folder / "stays.py").write_text(
        "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
        "print('here', flush=True)\ntime.sleep(60)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def program(module, *arguments):
    return Program(module, (sys.executable, "-m", module, *arguments), {**os.environ, "WORD": "hello"}, 0)


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)


def test_a_forked_program_has_its_own_arguments_environment_log_and_exit_code(modules, tmp_path):
    with closing(Forking(["json"], tmp_path / "server.log")) as forking:
        said, broken = tmp_path / "said.log", tmp_path / "broken.log"
        assert forking.start(program("said", "--role", "x"), said).wait(20) == 3
        assert forking.start(program("broken"), broken).wait(20) == 1
    assert said.read_text() == "hello --role x\n"
    assert broken.read_text().strip().endswith("ValueError: it cannot be")


def test_a_forked_program_is_asked_to_end_and_killed_by_its_number(modules, tmp_path):
    with closing(Forking([], tmp_path / "server.log")) as forking:
        one, other = (forking.start(program("stays"), tmp_path / f"{name}.log") for name in "ab")
        until(
            lambda: all((tmp_path / f"{name}.log").read_text() for name in "ab" if (tmp_path / f"{name}.log").exists())
        )
        until(lambda: (tmp_path / "a.log").exists() and (tmp_path / "a.log").read_text() == "here\n")
        assert one.poll() is None
        one.terminate()
        other.kill()
        assert (one.wait(20), other.wait(20)) == (0, -signal.SIGKILL)


def test_nothing_outlives_the_server_and_a_killed_server_is_started_again(modules, tmp_path):
    with closing(Forking([], tmp_path / "server.log")) as forking:
        one = forking.start(program("stays"), tmp_path / "a.log")
        pid = one.pid
        os.kill(one.server, signal.SIGKILL)
        assert one.wait(20) == -signal.SIGKILL
        until(lambda: not Path(f"/proc/{pid}").exists())
        again = forking.start(program("stays"), tmp_path / "b.log")
        assert again.pid != pid
    assert again.wait(20) == -signal.SIGKILL


def test_a_supervisor_starts_a_forked_program_again(modules, tmp_path):
    started = []
    with (
        closing(Forking([], tmp_path / "server.log")) as forking,
        Supervisor(
            [program("stays")], tmp_path, on_start=lambda _n, pid: started.append(pid), launcher=forking
        ) as all_,
    ):
        until(lambda: started)
        os.kill(started[0], signal.SIGKILL)
        until(lambda: len(started) == 2)
        all_.check()
