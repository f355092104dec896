"""Which Kafka a command talks to: the one named, the one that runs here, or a clear error."""

import getpass
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftloop.errors import ExitCode, UserError
from driftloop.tools.local.home import Home

if TYPE_CHECKING:
    from driftloop.kafka.settings import KafkaSettings

BootstrapServers = Annotated[
    str | None, typer.Option(help="A running Kafka, as host:port. Default: the loop that runs in --home.")
]
HomeFolder = Annotated[Path, typer.Option(help="The folder of the local loop.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]

DEFAULT_HOME = Path(".driftloop")


def find_kafka(bootstrap_servers: str | None, home: Path = DEFAULT_HOME) -> "KafkaSettings":
    """The settings to reach Kafka with: option, then environment, then what runs in `home`.

    Raises UserError where none of them names a cluster, or where nobody answers there.
    """
    from driftloop.kafka.clients.clients import require_broker

    kafka = _settings(bootstrap_servers, home)
    require_broker(kafka, timeout_s=5.0)
    return kafka


def asked_by(kafka: "KafkaSettings") -> str:
    """The name that a command goes under: who we are to the cluster, or to this machine."""
    return kafka.sasl_username or getpass.getuser()


def _settings(bootstrap_servers: str | None, home: Path) -> "KafkaSettings":
    from driftloop.kafka.settings import KafkaSettings

    if bootstrap_servers:
        return KafkaSettings(bootstrap_servers=bootstrap_servers)
    if os.environ.get("DRIFTLOOP_KAFKA_BOOTSTRAP_SERVERS"):
        return KafkaSettings()
    running = Home(home).running()
    if running is None:
        raise UserError(
            f"Nothing runs in {home}: start it with `driftloop up`, or name a cluster with --bootstrap-servers.",
            ExitCode.BROKER_AWAY,
        )
    return KafkaSettings(bootstrap_servers=running["bootstrap_servers"], topic_prefix=running["topic_prefix"])
