"""`driftloop sources`: where the predictions and labels of models come from that others serve."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftloop.errors import ExitCode, UserError
from driftloop.tools.cli.connection import DEFAULT_HOME, AsJson, BootstrapServers, HomeFolder, find_kafka

if TYPE_CHECKING:
    from driftloop.spec.model_source import ModelSource

app = typer.Typer(help="Declare topics of others as sources, and try them on samples.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="A source in YAML.")]


@app.command()
def apply(
    file: File, as_json: AsJson = False, bootstrap_servers: BootstrapServers = None, home: HomeFolder = DEFAULT_HOME
) -> None:
    """Declare a source, or change what is declared; its translator takes it up at once."""
    from driftloop.clock import system_now
    from driftloop.registry.sources import publish_source

    source = read_source(file)
    _say_unread(source)
    changed = publish_source(find_kafka(bootstrap_servers, home), source, system_now())
    if as_json:
        typer.echo(json.dumps({"source": source.name, "model": source.model_id, "changed": changed}))
        return
    typer.echo(f"{source.name}: {'applied' if changed else 'nothing changed'}.")
    if changed:
        typer.echo(f"Run its translator: python -m outcome_ingestion --role translate --source {source.name}")
        if source.in_halves:
            typer.echo(
                "Its records are requests and responses: run `python -m outcome_ingestion --role pair` once too."
            )


@app.command("list")
def list_(as_json: AsJson = False, bootstrap_servers: BootstrapServers = None, home: HomeFolder = DEFAULT_HOME) -> None:
    """Show the declared sources."""
    from rich.console import Console
    from rich.table import Table

    from driftloop.registry.sources import declared_sources, missing_sources, specs

    kafka = find_kafka(bootstrap_servers, home)
    declared = declared_sources(kafka)
    missing = missing_sources(specs(kafka), declared)
    if as_json:
        facts = [source.model_dump(mode="json", exclude_defaults=True) for source in declared.usable.values()]
        typer.echo(json.dumps({"sources": facts, "unusable": declared.unusable, "missing": missing}, indent=2))
        return
    table = Table("source", "model", "gives", "read as", "topics", box=None)
    for source in declared.usable.values():
        table.add_row(source.name, source.model_id, source.gives, read_as(source), ", ".join(source.topics))
    Console().print(table if declared.usable else "No source is declared: see `driftloop sources apply`.")
    for name, reason in declared.unusable.items():
        typer.echo(f"{name} cannot be used: {reason}")
    for name, models in missing.items():
        typer.echo(f"{name} is named by the spec of {', '.join(models)}, and is not declared for it.")


@app.command()
def check(
    file: File,
    sample: Annotated[
        Path, typer.Option(help="Records: JSON lines (values, or records as `kcat -J` writes them), or one raw value.")
    ],
    schema_registry: Annotated[str | None, typer.Option(help="The registry of framed records.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most records that are tried.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show what each record of a sample becomes, or why it becomes nothing. Nothing is sent; exit code 1 if any
    record cannot be used."""
    from driftloop.tools.cli.source_samples import sample_records, tried

    source = read_source(file)
    _say_unread(source)
    found = tried(source, sample_records(sample, limit), schema_registry)
    if as_json:
        typer.echo(json.dumps([one.facts() for one in found], indent=2))
    else:
        for one in found:
            typer.echo("\n".join(one.lines()))
    if any(one.reason for one in found):
        raise typer.Exit(1)


def _say_unread(source: "ModelSource") -> None:
    if source.unread:
        given = f"gives {source.gives}" if source.server == "none" else f"names the server {source.server}"
        typer.echo(f"{source.name} {given}: {', '.join(source.unread)} changes nothing.", err=True)


def read_as(source: "ModelSource") -> str:
    """How the records of a source are read, in a few words."""
    parts = [source.encoding, source.envelope, source.server]
    return ", ".join(part for part in parts if part != "none")


def read_source(file: Path) -> "ModelSource":
    """The source in a file; raises UserError with the first thing that is wrong with it."""
    from driftloop.spec.model_source import ModelSource
    from driftloop.spec.yaml_text import read_file

    if not file.is_file():
        raise UserError(f"There is no file {file}.", ExitCode.NOT_FOUND)
    return read_file(file, ModelSource, "the source")
