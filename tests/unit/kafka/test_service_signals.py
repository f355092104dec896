"""A service ends when it is told to, even from within a call to a broker that does not answer."""

import signal
import subprocess
import sys

from driftloop.errors import ExitCode

WAITING = """
from confluent_kafka.admin import AdminClient
from driftloop.kafka.deadlines import Deadlines
from driftloop.kafka.loop import service
from driftloop.kafka.loop.metrics import LoopMetrics

class Waiting:
    metrics, tick_age, ready = LoopMetrics("waiting"), 0.0, True
    deadlines = Deadlines(stop_s=0.1)

    def run(self):
        print("now", flush=True)
        AdminClient({"bootstrap.servers": "127.0.0.1:1", "log_level": 0}).list_topics(timeout=60)

    def stop(self):
        print("told", flush=True)

service.Service(Waiting()).run()
"""


def test_sigterm_is_heard_within_a_call_that_waits_for_a_minute():
    with subprocess.Popen([sys.executable, "-c", WAITING], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "now\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == ExitCode.BROKER_AWAY
        assert process.stdout.read() == "told\n"


def test_a_process_that_crashes_says_what_its_threads_were_doing():
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", WAITING], text=True, **pipes) as process:
        assert process.stdout.readline() == "now\n"
        process.send_signal(signal.SIGSEGV)
        assert process.wait(30) == -signal.SIGSEGV
        said = process.stderr.read()
    assert "Fatal Python error: Segmentation fault" in said
    assert " in run\n" in said
