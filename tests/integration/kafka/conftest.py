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
    """Start `python ARGUMENTS` in a process that ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **environment: str) -> "subprocess.Popen[str]":
        paths = os.pathsep.join(str(ROOT / part) for part in ("services", "shared", "."))
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, "PYTHONPATH": paths, **environment},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
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

    def start(slot: int = 0, state: str = "keyed", **environment: str) -> "subprocess.Popen[str]":
        return start_python(
            "-m",
            "tests.chaos.counter",
            COUNTER_STATE=state,
            DRIFTLOOP_KAFKA_BOOTSTRAP_SERVERS=environment.pop("servers", kafka.bootstrap_servers),
            DRIFTLOOP_KAFKA_TOPIC_PREFIX=kafka.topic_prefix,
            DRIFTLOOP_KAFKA_REPLICA=str(slot),
            **environment,
        )

    return start
