"""`driftloop topics`: creates the declared topics on a cluster, and says what differs there."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftloop.counted import counted
from driftloop.errors import ExitCode, UserError

if TYPE_CHECKING:
    from driftloop.contracts.topics import Topic
    from driftloop.kafka.settings import KafkaSettings

app = typer.Typer(help="The topics that driftloop declares.", no_args_is_help=True)

Servers = Annotated[
    str | None,
    typer.Option("--bootstrap-servers", help="The cluster; else DRIFTLOOP_KAFKA_BOOTSTRAP_SERVERS."),
]
Partitions = Annotated[
    int | None,
    typer.Option("--partitions", min=1, help="Partitions of every topic, in place of the topic files' own."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Show every declared topic: who writes it, who reads it, how it is kept."""
    from rich.console import Console
    from rich.table import Table

    from driftloop.contracts.topics import topics

    declared = list(topics().values())
    if as_json:
        typer.echo(json.dumps([topic.model_dump(mode="json") for topic in declared], indent=2))
        return
    table = Table("topic", "key", "written by", "read by", "encodings", "partitions", "kept", title="topics")
    for topic in declared:
        writers, readers = ", ".join(topic.producers), ", ".join(topic.consumers)
        encodings = ", ".join(topic.encodings)
        table.add_row(topic.name, topic.key, writers, readers, encodings, str(topic.partitions), kept(topic))
    Console().print(table)


@app.command()
def apply(
    bootstrap_servers: Servers = None,
    partitions: Partitions = None,
    replication: Annotated[int | None, typer.Option(min=1, help="Replicas; else the broker's default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Create the topics that are missing, and give the others their declared settings.

    Warns, on the error stream, of brokers whose release is known to lose records.
    """
    from driftloop.kafka.admin.topics import apply_topics
    from driftloop.kafka.clients.clients import require_broker
    from driftloop.kafka.settings import KafkaSettings

    kafka = KafkaSettings() if bootstrap_servers is None else KafkaSettings(bootstrap_servers=bootstrap_servers)
    require_broker(kafka)
    created = apply_topics(kafka, partitions=partitions, replication=replication)
    _warn_of_brokers(kafka)
    if as_json:
        typer.echo(json.dumps({"created": created}))
        return
    for name in created:
        typer.echo(f"created {name}")
    typer.echo(f"{counted(len(created), 'topic')} created, the others were there")


@app.command()
def check(bootstrap_servers: Servers = None, partitions: Partitions = None, as_json: AsJson = False) -> None:
    """Compare a cluster with the declared topics; ends with 1 where they differ.

    Warns, on the error stream, of brokers whose release is known to lose records.
    """
    from driftloop.kafka.admin.topics import check_topics
    from driftloop.kafka.clients.clients import require_broker
    from driftloop.kafka.settings import KafkaSettings

    kafka = KafkaSettings() if bootstrap_servers is None else KafkaSettings(bootstrap_servers=bootstrap_servers)
    require_broker(kafka)
    _warn_of_brokers(kafka)
    found = [
        difference
        for difference in check_topics(kafka)
        if not (difference.setting == "partitions" and difference.found == str(partitions))
    ]
    if as_json:
        typer.echo(
            json.dumps(
                [{"topic": d.topic, "setting": d.setting, "declared": d.declared, "found": d.found} for d in found]
            )
        )
    else:
        for d in found:
            typer.echo(
                f"{d.topic}: " + (f"{d.setting} is {d.found}, {d.declared} is declared" if d.found else "missing")
            )
    if found:
        raise UserError(f"{len(found)} differences from the declared topics", ExitCode.ERROR)
    if not as_json:
        typer.echo("the cluster has every topic as declared")


def _warn_of_brokers(kafka: "KafkaSettings") -> None:
    from driftloop.kafka.admin.broker_release import warnings_of

    for sentence in warnings_of(kafka):
        typer.echo(f"warning: {sentence}", err=True)


@app.command()
def grow(
    partition_group: Annotated[str, typer.Argument(help="The topics that grow together: predictions or models.")],
    partitions: Annotated[int, typer.Argument(min=1, help="Partitions that each of them is to have.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, it is only said what would be done.")] = False,
    bootstrap_servers: Servers = None,
    as_json: AsJson = False,
) -> None:
    """Give topics that are read side by side more partitions, or say why that cannot be right and what can.

    Only topics that have held no records grow in place. Ends with 8 where it is refused.
    """
    from driftloop.kafka.admin.growing import PARTITION_GROUPS, Grower
    from driftloop.kafka.clients.clients import require_broker
    from driftloop.kafka.settings import KafkaSettings
    from driftloop.tools.local.programs import BESIDE_INPUTS, GROUP_INPUTS

    if partition_group not in PARTITION_GROUPS:
        raise UserError(f"there is no {partition_group!r}: {' or '.join(PARTITION_GROUPS)}", ExitCode.USAGE)
    kafka = KafkaSettings() if bootstrap_servers is None else KafkaSettings(bootstrap_servers=bootstrap_servers)
    require_broker(kafka)
    grower = Grower(kafka, partition_group, [*GROUP_INPUTS, *BESIDE_INPUTS])
    growth = grower.look(partitions)
    if as_json:
        facts = {"partitions": growth.partitions, "used": growth.used, "at_work": growth.at_work}
        typer.echo(json.dumps({"wanted": partitions, **facts, "refusal": growth.refusal or None}, indent=2))
    else:
        for topic, count in growth.partitions.items():
            typer.echo(
                f"{topic}: {counted(count, 'partition')}, {'has held records' if topic in growth.used else 'empty'}"
            )
    if growth.refusal:
        raise UserError(f"{partition_group}: {growth.refusal}", ExitCode.STATE_MISMATCH)
    if yes:
        grower.apply(growth)
    if not as_json:
        done = "has" if yes else "would have (nothing was changed: add --yes)"
        typer.echo(f"each of the {len(growth.grows)} topics that grow {done} {partitions} partitions")


@app.command()
def grant(
    file: Annotated[Path, typer.Argument(help="Who may do what, as in deploy/acls.yaml.")],
    bootstrap_servers: Servers = None,
) -> None:
    """Give every principal in FILE the access that it lists, and nothing more."""
    from driftloop.kafka.admin.access import apply_grants, read_grants
    from driftloop.kafka.clients.clients import require_broker
    from driftloop.kafka.settings import KafkaSettings

    grants = read_grants(file)
    kafka = KafkaSettings() if bootstrap_servers is None else KafkaSettings(bootstrap_servers=bootstrap_servers)
    require_broker(kafka)
    entries = apply_grants(kafka, grants)
    typer.echo(f"{len(grants)} principals, {entries} access control entries")


def kept(topic: "Topic") -> str:
    """How long a topic's messages stay.

    >>> from driftloop.contracts.topics import topics
    >>> kept(topics()["drift-status"]), kept(topics()["training-progress"])
    ('the last of each key', '1 day')
    """
    if topic.cleanup == "compact":
        return "the last of each key"
    if topic.retention_days is None:
        return "for ever"
    return f"{topic.retention_days:g} day" + ("" if topic.retention_days == 1 else "s")
