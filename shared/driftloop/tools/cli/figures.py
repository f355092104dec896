"""How a benchmark gives its figures: JSON in a file where one is asked for, words for a person, progress beside."""

from pathlib import Path
from typing import Annotated, Any

import typer

from driftloop.tools.cli.outputs import writable, write_json

Json = Annotated[Path | None, typer.Option("--json", callback=writable, help="Write the figures here.")]


def finish(result: dict[str, Any], json_file: Path | None, words: str) -> None:
    """Write the file, its folder made where it is not there, and say the words."""
    if json_file is not None:
        write_json(result, json_file)
    typer.echo(words)


def say(words: str) -> None:
    """How far it is, on stderr."""
    typer.echo(f"… {words}", err=True)
