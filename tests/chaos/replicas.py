"""Replicas of a service as child processes, started anew whenever they end, and the faults they suffer."""

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from random import Random

from tests.chaos.faulty_writer import HOLD, WITHOUT

from driftloop.kafka.settings import KafkaSettings

_AT_WORK_S = 60.0

ROOT = Path(__file__).parents[2]


class Nest:
    """Starts processes of one module, and knows how they end."""

    def __init__(self, module: str) -> None:
        paths = os.pathsep.join(str(ROOT / part) for part in ("services", "shared", "."))
        self._environment = {**os.environ, "PYTHONPATH": paths, "PYTHONFAULTHANDLER": "1"}
        self._zygote = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.zygote", module],
            env=self._environment,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._one_at_a_time, self._changed = threading.Lock(), threading.Condition()
        self._started: list[int] = []
        self._codes: dict[int, int] = {}
        threading.Thread(target=self._listen, daemon=True).start()

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> int:
        """The process id of a new one."""
        order = {"arguments": arguments, "environment": {**self._environment, **environment}, "log": str(log)}
        with self._one_at_a_time, self._changed:
            assert self._zygote.stdin is not None
            self._zygote.stdin.write(json.dumps(order).encode() + b"\n")
            self._zygote.stdin.flush()
            self._changed.wait_for(lambda: self._started, _AT_WORK_S)
            return self._started.pop()

    def code(self, pid: int, timeout_s: float | None = 0.0) -> int | None:
        """How a process ended; None where it has not, `timeout_s` from now (None: however long it takes)."""
        with self._changed:
            self._changed.wait_for(lambda: pid in self._codes, timeout_s)
            return self._codes.get(pid)

    def close(self) -> None:
        """End all that is left."""
        assert self._zygote.stdin is not None
        self._zygote.stdin.close()
        self._zygote.wait(10)

    def _listen(self) -> None:
        assert self._zygote.stdout is not None
        for line in self._zygote.stdout:
            told = json.loads(line)
            with self._changed:
                if "started" in told:
                    self._started.append(told["started"])
                else:
                    self._codes[told["gone"]] = told["code"]
                self._changed.notify_all()


class Replica:
    """One slot. A supervisor thread starts the process again until `stop`."""

    def __init__(
        self, nest: Nest, arguments: Sequence[str], slot: int, environment: Mapping[str, str], log: Path
    ) -> None:
        self._nest, self._arguments, self._log = nest, arguments, log
        self._environment = {**environment, "DRIFTLOOP_KAFKA_REPLICA": str(slot)}
        self.client_id = f"driftloop-{slot}"
        self._stopping = threading.Event()
        self.exits: list[int] = []
        self.pid = self._start()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)
        self._supervisor.start()

    def _start(self) -> int:
        self._said_before = self._log.stat().st_size if self._log.exists() else 0
        return self._nest.start(self._arguments, self._environment, self._log)

    def _supervise(self) -> None:
        while True:
            code = self._nest.code(self.pid, None)
            self.exits.append(code if code is not None else 0)
            if self._stopping.wait(0.1):
                return
            self.pid = self._start()

    @property
    def at_work(self) -> bool:
        """Whether this process, and not one before it, has partitions and has restored all of them.

        A fault before that hits a restore and no transaction: where restores take long, a run of such
        faults aborts nothing, and nothing is processed.
        """
        if self._nest.code(self.pid) is not None or not self._log.exists():
            return False
        with self._log.open("rb") as log:
            log.seek(self._said_before)
            return _all_restored(log)

    def signal(self, number: int) -> None:
        """Send a signal; a process that just ended does not mind."""
        if self._nest.code(self.pid) is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def stop(self, timeout_s: float = 30.0) -> int:
        """SIGTERM; the exit code. Raises AssertionError, and kills, where it does not end."""
        self._stopping.set()
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        code = self._nest.code(self.pid, timeout_s)
        self.signal(signal.SIGKILL)
        self._supervisor.join(5)
        assert code is not None, f"a replica did not end within {timeout_s:g} s of SIGTERM"
        return code


def _all_restored(log: Iterable[bytes]) -> bool:
    """Whether the last word of a log on each of its partitions is that it was restored."""
    restored: dict[int, bool] = {}
    for line in log:
        if not line.endswith(b"\n"):  # it is just being written
            break
        if b'"event": "partitions assigned"' in line:
            restored |= dict.fromkeys(_numbers(line), False)
        elif b'"event": "partitions gone"' in line:
            for number in _numbers(line):
                restored.pop(number, None)
        elif b'"event": "restored"' in line:
            restored[json.loads(line)["partition"]] = True
    return bool(restored) and all(restored.values())


def _numbers(line: bytes) -> list[int]:
    return [number for _, number in json.loads(line)["partitions"]]


def inflict(
    replicas: list[Replica],
    faults: int,
    random: Random,
    pause_s: tuple[float, float],
    alive: Callable[[], None],
    seconds: float = math.inf,
) -> int:
    """Kill (three in four) or freeze for 3.5 to 6 seconds a random replica at random moments, while all are at work.

    Ends after `seconds` at the latest, and gives the number of faults that there were.
    """
    clock, end = threading.Event(), time.monotonic() + seconds
    for number in range(faults):
        alive()
        deadline = time.monotonic() + _AT_WORK_S
        while not all(replica.at_work for replica in replicas) and time.monotonic() < deadline:
            clock.wait(0.05)
        clock.wait(random.uniform(*pause_s))
        if time.monotonic() > end:
            return number
        victim = random.choice(replicas)
        if random.random() < 0.75:
            victim.signal(signal.SIGKILL)
        else:
            victim.signal(signal.SIGSTOP)
            clock.wait(random.uniform(3.5, 6.0))
            victim.signal(signal.SIGCONT)
    return faults


def environment_of(kafka: KafkaSettings, *, control: bool, hold_ms: float) -> dict[str, str]:
    """What a replica must know of the cluster and of the test."""
    return {
        "DRIFTLOOP_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "DRIFTLOOP_KAFKA_TOPIC_PREFIX": kafka.topic_prefix,
        "DRIFTLOOP_KAFKA_GROUP_PROTOCOL": kafka.group_protocol,
        "DRIFTLOOP_KAFKA_SESSION_TIMEOUT_MS": "3000",
        WITHOUT: "yes" if control else "",
        HOLD: str(hold_ms),
        "DRIFTLOOP_KAFKA_TRANSACTION_TIMEOUT_MS": "6000",
    }
