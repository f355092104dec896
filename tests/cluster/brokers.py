"""Three real brokers on this machine: killed, stopped, cut off and started again while clients talk to them.

With a `Network` every listener is behind a proxy: that of the clients, that of the other brokers, the controllers'.
"""

import base64
import json
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import psutil
from confluent_kafka import KafkaException
from tests.cluster.network import CLIENT, Network
from tests.cluster.sockets import owner_of

from driftloop.errors import ExitCode, UserError
from driftloop.kafka.clients.clients import admin_client
from driftloop.kafka.embedded.broker import Broker, embedded_broker
from driftloop.kafka.embedded.broker_files import format_data
from driftloop.kafka.embedded.runtime_jars import class_path, to_stderr
from driftloop.kafka.settings import KafkaSettings

NODES = (1, 2, 3)
HEAP_MB = 256
NEEDED_MB = 2_500
_IN_SYNC_S = 120.0
_SETTINGS = {
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "3",
    "share.coordinator.state.topic.min.isr": "2",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,BROKERS:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "BROKERS",
    "controlled.shutdown.enable": "true",
    "broker.session.timeout.ms": "4000",
    "broker.heartbeat.interval.ms": "500",
    "controller.quorum.election.timeout.ms": "1000",
    "controller.quorum.fetch.timeout.ms": "2000",
    "replica.lag.time.max.ms": "5000",
}


class Brokers:
    """A cluster of three; every topic has three replicas, of which two must be in sync to be written to."""

    def __init__(self, folder: Path, network: Network | None = None) -> None:
        self._folder, self.network = folder, network
        self._nodes: dict[int, int] = {}
        ports = iter(_free_ports(3 * len(NODES)))
        self._ports = {node: _Ports(next(ports), next(ports), next(ports)) for node in NODES}
        self._told = {node: self._behind(node, network) if network else self._ports[node] for node in NODES}
        self._running: dict[int, ExitStack] = {}
        self._brokers: dict[int, Broker] = {}
        servers = ",".join(f"127.0.0.1:{ports.clients}" for ports in self._told.values())
        self.kafka = KafkaSettings(bootstrap_servers=servers)

    def _behind(self, node: int, network: Network) -> "_Ports":
        own = self._ports[node]
        return _Ports(
            network.listen(node, own.clients),
            network.listen(node, own.brokers, self._whose),
            network.listen(node, own.controllers, self._whose),
        )

    def _whose(self, port: int) -> int:
        """The broker that dials from a port, one that just starts too; a client where it is none of them."""
        if (pid := owner_of(port, list(self._nodes))) is None:
            self._nodes = self._found()
            pid = owner_of(port, self._nodes)
        return CLIENT if pid is None else self._nodes[pid]

    def _found(self) -> dict[int, int]:
        """The processes of the brokers, each with its node."""
        found = {}
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):  # it has ended
                file = Path((process.cmdline() or [""])[-1])
                if file.parent.parent == self._folder and process.name() == "java":
                    found[process.pid] = int(file.parent.name)
        return found

    def start_all(self) -> None:
        """Start all at once: none answers before two of them are there."""
        jars = class_path(to_stderr)
        for node in NODES:
            self._format(node, jars)
        self.start_together(NODES)

    def start_together(self, nodes: Sequence[int]) -> None:
        """Start some at once, each on what it left."""
        with ThreadPoolExecutor(len(nodes)) as pool:
            list(pool.map(self.start, nodes))

    def start(self, node: int) -> None:
        """Start one on what it left. Raises UserError where it does not come up."""
        running = ExitStack()
        self._brokers[node] = running.enter_context(
            embedded_broker(
                self._folder / str(node),
                port=self._ports[node].clients,
                overrides=self._overrides(node),
                heap_mb=HEAP_MB,
            )
        )
        self._running[node] = running

    def stop(self, node: int) -> None:
        """SIGTERM: it hands its leaderships over and goes."""
        self._running.pop(node).close()

    def kill(self, node: int) -> None:
        """SIGKILL."""
        for child in psutil.Process(self._brokers[node].pid).children():
            child.kill()
        self.stop(node)

    def close(self) -> None:
        """The end of all, at once: none of them has anybody to hand over to."""
        for node in list(self._running):
            self.kill(node)

    def alive(self) -> None:
        """Raise UserError where one ended by itself."""
        for node in self._running:
            if (obituary := self._brokers[node].obituary()) is not None:
                raise UserError(f"broker {node}: {obituary}")

    def await_in_sync(self, replicas: int = 3) -> None:
        """Return once every partition has a leader and that many replicas in sync. Raises UserError."""
        admin = admin_client(self.kafka)
        deadline = time.monotonic() + _IN_SYNC_S
        while not _in_sync(admin, replicas):
            self.alive()
            if time.monotonic() > deadline:
                raise UserError(f"the replicas are not in sync after {_IN_SYNC_S:.0f} s", ExitCode.BROKER_AWAY)
            time.sleep(0.2)

    def controller(self) -> int:
        """The node that leads the quorum. From its files: to a client Kafka names any broker as the controller."""
        files = self._folder.glob("*/data/__cluster_metadata-0/quorum-state")
        states = [json.loads(file.read_text()) for file in files]
        newest = max(states, key=lambda state: (state["leaderEpoch"], state["leaderId"]))
        if newest["leaderId"] < 0:
            raise UserError("the controllers are just electing")
        return int(newest["leaderId"])

    def _format(self, node: int, jars: str) -> None:
        """The storage of node 1, as it is formatted once for all, under this node's name."""
        folder = self._folder / str(node)
        folder.mkdir(parents=True)
        format_data(folder, jars)
        names = {"node.id": str(node), "directory.id": _uuid()}
        file = folder / "data" / "meta.properties"
        lines = (line.partition("=") for line in file.read_text().splitlines() if "=" in line)
        file.write_text("".join(f"{name}={names.get(name, value)}\n" for name, _, value in lines))

    def _overrides(self, node: int) -> Mapping[str, str]:
        voters = ",".join(f"{number}@127.0.0.1:{ports.controllers}" for number, ports in self._told.items())
        return {
            **_SETTINGS,
            "node.id": str(node),
            "controller.quorum.voters": voters,
            "listeners": self._ports[node].listeners(),
            "advertised.listeners": self._told[node].listeners(),
        }


