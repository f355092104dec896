"""What all tests share: one real broker a session, and a prefix of its own for each test."""

import itertools
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog

from driftloop.kafka.embedded.broker import Broker, embedded_broker
from driftloop.kafka.settings import KafkaSettings

_numbers = itertools.count()

hypothesis.settings.register_profile("driftloop", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("driftloop")


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """The real Kafka, started once. Sessions time out quickly, so that a killed member is missed soon."""
    with embedded_broker(overrides={"group.consumer.session.timeout.ms": "3000"}) as running:
        yield running


@pytest.fixture
def kafka(broker: Broker, request: pytest.FixtureRequest) -> KafkaSettings:
    """How to reach the session's broker, under a prefix that only this test uses."""
    name = re.sub(r"\W+", "-", request.node.name)[:60]
    prefix = f"{name}-{next(_numbers)}."
    return KafkaSettings(bootstrap_servers=broker.bootstrap_servers, topic_prefix=prefix, fetch_wait_ms=20)


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[Path, str], None]]:
    """Mount a small file system of its own on a folder, with options; skips where that is not allowed."""
    folders: list[Path] = []

    def mount(folder: Path, options: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if sys.platform != "linux" or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("a file system can be mounted by root on Linux only")
        folders.append(folder)

    yield mount
    for folder in folders:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="session")
def streams() -> Path:
    """The folder of recorded streams beside the checkout; tests that need it are skipped without it."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the recorded streams are not beside this checkout")
    return folder


@pytest.fixture
def plain_logs() -> Iterator[None]:
    """Whatever level other tests have set: a warning is told."""
    before = structlog.get_config()
    structlog.reset_defaults()
    yield
    structlog.configure(**before)
