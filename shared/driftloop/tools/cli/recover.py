"""`driftloop recover`: brings a group's state, its offsets and the log together again."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from driftloop.counted import counted
from driftloop.errors import ExitCode, UserError
from driftloop.tools.cli.connection import DEFAULT_HOME, AsJson, BootstrapServers, HomeFolder, find_kafka

if TYPE_CHECKING:
    from driftloop.archive.owner import Adoption
    from driftloop.kafka.admin.recovery import Recovery
    from driftloop.kafka.settings import KafkaSettings

ARCHIVE = "outcome_archive"
_STARTS = ("state", "group", "earliest", "latest")


def recover(
    group: Annotated[str | None, typer.Argument(help="A consumer group; default: look at all of them.")] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from", help="Go on from what the state or the group says, or at the earliest or latest record."
        ),
    ] = None,
    forget_state: Annotated[bool, typer.Option("--forget-state", help="Begin with no state.")] = False,
    archive: Annotated[
        str | None, typer.Option(help="The archive's Delta table, for outcome_archive. Default: that of --home.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, it is only said what would be done.")] = False,
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Say what of a group's state, offsets and log does not belong together, and mend it with --yes."""
    from driftloop.tools.local.programs import BESIDE_INPUTS, GROUP_INPUTS

    known = {**GROUP_INPUTS, **BESIDE_INPUTS}
    if group is not None and group not in known:
        raise UserError(f"there is no group {group}: one of {', '.join(known)}", ExitCode.USAGE)
    if start is not None and start not in _STARTS:
        raise UserError(f"--from is one of {', '.join(_STARTS)}, not {start}", ExitCode.USAGE)
    if group is None and (yes or start or forget_state):
        raise UserError("name the group that is to be changed", ExitCode.USAGE)
    with _kafka(bootstrap_servers, home) as kafka:
        found = [
            _recovered(kafka, name, start, archive or str(home / "lake"), forget=forget_state, yes=yes)
            for name in ([group] if group else list(GROUP_INPUTS))
        ]
    if as_json:
        typer.echo(json.dumps({"groups": found}, indent=2))
        return
    for facts in found:
        for line in _lines(facts):
            typer.echo(line)


@contextmanager
def _kafka(bootstrap_servers: str | None, home: Path) -> "Iterator[KafkaSettings]":
    """The cluster that is named or runs; where none does and `home` has a broker's data, its broker for as long."""
    import os

    from driftloop.kafka.settings import KafkaSettings
    from driftloop.tools.local.home import Home

    there = Home(home)
    named = bootstrap_servers or os.environ.get("DRIFTLOOP_KAFKA_BOOTSTRAP_SERVERS")
    if named or there.running() is not None or not (there.kafka / "data").is_dir():
        yield find_kafka(bootstrap_servers, home)
        return
    from driftloop.kafka.embedded.broker import embedded_broker

    with there.make().locked(), embedded_broker(there.make().kafka) as broker:
        yield KafkaSettings(bootstrap_servers=broker.bootstrap_servers)


def _recovered(
    kafka: "KafkaSettings", group: str, start: Any, archive: str, *, forget: bool, yes: bool
) -> dict[str, Any]:
    from driftloop.kafka.admin.recovery import Recoverer
    from driftloop.tools.local.programs import BESIDE_INPUTS, GROUP_INPUTS, GROUP_STATES

    recoverer = Recoverer(kafka, group, {**GROUP_INPUTS, **BESIDE_INPUTS}[group], GROUP_STATES[group])
    found = recoverer.look(start, forget=forget)
    if yes and (ended := found.pending):
        recoverer.apply(found)
        found = replace(recoverer.look(start, forget=forget), pending=ended)
    adoption = _adoption(archive, found) if group == ARCHIVE else None
    if yes:
        recoverer.apply(replace(found, pending=()))
        if adoption is not None:
            adoption.apply()
    return _facts(found, adoption, done=yes)


def _adoption(archive: str, found: "Recovery") -> "Adoption | None":
    from driftloop.archive.owner import adoption_of
    from driftloop.contracts.topics import OUTCOME_FRAMES

    return adoption_of(archive, found.log.cluster, found.log.topics[OUTCOME_FRAMES])


def _facts(found: "Recovery", adoption: "Adoption | None", *, done: bool) -> dict[str, Any]:
    return {
        "group": found.group,
        "needed": found.needed or adoption is not None,
        "done": done,
        "partitions": dict(found.grow),
        "pending": [f"{topic}/{number}" for topic, number in found.pending],
        "archive": adoption.words if adoption else None,
        "steps": [
            {
                "partition": step.partition,
                "trouble": step.trouble,
                "offsets": dict(step.offsets),
                "forget_state": step.forget,
                "says": list(step.words),
            }
            for step in found.steps
        ],
    }


def _lines(facts: dict[str, Any]) -> Iterator[str]:
    group = facts["group"]
    if not facts["needed"]:
        yield f"{group}: state, offsets and log belong together."
        return
    yield f"{group}: {'this was done' if facts['done'] else 'this would be done'}"
    if facts["pending"]:
        yield (
            f"  a transaction that nobody ends holds back {', '.join(facts['pending'])}: each slot begins one there "
            "and aborts it, until nothing is held back"
        )
    for topic, count in facts["partitions"].items():
        yield f"  {topic} gets {counted(count, 'partition')}, as many as the others have"
    for step in facts["steps"]:
        yield f"  partition {step['partition']}: {step['trouble']}"
        for words in step["says"]:
            yield f"    {words}"
    if facts["archive"]:
        yield f"  the archive: {facts['archive']}"
    if facts["done"]:
        yield "Start the service again."
    else:
        yield f"Nothing was changed. Stop the service, then: driftloop recover {group} --yes, with the same options."
