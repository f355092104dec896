import os
import signal
import sys
import time
from dataclasses import replace

import pytest

from driftloop.errors import UserError
from driftloop.tools.local.programs import Program
from driftloop.tools.local.supervisor import RestartRule, Supervisor

FOREVER = "import signal, time\nsignal.signal(signal.SIGTERM, lambda *_: exit(0))\ntime.sleep(60)"
QUICK = RestartRule(deaths=2, first_wait_seconds=0.01, longest_wait_seconds=0.02)


def program(code, name="service"):
    return Program(name, (sys.executable, "-c", code), dict(os.environ), 0)


def until(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)


def test_what_is_killed_is_started_again(tmp_path):
    started = []
    with Supervisor([program(FOREVER)], tmp_path, on_start=lambda _name, pid: started.append(pid)) as supervisor:
        until(lambda: started)
        os.kill(started[0], signal.SIGKILL)
        until(lambda: len(started) == 2)
        supervisor.check()
        assert supervisor.pids() == {"service": started[1]}


def test_what_keeps_dying_is_given_up_with_its_last_words(tmp_path):
    code = "print('no such broker', flush=True); exit(3)"
    with (
        Supervisor([program(code)], tmp_path, rule=QUICK) as supervisor,
        pytest.raises(UserError, match=r"service stopped \(exit code 3\): no such broker"),
    ):
        until(lambda: supervisor.check() is not None)


def test_what_the_loop_can_do_without_is_started_again_for_ever_and_stops_nobody(tmp_path):
    starts = []
    dying = replace(program("exit(5)", "console"), vital=False)
    with Supervisor(
        [dying, program(FOREVER)], tmp_path, rule=QUICK, on_start=lambda name, _pid: starts.append(name)
    ) as supervisor:
        until(lambda: starts.count("console") > QUICK.deaths + 2)
        supervisor.check()
        assert set(supervisor.pids()) >= {"service"}


def test_what_the_loop_can_do_without_is_not_waited_for_to_the_end(tmp_path):
    with Supervisor([replace(program(FOREVER, "console"), vital=False)], tmp_path) as supervisor:
        supervisor.wait_ready(0.3)
        with pytest.raises(UserError, match="service is not ready"), Supervisor([program(FOREVER)], tmp_path) as vital:
            vital.wait_ready(0.3)


def test_stop_ends_every_process(tmp_path):
    with Supervisor([program(FOREVER, "a"), program(FOREVER, "b")], tmp_path) as supervisor:
        until(lambda: len(supervisor.pids()) == 2)
        pids = list(supervisor.pids().values())
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_without_a_grace_no_process_is_asked_first(tmp_path):
    file = tmp_path / "asked"
    writes = f"lambda *_: (open({str(file)!r}, 'w').close(), exit(0))"
    code = f"import signal, time\nsignal.signal(signal.SIGTERM, {writes})\nprint('here', flush=True)\ntime.sleep(60)"
    with Supervisor([program(code)], tmp_path, grace_seconds=0) as supervisor:
        until(lambda: (tmp_path / "service.log").is_file() and "here" in (tmp_path / "service.log").read_text())
        (pid,) = supervisor.pids().values()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not file.exists()


def test_the_services_of_a_loop_are_still_when_their_own_inputs_are_read():
    from drift_detection import app as detection
    from driftloop.tools.local.programs import BESIDE_INPUTS, GROUP_INPUTS
    from operations_console.app import MIRROR
    from outcome_ingestion import app as ingestion
    from retrain_coordinator import app as coordinator
    from trainer_worker import app as trainer

    declared = [
        value
        for module in (detection, ingestion, coordinator, trainer)
        for value in vars(module).values()
        if type(value).__name__ == "LoopSettings"
    ]
    assert {one.group: set(one.inputs) for one in [*declared, MIRROR]} == {
        g: set(t) for g, t in {**GROUP_INPUTS, **BESIDE_INPUTS}.items()
    }
