import socket
import urllib.error
import urllib.request

import pytest
from prometheus_client import CollectorRegistry, Counter

from driftloop.errors import UserError
from driftloop.telemetry.health import HealthServer


def fetch(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture
def served():
    state = {"alive": True, "ready": False}
    registry = CollectorRegistry()
    Counter("driftloop_things_total", "Things.", registry=registry).inc(3)
    server = HealthServer(registry, alive=lambda: state["alive"], ready=lambda: state["ready"])
    yield server.start("127.0.0.1", 0), state
    server.stop()


def test_metrics_are_served(served):
    status, text = fetch(served[0], "/metrics")
    assert status == 200
    assert "driftloop_things_total 3.0" in text


def test_livez_and_readyz_say_what_is_so(served):
    port, state = served
    assert fetch(port, "/livez") == (200, "ok\n")
    assert fetch(port, "/readyz") == (503, "no\n")
    state.update(alive=False, ready=True)
    assert fetch(port, "/livez") == (503, "no\n")
    assert fetch(port, "/readyz?verbose") == (200, "ok\n")


def test_other_paths_are_not_there(served):
    assert fetch(served[0], "/etc/passwd")[0] == 404


def test_a_port_in_use_is_said_in_one_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = HealthServer(CollectorRegistry(), alive=lambda: True, ready=lambda: True)
        with pytest.raises(UserError, match=r"port \d+ for metrics is in use"):
            server.start("127.0.0.1", taken.getsockname()[1])
