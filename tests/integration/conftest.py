"""What tests on real services share."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from driftloop.kafka.settings import KafkaSettings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """Wait for a condition; fails at the deadline: four times what it takes at most where the cores are free."""

    def wait(condition: Callable[[], bool], seconds: float = 30.0, what: str = "it") -> None:
        deadline = time.monotonic() + 4 * seconds
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not happen within {4 * seconds:.0f} s"
            time.sleep(0.02)

    return wait


@pytest.fixture
def start_python(tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start `python ARGUMENTS` in a process that ends with the test.

    What it says goes into a pipe or, with `log`, into that file: a pipe that nobody reads is full after
    64 KB, and then a process that has much to say stands still.
    """
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, log: Path | None = None, **environment: str) -> "subprocess.Popen[str]":
        paths = [str(ROOT / part) for part in ("services", "shared", ".")]
        if "PYTHONPATH" in os.environ:  # a test has installed something
            paths.append(os.environ["PYTHONPATH"])
        out, errors = (subprocess.PIPE, subprocess.PIPE) if log is None else (log.open("a"), subprocess.STDOUT)
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environment},
            cwd=ROOT,
            stdout=out,
            stderr=errors,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def start_service(
    start_python: Callable[..., "subprocess.Popen[str]"], kafka: KafkaSettings, tmp_path: Path
) -> Callable[..., "subprocess.Popen[str]"]:
    """Start a service in a role on the test's own topics; what it says is added to `ROLE.log`."""

    def start(service: str, role: str, **environment: str) -> "subprocess.Popen[str]":
        return start_python(
            *("-m", service, "--role", role),
            log=tmp_path / f"{role}.log",
            DRIFTLOOP_KAFKA_BOOTSTRAP_SERVERS=kafka.bootstrap_servers,
            DRIFTLOOP_KAFKA_TOPIC_PREFIX=kafka.topic_prefix,
            **environment,
        )

    return start
