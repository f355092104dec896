"""`driftloop status` shows what each service says that it waits for, and the table of waits names real things."""

import socket
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry

from driftloop.kafka.loop.metrics import LoopMetrics
from driftloop.telemetry.health import HealthServer
from driftloop.tools.local.readiness import readiness
from driftloop.waits import ABORTS, HANGS, JOINS, RESTORES, RUNTIME, UNREAD

RULES = Path(__file__).parents[3] / "deploy" / "prometheus" / "rules.yml"


@pytest.mark.parametrize("words", ["", ABORTS])
def test_a_service_is_shown_as_it_says_itself(words):
    server = HealthServer(CollectorRegistry(), alive=lambda: True, ready=lambda: not words, waits_for=lambda: words)
    port = server.start("127.0.0.1", 0)
    try:
        assert readiness(port) == (words or "ready")
    finally:
        server.stop()


def test_a_service_that_does_not_answer_hangs():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert readiness(silent.getsockname()[1]) == HANGS


def test_each_wait_of_the_runtime_has_a_metric_that_there_is_and_an_alert_that_there_is():
    metrics = {metric.name for metric in LoopMetrics("any").registry.collect()} | {"up"}
    alerts = {rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
    for wait in RUNTIME:
        assert wait.metric.removesuffix("_total") in metrics, wait
        assert wait.alert in alerts, wait
    assert {JOINS, RESTORES, UNREAD, ABORTS, HANGS} <= {wait.status for wait in RUNTIME}
