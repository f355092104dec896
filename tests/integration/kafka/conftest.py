"""Processes of the tests' own counting service, on the session's broker."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from driftloop.kafka.settings import KafkaSettings

ROOT = Path(__file__).parents[3]


@pytest.fixture
def start_python(tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start `python ARGUMENTS` in a process that ends with the test.

    What it says goes into a pipe or, with `log`, into that file: a pipe that nobody reads is full after
    64 KB, and then a process that has much to say stands still.
    """
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, log: Path | None = None, **environment: str) -> "subprocess.Popen[str]":
        paths = os.pathsep.join(str(ROOT / part) for part in ("services", "shared", "."))
        out, errors = (subprocess.PIPE, subprocess.PIPE) if log is None else (log.open("w"), subprocess.STDOUT)
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, "PYTHONPATH": paths, **environment},
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
def start_counter(start_python: Callable[..., "subprocess.Popen[str]"], kafka: KafkaSettings) -> Callable[..., object]:
    """Start a replica of the counter."""

    def start(
        slot: int = 0, state: str = "keyed", log: Path | None = None, **environment: str
    ) -> "subprocess.Popen[str]":
        return start_python(
            "-m",
            "tests.chaos.counter",
            log=log,
            COUNTER_STATE=state,
            DRIFTLOOP_KAFKA_BOOTSTRAP_SERVERS=environment.pop("servers", kafka.bootstrap_servers),
            DRIFTLOOP_KAFKA_TOPIC_PREFIX=kafka.topic_prefix,
            DRIFTLOOP_KAFKA_REPLICA=str(slot),
            **environment,
        )

    return start
