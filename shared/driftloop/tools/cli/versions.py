"""`driftloop versions`: take versions in, carry them to another driftloop, and remove what nobody needs."""

import json
from pathlib import Path
from typing import Annotated

import typer

from driftloop.counted import counted
from driftloop.errors import ExitCode, UserError
from driftloop.tools.cli.connection import DEFAULT_HOME, AsJson, BootstrapServers, HomeFolder, asked_by, find_kafka
from driftloop.tools.cli.register import register

app = typer.Typer(help="Take versions in, carry them elsewhere, and remove what nobody needs.", no_args_is_help=True)
app.command()(register)

Model = Annotated[str, typer.Argument(help="The model's id.")]
ArtifactUri = Annotated[str | None, typer.Option(help="Where artifacts lie. Default: the folder in --home.")]


@app.command()
def export(
    model: Model,
    version: Annotated[str, typer.Argument(help="The version to carry.")],
    file: Annotated[Path, typer.Argument(help="The file to write (.tar.gz).")],
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Write a version with its artifact, spec and story into one file."""
    from driftloop.tools.cli.models import open_view
    from driftloop.tools.registry.transfer import export_version

    size = export_version(open_view(bootstrap_servers, home), model, version, file)
    typer.echo(f"{model} {version} written to {file}, {size:,} bytes.")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A file that `export` wrote.")],
    artifact_uri: ArtifactUri = None,
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Bring a version in: it serves where nobody does, else it is held against the champion."""
    from driftloop.clock import system_now
    from driftloop.contracts.topics import MODEL_COMMANDS
    from driftloop.kafka.clients.sender import Sender
    from driftloop.tools.local.home import Home
    from driftloop.tools.registry.transfer import import_version

    kafka = find_kafka(bootstrap_servers, home)
    root = artifact_uri or str(Home(home).artifacts)
    carried = import_version(file, root, requested_by=asked_by(kafka), now=system_now())
    sender = Sender(kafka)
    sender.send(MODEL_COMMANDS, carried.model_id, carried.command.to_json())
    sender.close()
    typer.echo(f"{carried.model_id} {carried.version} is at {carried.artifact} and was sent to be registered.")


@app.command()
def sign(
    model: Model,
    version: Annotated[str, typer.Argument(help="The version to vouch for.")],
    key: Annotated[Path, typer.Argument(help="A key that `driftloop tokens signing-key` has made.", exists=True)],
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Sign the artifact of a version: one that was registered, imported, or made before there was a key."""
    from driftloop.artifacts.store import sign_artifact, verify_artifact
    from driftloop.contracts.signing import key_in
    from driftloop.secret_files import secret_at_start
    from driftloop.tools.cli.models import open_view

    info = open_view(bootstrap_servers, home).version(model, version)
    if info is None or info.artifact is None or info.artifact_sha256 is None:
        raise UserError(f"{model} has no version {version} with an artifact.", ExitCode.NOT_FOUND)
    made = key_in(secret_at_start(key))
    verify_artifact(info.artifact, info.artifact_sha256)
    sign_artifact(info.artifact, info.artifact_sha256, made)
    typer.echo(f"{model} {version} is signed.")


@app.command()
def prune(
    model: Model,
    keep: Annotated[int, typer.Option(min=0, help="Archived and rejected versions to keep, the newest.")] = 10,
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Remove artifacts that nobody needs; never the champion's, its predecessor's or a challenger's."""
    from driftloop.clock import system_now
    from driftloop.tools.cli.models import open_view
    from driftloop.tools.registry.retention import prune as prune_artifacts

    view, kafka = open_view(bootstrap_servers, home), find_kafka(bootstrap_servers, home)
    done = prune_artifacts(view, kafka, model, keep=keep, requested_by=asked_by(kafka), clock=system_now)
    if as_json:
        typer.echo(json.dumps({"deleted": done.deleted, "kept": done.kept}))
    else:
        kept = f"; the coordinator keeps {', '.join(done.kept)}" if done.kept else ""
        typer.echo(f"{counted(len(done.deleted), 'version', 'have')} no artifact any more{kept}.")
