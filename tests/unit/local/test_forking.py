import os
import signal
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from driftloop.tools.local.launching import Forking, Spawning
from driftloop.tools.local.programs import Program
from driftloop.tools.local.supervisor import Supervisor

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="services are forked on Linux alone")


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Small services on the path of whoever is started."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "said.py").write_text("import os, sys\nprint(os.environ['WORD'], *sys.argv[1:])\nsys.exit(3)\n")
    (folder / "broken.py").write_text("raise ValueError('it cannot be')\n")
    (folder / "stays.py").write_text(
        "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
        "print('here', flush=True)\ntime.sleep(60)\n"
    )
    (folder / "ends.py").write_text(
        "import atexit, sys, threading, time\natexit.register(lambda: print('registered'))\n"
        "threading.Thread(target=lambda: (time.sleep(0.1), print('thread'))).start()\n"
        "print('main')\nsys.exit('a sentence for a person')\n"
    )
    (folder / "unfit.py").write_text("raise ImportError('it was built for another release')\n")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def program(module, *arguments):
    return Program(module, (sys.executable, "-m", module, *arguments), {**os.environ, "WORD": "hello"}, 0)


def said(log):
    return log.read_text() if log.exists() else ""


def until(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)


def test_a_forked_program_has_its_own_arguments_environment_log_and_exit_code(modules, tmp_path):
    with closing(Forking(["json"], tmp_path / "server.log")) as forking:
        good, broken = tmp_path / "said.log", tmp_path / "broken.log"
        assert forking.start(program("said", "--role", "x"), good).wait(120) == 3
        assert forking.start(program("broken"), broken).wait(120) == 1
    assert said(good) == "hello --role x\n"
    assert said(broken).strip().endswith("ValueError: it cannot be")


def test_a_forked_program_is_asked_to_end_and_killed_by_its_number(modules, tmp_path):
    with closing(Forking([], tmp_path / "server.log")) as forking:
        one, other = (forking.start(program("stays"), tmp_path / f"{name}.log") for name in "ab")
        until(lambda: [said(tmp_path / f"{name}.log") for name in "ab"] == ["here\n", "here\n"])
        assert (one.poll(), other.poll()) == (None, None)
        one.terminate()
        other.kill()
        assert (one.wait(120), other.wait(20)) == (0, -signal.SIGKILL)


def test_nothing_outlives_the_server_and_a_killed_server_is_started_again(modules, tmp_path):
    with closing(Forking([], tmp_path / "server.log")) as forking:
        one = forking.start(program("stays"), tmp_path / "a.log")
        pid = one.pid
        os.kill(one.server, signal.SIGKILL)
        assert one.wait(120) == -signal.SIGKILL
        until(lambda: not Path(f"/proc/{pid}").exists())
        again = forking.start(program("stays"), tmp_path / "b.log")
        assert again.pid != pid
    assert again.wait(120) == -signal.SIGKILL


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


def test_a_forked_program_ends_as_one_that_was_started_by_itself(modules, tmp_path):
    forked, spawned = tmp_path / "forked.log", tmp_path / "spawned.log"
    with closing(Forking([], tmp_path / "server.log")) as forking:
        assert forking.start(program("ends"), forked).wait(120) == 1
    assert Spawning().start(program("ends"), spawned).wait(120) == 1
    assert sorted(said(forked).splitlines()) == ["a sentence for a person", "main", "registered", "thread"]
    assert sorted(said(forked).splitlines()) == sorted(said(spawned).splitlines())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_of_all_processes_at_once_lets_the_services_end_in_order(modules, tmp_path, number):
    with closing(Forking([], tmp_path / "server.log")) as forking:
        one = forking.start(program("stays"), tmp_path / "a.log")
        until(lambda: said(tmp_path / "a.log") == "here\n")
        for pid in (one.server, one.pid):
            os.kill(pid, number)
        assert one.wait(120) == (0 if number == signal.SIGTERM else 1)
        assert forking.start(program("said"), tmp_path / "b.log").wait(120) == 3, "the server is there still"


def test_what_cannot_be_imported_disturbs_only_the_one_who_needs_it(modules, tmp_path):
    server_log = tmp_path / "server.log"
    with closing(Forking(["unfit", "not_installed"], server_log)) as forking:
        one = forking.start(program("stays"), tmp_path / "a.log")
        unfit = forking.start(program("unfit"), tmp_path / "unfit.log")
        assert unfit.wait(120) == 1
        until(lambda: said(tmp_path / "a.log") == "here\n")
        assert one.poll() is None
    assert "it was built for another release" in said(tmp_path / "unfit.log")
    heard = said(server_log)
    assert [line.partition(" ")[0] for line in heard.splitlines()] == ["unfit", "not_installed"], heard


def test_a_start_whose_server_has_just_gone_is_heard_to_have_failed_and_all_is_closed_well(
    modules, tmp_path, monkeypatch
):
    """The window in which the server is gone and `poll` does not know it yet."""
    with closing(Forking([], tmp_path / "server.log")) as forking:
        one = forking.start(program("stays"), tmp_path / "a.log")
        os.kill(one.server, signal.SIGKILL)
        assert one.wait(120) == -signal.SIGKILL
        with monkeypatch.context() as window:
            window.setattr(forking._server, "poll", lambda: None)
            window.setattr("driftloop.tools.local.launching._START_SECONDS", 5.0)
            late = forking.start(program("stays"), tmp_path / "b.log")
            assert (late.pid, late.poll()) == (0, -signal.SIGKILL)


def test_a_program_that_is_asked_to_end_while_it_is_forked_hears_it(modules, tmp_path):
    with closing(Forking([], tmp_path / "server.log")) as forking:
        for _ in range(20):
            one = forking.start(program("stays"), tmp_path / "a.log")
            one.terminate()
            assert one.wait(120) in (-signal.SIGTERM, 0)


def test_one_that_has_nothing_to_do_is_closed_while_it_still_imports(modules, tmp_path):
    (modules / "slow.py").write_text("import time\ntime.sleep(30)\n")
    began = time.monotonic()
    Forking(["slow"], None).close()
    assert time.monotonic() - began < 10


def test_hashes_are_the_same_in_whatever_is_forked(modules, tmp_path):
    (modules / "hashes.py").write_text("import sys\nprint(sys.flags.hash_randomization)\n")
    with closing(Forking([], tmp_path / "server.log")) as forking:
        assert forking.start(program("hashes"), tmp_path / "a.log").wait(120) == 0
    assert said(tmp_path / "a.log") == "0\n"
