"""The broker's own faults: killed and started again under load, its connections reset, its answers late."""

import math
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

import psutil
from tests.chaos.case import PARTITIONS, Case
from tests.chaos.proxy import Proxy
from tests.chaos.run import SESSION, load_on, replicas_of, world_of
from tests.chaos.verdict import Verdict

from driftloop.errors import UserError
from driftloop.kafka.clients.offsets import EndOffsets, GroupOffsets
from driftloop.kafka.embedded.broker import Broker, embedded_broker
from driftloop.kafka.settings import KafkaSettings

DELAY_S = 0.2
QUICK_BACK = {"broker.session.timeout.ms": "2000", "broker.heartbeat.interval.ms": "400"}
"""Of the broker: a killed one may come back only when its old session has ended (9 s by default)."""
_PAUSE_S = (0.3, 1.0)
_LATE_FOR_S = (1.0, 2.5)
_RECOVERY_S = 120.0


class Cluster:
    """A broker behind a proxy that keeps its data and its address while it dies and comes back."""

    def __init__(self, folder: Path, proxy_port: int, port: int) -> None:
        self.port = port
        self.kafka = KafkaSettings(bootstrap_servers=f"127.0.0.1:{proxy_port}")
        self._folder = folder
        self._overrides = {**SESSION, **QUICK_BACK, "advertised.listeners": f"PLAINTEXT://127.0.0.1:{proxy_port}"}
        self._running = ExitStack()
        self.broker: Broker

    def start(self) -> None:
        """Start the broker on what it left."""
        self._running = ExitStack()
        self.broker = self._running.enter_context(
            embedded_broker(self._folder, port=self.port, overrides=self._overrides)
        )

    def kill(self) -> None:
        """SIGKILL."""
        for child in psutil.Process(self.broker.pid).children():
            child.kill()
        self.stop()

    def stop(self) -> None:
        """The end."""
        self._running.close()

    def alive(self) -> None:
        """Raise where the broker ended by itself."""
        if (obituary := self.broker.obituary()) is not None:
            raise UserError(obituary)


@contextmanager
def cluster(folder: Path) -> Iterator[tuple[Cluster, Proxy]]:
    """A running broker and the proxy that all clients go through."""
    port = free_port()
    with Proxy(port) as proxy:
        found = Cluster(folder, proxy.port, port)
        found.start()
        try:
            yield found, proxy
        finally:
            found.stop()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def run_broker_faults(
    case: Case,
    folder: Path,
    *,
    faults: int,
    seed: int = 1,
    seconds: float = math.inf,
    said: Callable[[str], None] = lambda _: None,
    keep_in: Path | None = None,
) -> Verdict:
    """`case` while the broker suffers `faults` faults; the verdict says how long the slowest recovery took.

    A fault is over when everything that was fed before its end is processed.
    """
    verdict = Verdict("broker", faults, control=False)
    random, end = Random(seed), time.monotonic() + seconds
    with cluster(folder) as (found, proxy):
        verdict.kafka = found.broker.version
        kinds = {"kill": lambda: _kill(found), "reset": proxy.reset, "delay": lambda: _delay(proxy, random)}
        with world_of(case, found.kafka, verdict, keep_in) as world:
            replicas = replicas_of(case, world, verdict)
            with load_on(case, world, replicas, found.alive):
                recovery = Recovery(world.kafka, case.groups)
                for number in range(faults):
                    threading.Event().wait(random.uniform(*_PAUSE_S))
                    if time.monotonic() > end:
                        verdict.faults = number
                        break
                    kind = random.choices(list(kinds), (1, 2, 2))[0]
                    began = time.monotonic()
                    kinds[kind]()
                    recovery.await_(_RECOVERY_S)
                    took = round(time.monotonic() - began, 1)
                    said(f"{number + 1} {kind}: processing caught up {took} s after it")
                    verdict.max_seconds = max(verdict.max_seconds or 0.0, took)
            verdict.exits = sorted({code for replica in replicas for code in replica.exits})
    return verdict


def _kill(found: Cluster) -> None:
    found.kill()
    found.start()


def _delay(proxy: Proxy, random: Random) -> None:
    proxy.delay_s = DELAY_S
    threading.Event().wait(random.uniform(*_LATE_FOR_S))
    proxy.delay_s = 0.0


class Recovery:
    """Tells when the groups have processed what there is now."""

    def __init__(self, kafka: KafkaSettings, groups: Mapping[str, Sequence[str]]) -> None:
        self._ends = EndOffsets(kafka)
        self._groups = {name: GroupOffsets(kafka, name) for name in groups}
        self._inputs = {
            name: [(topic, number) for topic in topics for number in range(PARTITIONS)]
            for name, topics in groups.items()
        }

    def await_(self, timeout_s: float) -> None:
        """Return when they have; raises UserError after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        wanted = {name: self._ends.ask(positions) for name, positions in self._inputs.items()}
        while any(self._behind(name, ends) for name, ends in wanted.items()):
            if time.monotonic() > deadline:
                raise UserError(f"processing did not recover within {timeout_s:.0f} s")
            time.sleep(0.05)

    def _behind(self, name: str, ends: dict[tuple[str, int], int]) -> bool:
        there = self._groups[name].ask(list(ends))
        return any(there[position] < end for position, end in ends.items())
