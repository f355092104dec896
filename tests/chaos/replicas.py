"""Replicas of a service as child processes, started anew whenever they end, and the faults they suffer."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from random import Random

from driftloop.kafka.settings import KafkaSettings

_AT_WORK_S = 60.0

ROOT = Path(__file__).parents[2]


class Replica:
    """One slot. A supervisor thread starts the process again until `stop`."""

    def __init__(self, module: tuple[str, ...], slot: int, environment: Mapping[str, str], log: Path) -> None:
        self._command = [sys.executable, "-m", *module]
        paths = os.pathsep.join(str(ROOT / part) for part in ("services", "shared", "."))
        self._environment = {**os.environ, **environment, "DRIFTLOOP_KAFKA_REPLICA": str(slot), "PYTHONPATH": paths}
        self._path, self._log = log, log.open("ab")
        self._stopping = threading.Event()
        self.exits: list[int] = []
        self.process = self._spawn()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)
        self._supervisor.start()

    def _spawn(self) -> "subprocess.Popen[bytes]":
        self._said_before = self._path.stat().st_size
        return subprocess.Popen(self._command, env=self._environment, cwd=ROOT, stdout=self._log, stderr=self._log)

    def _supervise(self) -> None:
        while True:
            self.exits.append(self.process.wait())
            if self._stopping.wait(0.1):
                return
            self.process = self._spawn()

    @property
    def at_work(self) -> bool:
        """Whether this process, and not one before it, was given partitions."""
        with self._path.open("rb") as log:
            log.seek(self._said_before)
            return self.process.poll() is None and b"partitions assigned" in log.read()

    def signal(self, number: int) -> None:
        """Send a signal; a process that just ended does not mind."""
        self.process.send_signal(number)

    def stop(self, timeout_s: float = 30.0) -> int:
        """SIGTERM; the exit code. Raises subprocess.TimeoutExpired, and kills, where it does not end."""
        self._stopping.set()
        self.signal(signal.SIGCONT)
        self.process.terminate()
        try:
            return self.process.wait(timeout_s)
        finally:
            self.process.kill()
            self._supervisor.join(5)
            self._log.close()


def inflict(replicas: list[Replica], faults: int, random: Random, pause_s: tuple[float, float]) -> None:
    """Kill (three in four) or freeze for 3.5 to 6 seconds a random replica at random moments, while all are at work."""
    clock = threading.Event()
    for _ in range(faults):
        deadline = time.monotonic() + _AT_WORK_S
        while not all(replica.at_work for replica in replicas) and time.monotonic() < deadline:
            clock.wait(0.2)
        clock.wait(random.uniform(*pause_s))
        victim = random.choice(replicas)
        if random.random() < 0.75:
            victim.signal(signal.SIGKILL)
        else:
            victim.signal(signal.SIGSTOP)
            clock.wait(random.uniform(3.5, 6.0))
            victim.signal(signal.SIGCONT)


def environment_of(kafka: KafkaSettings, *, control: bool, hold_ms: float) -> dict[str, str]:
    """What a replica must know of the cluster and of the test."""
    return {
        "DRIFTLOOP_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "DRIFTLOOP_KAFKA_TOPIC_PREFIX": kafka.topic_prefix,
        "DRIFTLOOP_KAFKA_TRANSACTIONS": str(not control),
        "DRIFTLOOP_KAFKA_HOLD_IN_TRANSACTION_MS": str(hold_ms),
        "DRIFTLOOP_KAFKA_TRANSACTION_TIMEOUT_MS": "6000",
    }
