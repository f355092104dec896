"""`driftloop models storage`: how much room versions take."""

import json
from typing import Annotated

import typer

from driftloop.counted import counted
from driftloop.tools.cli.connection import DEFAULT_HOME, AsJson, HomeFolder


def storage(
    model: Annotated[str | None, typer.Argument(help="Default: every model.")] = None,
    artifact_uri: Annotated[
        str | None, typer.Option(help="Where artifacts lie, a folder or an address. Default: that in --home.")
    ] = None,
    as_json: AsJson = False,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Show how many bytes the artifacts of each version take, wherever they are stored."""
    from driftloop.artifacts.storage import Storage, stored
    from driftloop.tools.local.home import Home

    found = stored(artifact_uri or str(Home(home).artifacts))
    if model is not None:
        found = Storage({name: sizes for name, sizes in found.versions.items() if name == model})
    if as_json:
        typer.echo(json.dumps({"bytes": found.total, "beside": found.beside, "models": found.versions}, indent=2))
        return
    for name, sizes in found.versions.items():
        count = counted(len(sizes), "version")
        typer.echo(f"{name}: {found.of(name):,} bytes in {count}")
        for version, size in sizes.items():
            typer.echo(f"  {version}: {size:,} bytes")
    if not found.versions:
        typer.echo("No artifact is there." if model is None else f"{model} has no artifact there.")
    elif model is None:
        typer.echo(f"{found.total:,} bytes in all, {found.beside:,} of them logs and checkpoints of runs.")
