"""A loop that hangs ends its process; one that works for long does not."""

import itertools
import json
import subprocess
import sys
import threading

import pytest

from driftloop.errors import ExitCode
from driftloop.kafka.clients.under_way import OWN_CODE, Calls, Step
from driftloop.kafka.deadlines import Deadlines
from driftloop.kafka.loop.watchdog import Standstill, Standstills, Watchdog

QUICK = Deadlines(
    ask_s=0.1, call_s=0.1, close_s=0.2, leave_s=0.3, session_s=0.1, stop_s=0.1, unready_s=0.2, stuck_s=0.5
)
LOOP = 1

HANGING = """
import sys, threading, urllib.request
from driftloop.in_memory.log import MemoryLog
from driftloop.in_memory.loop import MemoryTransport
from driftloop.kafka.deadlines import Deadlines
from driftloop.kafka.loop.loop import Loop
from driftloop.kafka.loop.service import Service
from driftloop.kafka.settings import KafkaSettings, LoopSettings
from driftloop.telemetry.logs import configure_logs
from tests.contract.loop.conftest import Counter

class Hanging(MemoryTransport):
    def {method}(self, *args):
        if log.records("outcome-frames"):
            print("hangs", flush=True)
            threading.Event().wait()
        return super().{method}(*args)

configure_logs("counter", format="json")
settings = LoopSettings(service="counter", group="counter", inputs=("outcome-frames",), state="keyed")
log = MemoryLog()
loop = Loop(Counter(), settings, KafkaSettings(), transport=Hanging(settings, log))
log.append("outcome-frames", key="k", value=b"x")
quick = Deadlines(
    ask_s=0.1, call_s=0.1, close_s=0.2, leave_s=0.3, session_s=0.1, stop_s=0.1, unready_s=0.2, stuck_s=1.0
)
sys.exit(Service(loop, deadlines=quick).run())
"""


@pytest.mark.parametrize(
    "method", ["commit", "poll", *(pytest.param(m, marks=pytest.mark.slow) for m in ("stands", "poll_tables"))]
)
def test_a_call_that_never_returns_ends_the_process_with_its_name_its_age_and_all_stacks(method):
    started = [sys.executable, "-c", HANGING.format(method=method)]
    done = subprocess.run(started, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == ExitCode.STUCK
    assert done.stdout == "hangs\n"
    said = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    (stuck,) = [line for line in said if line["event"] == "stuck"]
    assert stuck["call"] == method
    assert 1.0 <= stuck["seconds"] < 3.0
    assert "exit code 7" in stuck["reason"]
    assert "no progress: not ready" in [line["event"] for line in said]
    assert "most recent call first" in done.stderr
    assert method in done.stderr.split("most recent call first", 1)[1]


def steps_of(*calls):
    """A step for each call in turn, each new."""
    return [{LOOP: Step(call, number)} for number, call in enumerate(calls, 1)]


def look_on(standstills, steps, seconds):
    for _ in range(seconds):
        standstills.look(steps, 1.0)


def test_a_call_is_stuck_after_its_limit_and_not_before():
    standstills, deadlines = Standstills(LOOP), Deadlines()
    (step,) = steps_of("send_offsets_to_transaction")
    look_on(standstills, step, 46)
    assert standstills.stuck(deadlines) is None
    look_on(standstills, step, 1)
    assert standstills.stuck(deadlines) == Standstill("send_offsets_to_transaction", 46.0)


def test_a_restore_of_an_hour_in_many_calls_is_progress():
    standstills, deadlines = Standstills(LOOP), Deadlines()
    for number, call in enumerate(itertools.islice(itertools.cycle(["poll", OWN_CODE]), 90)):
        look_on(standstills, {LOOP: Step(call, number)}, 40)
        assert standstills.stuck(deadlines) is None


def test_a_core_may_work_for_as_long_as_its_group_waits_for_it():
    standstills, deadlines = Standstills(LOOP), Deadlines()
    (step,) = steps_of(OWN_CODE)
    look_on(standstills, step, 646)
    assert standstills.stuck(deadlines) is None
    look_on(standstills, step, 1)
    assert standstills.stuck(deadlines) == Standstill(None, 646.0)


def test_another_thread_may_do_nothing_for_ever_but_must_not_hang_in_a_call():
    standstills, deadlines = Standstills(LOOP), Deadlines()
    look_on(standstills, {2: Step(OWN_CODE, 1)}, 10_000)
    assert standstills.stuck(deadlines) is None
    look_on(standstills, {2: Step("flush", 2)}, 47)
    assert standstills.stuck(deadlines) == Standstill("flush", 46.0)


def test_time_in_which_the_watchdog_did_not_run_itself_is_not_counted():
    """A process that was frozen for a minute looks once, and that look counts as two."""
    standstills = Standstills(LOOP)
    (step,) = steps_of("poll")
    standstills.look(step, 0.5)
    standstills.look(step, min(60.0, 2 * 0.5))
    assert standstills.of_loop == Standstill("poll", 1.0)


def test_liveness_and_readiness_go_before_the_process_does():
    calls, ended, hangs = Calls(), threading.Event(), threading.Event()
    codes = []

    def end(code):
        codes.append((code, watchdog.alive, watchdog.in_time))
        ended.set()

    def hang():
        with calls.under_way("commit_transaction"):
            hangs.wait()

    watchdog = Watchdog(QUICK, end=end, steps=calls.steps)
    assert watchdog.alive
    assert watchdog.in_time
    watchdog.start()
    thread = threading.Thread(target=hang)
    thread.start()
    assert ended.wait(120)
    hangs.set()
    thread.join()
    watchdog.stop()
    assert codes[0] == (ExitCode.STUCK, False, False)


def test_a_callback_within_a_call_is_our_own_code_and_the_call_goes_on_after_it():
    calls = Calls()
    with calls.under_way("poll"):
        with calls.under_way(OWN_CODE):
            with calls.under_way("commit_transaction"):
                assert [step.call for step in calls.steps().values()] == ["commit_transaction"]
            assert [step.call for step in calls.steps().values()] == [None]
        assert [step.call for step in calls.steps().values()] == ["poll"]


def test_leaving_the_group_is_a_courtesy_and_waited_for_less():
    standstills, deadlines = Standstills(LOOP), Deadlines()
    (step,) = steps_of("close")
    look_on(standstills, step, 17)
    assert standstills.stuck(deadlines) == Standstill("close", 16.0)
