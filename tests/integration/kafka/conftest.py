"""Processes of the tests' own counting service, on the session's broker."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from driftloop.kafka.settings import KafkaSettings


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
