"""A running loop on this machine: broker, topics and services, from start to a graceful stop."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from driftloop.errors import ExitCode, UserError
from driftloop.kafka.admin.broker_release import warnings_of
from driftloop.kafka.admin.topics import apply_topics
from driftloop.kafka.clients.clients import require_broker
from driftloop.kafka.embedded.broker import Broker, embedded_broker
from driftloop.kafka.embedded.runtime_jars import KAFKA_VERSION
from driftloop.kafka.embedded.transactions import ask_for_transactions
from driftloop.kafka.settings import KafkaSettings
from driftloop.telemetry.settings import is_on
from driftloop.tools.local.home import Home
from driftloop.tools.local.launching import Launcher, launcher_for
from driftloop.tools.local.programs import (
    CONSOLE,
    LINEAGE,
    NOTIFY,
    SERVICES,
    console_port,
    free_ports,
    service_programs,
)
from driftloop.tools.local.supervisor import Supervisor

READY_SECONDS = 180.0
_THROWN_AWAY: Mapping[str, str] = {
    "transaction.partition.verification.enable": "false",
    "log.index.size.max.bytes": "262144",
}
"""What a broker need not do whose data nobody sees again: ask itself, for each partition of each transaction, whether
the transaction has it still (a question about late packets of a network); and make room for ten megabytes of index."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class LocalLoop:
    """What runs: where it lives, how to reach its Kafka, and who keeps it alive."""

    home: Home
    kafka: KafkaSettings
    broker: Broker
    supervisor: Supervisor
    ports: dict[str, int]

    @property
    def console(self) -> str | None:
        """The address of the operations console, where it runs."""
        return f"http://127.0.0.1:{self.ports[CONSOLE]}" if CONSOLE in self.ports else None

    def check(self) -> None:
        """Raises UserError where a service was given up, or where the broker of ours has ended."""
        self.supervisor.check()
        pid = self.broker.pid
        if pid is not None and os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            raise UserError(
                f"The embedded broker has ended; its last words are in {self.broker.folder}.", ExitCode.BROKER_AWAY
            )


@contextmanager
def local_loop(
    home: Home,
    *,
    bootstrap_servers: str | None = None,
    topic_prefix: str = "",
    port: int | None = None,
    partitions: int = 1,
    keep_kafka: bool = True,
    warm: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
    console: bool = False,
    launcher: Launcher | None = None,
    thrown_away: bool = False,
    progress: Progress = lambda _line: None,
) -> Iterator[LocalLoop]:
    """A loop that is ready when the block starts and stopped when it ends.

    Without `bootstrap_servers` it runs its own broker with one partition a topic: a total order, so
    that results do not depend on this machine's speed. `console` runs the operations console too, and
    the notifier where the home has its rules. `warm` names
    learners to make ready at once; `environment` are further settings of the services (`DRIFTLOOP_…`). A `launcher`
    stays the caller's. What is `thrown_away` afterwards is not stopped gracefully: its services are killed.
    Raises UserError where something does not start, with the last words of what failed.
    """
    home = home.make()
    with ExitStack() as stack:
        stack.enter_context(home.locked())
        ports = _ports(home, console=console)
        if launcher is None:
            launcher = stack.enter_context(closing(launcher_for(tuple(ports), warm, home.logs / "fork_server.log")))
        overrides = _THROWN_AWAY if thrown_away else {}
        broker = stack.enter_context(
            _broker(home, bootstrap_servers, port, overrides, keep=keep_kafka, progress=progress)
        )
        kafka = KafkaSettings(bootstrap_servers=broker.bootstrap_servers, topic_prefix=topic_prefix)
        require_broker(kafka)
        if broker.embedded:
            stack.callback(ask_for_transactions(kafka).join)
        apply_topics(kafka, partitions=partitions if broker.embedded or topic_prefix else None)
        if broker.version != KAFKA_VERSION:  # somebody else's, or one that an earlier driftloop began with
            for sentence in warnings_of(kafka):
                progress(f"Warning: {sentence}.")
        progress("The broker is up; the services are starting.")
        programs = service_programs(home, {**_environment(kafka), **(environment or {})}, ports, warm)
        running = _Running(home, broker, topic_prefix, ports)
        stack.callback(home.clear_running)
        supervisor = stack.enter_context(
            Supervisor(
                programs, home.logs, on_start=running.started, launcher=launcher, grace_seconds=0 if thrown_away else 10
            )
        )
        supervisor.wait_ready(READY_SECONDS)
        progress("All services are ready.")
        yield LocalLoop(home, kafka, broker, supervisor, ports)


def _ports(home: Home, *, console: bool) -> dict[str, int]:
    """Which processes run, each with the port of its metrics."""
    ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
    ports |= {CONSOLE: console_port()} if console else {}
    ports |= {NOTIFY: free_ports(1)[0]} if console and home.notifications.is_file() else {}
    return ports | (dict(zip(LINEAGE, free_ports(1), strict=True)) if console and is_on("openlineage_url") else {})


@contextmanager
def _broker(
    home: Home,
    bootstrap_servers: str | None,
    port: int | None,
    overrides: Mapping[str, str],
    *,
    keep: bool,
    progress: Progress,
) -> Iterator[Broker]:
    if bootstrap_servers:
        yield Broker(bootstrap_servers, embedded=False)
        return
    folder: Path | None = home.kafka if keep else None
    with embedded_broker(folder, port=port, overrides=overrides, progress=progress) as broker:
        yield broker


def _environment(kafka: KafkaSettings) -> dict[str, str]:
    ours = {
        "DRIFTLOOP_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "DRIFTLOOP_KAFKA_TOPIC_PREFIX": kafka.topic_prefix,
    }
    return {**{name: value for name, value in os.environ.items() if name.startswith("DRIFTLOOP_KAFKA_")}, **ours}


@dataclass(slots=True)
class _Running:
    """Keeps the home's word on what runs in it up to date as processes come and go."""

    home: Home
    broker: Broker
    topic_prefix: str
    ports: dict[str, int]
    state: dict[str, Any] | None = None

    def started(self, name: str, pid: int) -> None:
        if self.state is None:
            self.state = {
                "pid": os.getpid(),
                "bootstrap_servers": self.broker.bootstrap_servers,
                "topic_prefix": self.topic_prefix,
                "kafka_version": self.broker.version,
                "broker_pid": self.broker.pid,
                "services": {service: {"pid": None, "port": port} for service, port in self.ports.items()},
            }
        self.state["services"][name]["pid"] = pid
        self.home.write_running(self.state)