class _Ports(NamedTuple):
    """Of one broker."""

    clients: int
    brokers: int
    controllers: int

    def listeners(self) -> str:
        """As `listeners` has them."""
        named = zip(("PLAINTEXT", "BROKERS", "CONTROLLER"), self, strict=True)
        return ",".join(f"{name}://127.0.0.1:{port}" for name, port in named)


@contextmanager
def three_brokers(folder: Path, *, proxied: bool = False) -> Iterator[Brokers]:
    """Three brokers that answer, with a network in between that can be cut where they are `proxied`.

    Raises UserError, in a sentence, on a machine that is too small.
    """
    require_memory()
    with ExitStack() as stack:
        brokers = Brokers(folder, stack.enter_context(Network()) if proxied else None)
        stack.callback(brokers.close)
        brokers.start_all()
        yield brokers


def require_memory(available: Callable[[], int] = lambda: psutil.virtual_memory().available) -> None:
    """Raise UserError where three brokers and the services do not fit."""
    free_mb = available() >> 20
    if free_mb < NEEDED_MB:
        raise UserError(
            f"three brokers and the services need {NEEDED_MB} MB of memory, and {free_mb} MB are free: end something "
            "else, or run it on a larger machine"
        )


def _in_sync(admin: object, replicas: int) -> bool:
    try:
        topics = admin.list_topics(timeout=5).topics.values()  # type: ignore[attr-defined]
    except KafkaException:
        return False
    partitions = [partition for topic in topics for partition in topic.partitions.values()]
    return bool(partitions) and all(len(p.isrs) >= replicas and p.leader >= 0 for p in partitions)


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different: all are held while they are looked for."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def _uuid() -> str:
    return "A" + base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")[1:]
