import io
import json
import logging
import sys
from types import SimpleNamespace

import pytest
import structlog

from driftloop.telemetry.logs import configure_logs


@pytest.fixture(autouse=True)
def as_before():
    yield
    structlog.reset_defaults()


def test_a_line_goes_to_the_stderr_of_its_time(monkeypatch):
    with io.StringIO() as gone:
        monkeypatch.setattr(sys, "stderr", gone)
        configure_logs("backtest", format="json")
        structlog.get_logger().info("first")
    now = io.StringIO()
    monkeypatch.setattr(sys, "stderr", now)
    structlog.get_logger().info("second")
    assert '"event": "second"' in now.getvalue()


def test_what_the_client_says_over_and_over_is_said_once_in_ten_seconds_with_its_count(monkeypatch):
    said, now = io.StringIO(), 100.0
    monkeypatch.setattr(sys, "stderr", said)
    monkeypatch.setattr("driftloop.telemetry.logs.time", SimpleNamespace(monotonic=lambda: now))
    configure_logs("counter", format="json")
    client = logging.getLogger("driftloop.kafka.client")
    for attempt in range(50):
        client.error(f"FAIL [driftloop-0#producer-{attempt}]: connection refused (after {attempt}ms)")
    client.error("FAIL: another broker")
    now += 11
    client.error("FAIL [driftloop-0#producer-7]: connection refused (after 3ms)")
    lines = [json.loads(line) for line in said.getvalue().splitlines()]
    assert [line.get("repeated") for line in lines] == [None, None, 49]
    assert lines[1]["words"] == "FAIL: another broker"
