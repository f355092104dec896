"""Files that a command writes at its end: tried before its work begins, so that no hour of work ends in an error."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from driftloop.errors import ExitCode, UserError


def writable(path: Path | None) -> Path | None:
    """The path, if a file can be written there; raises UserError with what stands in the way. `-` is stdout.

    A file that is there stays as it is, one that is not is not left behind; its folder is made.
    """
    if path is None or str(path) == "-" or path.is_fifo():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        with path.open("ab"):
            pass
        if is_new:
            path.unlink()
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}.", ExitCode.USAGE) from error
    return path


def write_json(result: Mapping[str, Any], path: Path) -> None:
    """Write what a command found; makes the folder where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


JsonFile = Annotated[Path | None, typer.Option("--json", callback=writable, help="Write the result here.")]
JsonOrStdout = Annotated[
    Path | None, typer.Option("--json", callback=writable, help="Write the result here; - for stdout.")
]
ReportFile = Annotated[Path | None, typer.Option(callback=writable, help="Write a page with pictures here.")]
MarkdownFile = Annotated[Path | None, typer.Option(callback=writable, help="Write the main table as Markdown here.")]
