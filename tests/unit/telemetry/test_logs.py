import io
import sys

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
