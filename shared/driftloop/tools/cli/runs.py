"""`driftloop runs`: training runs, what became of them, and what their programs said."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftloop.errors import ExitCode, UserError
from driftloop.tools.cli.connection import DEFAULT_HOME, AsJson, BootstrapServers, HomeFolder, asked_by, find_kafka
from driftloop.tools.cli.through_console import way_for

if TYPE_CHECKING:
    from driftloop.tools.registry.runs import RunInfo

app = typer.Typer(help="See training runs, and cancel them.", no_args_is_help=True)

RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or the beginning of it.")]


@app.command("list")
def list_(
    model: Annotated[str | None, typer.Argument(help="Only the runs of this model.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 20,
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Show the newest runs, the oldest of them first."""
    from rich.console import Console
    from rich.table import Table

    found = _runs(bootstrap_servers, home, model)[-limit:]
    if as_json:
        typer.echo(json.dumps([run.facts() for run in found], indent=2))
        return
    table = Table("run", "model", "version", "asked at", "status", "seconds", "why", box=None)
    for run in found:
        seconds = "" if run.seconds is None else f"{run.seconds:.1f}"
        table.add_row(
            run.run_id[:8], run.model_id, run.version, f"{run.asked_at:%Y-%m-%d %H:%M:%S}", run.status, seconds,
            run.failure or run.reason,
        )  # fmt: skip
    Console().print(table if found else "No run has been asked for.")


@app.command()
def show(
    run: RunId, as_json: AsJson = False, bootstrap_servers: BootstrapServers = None, home: HomeFolder = DEFAULT_HOME
) -> None:
    """Show what a run was asked for and what came of it."""
    found = _the_run(bootstrap_servers, home, run)
    if as_json:
        typer.echo(json.dumps(found.facts(), indent=2))
        return
    for name, value in found.facts().items():
        if value not in (None, {}, []):
            shown = ", ".join(f"{k} {v:g}" for k, v in value.items()) if isinstance(value, dict) else value
            typer.echo(f"{name:>14}  {shown}")


@app.command()
def logs(
    run: RunId,
    artifact_uri: Annotated[
        str | None, typer.Option(help="Where artifacts lie. Default: the folder in --home.")
    ] = None,
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Print what the program of a run wrote to stdout and stderr (executor command)."""
    from driftloop.tools.local.home import Home
    from trainer_worker.adapters.command.logs import read_logs

    place = Home(home)
    found = _the_run(bootstrap_servers, home, run)
    said = read_logs(artifact_uri or str(place.artifacts), place.runs, found.run_id)
    if said is None:
        raise UserError(f"The run {found.run_id} has no logs: only executor command keeps them.", ExitCode.NOT_FOUND)
    typer.echo(said.decode("utf-8", "replace"), nl=False)


@app.command()
def cancel(
    run: RunId,
    reason: Annotated[str, typer.Option(help="Why, for whoever reads the log later.")] = "cancelled by hand",
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """End a run; its processes are killed, and no version comes of it."""
    from uuid import uuid4

    from driftloop.clock import system_now
    from driftloop.contracts.model_commands import ModelCommand
    from driftloop.contracts.topics import MODEL_COMMANDS
    from driftloop.kafka.clients.sender import Sender

    found = _the_run(bootstrap_servers, home, run)
    if found.status != "running":
        raise UserError(f"The run {found.run_id} has ended: {found.status}.", ExitCode.USAGE)
    if (way := way_for(bootstrap_servers)) is not None:
        way.send(found.model_id, "cancel", reason, found.version, full=True, wait=0.0)
        typer.echo(f"{found.model_id}: the run for {found.version} is asked to end.")
        return
    kafka = find_kafka(bootstrap_servers, home)
    command = ModelCommand(
        message_id=uuid4(), model_id=found.model_id, occurred_at=system_now(), command="cancel", version=found.version,
        reason=reason, requested_by=asked_by(kafka),
    )  # fmt: skip
    sender = Sender(kafka)
    sender.send(MODEL_COMMANDS, found.model_id, command.to_json())
    sender.close()
    typer.echo(f"{found.model_id}: the run for {found.version} is asked to end.")


def _runs(bootstrap_servers: str | None, home: Path, model: str | None = None) -> "list[RunInfo]":
    if (way := way_for(bootstrap_servers)) is not None:
        from driftloop.tools.cli.console_reading import runs as runs_at

        return runs_at(way, model)
    from driftloop.tools.cli.models import open_view
    from driftloop.tools.registry.runs import runs

    return runs(open_view(bootstrap_servers, home), model)


def _the_run(bootstrap_servers: str | None, home: Path, begins: str) -> "RunInfo":
    found = [run for run in _runs(bootstrap_servers, home) if run.run_id.startswith(begins)]
    if len(found) != 1:
        several = ", ".join(run.run_id for run in found[:5])
        why = f"begins several: {several}" if found else "is not the id of a run: see `driftloop runs list`"
        raise UserError(f"{begins} {why}.", ExitCode.NOT_FOUND)
    return found[0]
