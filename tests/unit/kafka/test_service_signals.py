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
