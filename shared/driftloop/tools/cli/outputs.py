"""Files that a command writes at its end: tried before its work begins, so that no hour of work ends in an error."""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from driftloop.errors import ExitCode, UserError

if TYPE_CHECKING:
    from rich.console import Console


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


def refuse_overwriting(read: Iterable[str | None], written: Iterable[Path | None]) -> None:
    """Raise UserError where a result would be written over a file that is read, or over another result."""
    inputs = [path for path in map(Path, filter(None, read)) if _is_there(path)]
    results: list[Path] = []
    for path in written:
        if path is None or str(path) == "-":
            continue
        if any(path.exists() and path.samefile(one) for one in inputs):
            raise UserError(f"{path} is the file that is read: write the result elsewhere.", ExitCode.USAGE)
        if path.resolve() in results and not path.is_char_device():
            raise UserError(f"{path} is named for two results: give each a file of its own.", ExitCode.USAGE)
        results.append(path.resolve())


def _is_there(path: Path) -> bool:
    """Whether a file is there; an address that is no path (too long, a URL) is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def write_json(result: Mapping[str, Any], path: Path) -> None:
    """Write what a command found, `-` on stdout; makes the folder where it is missing."""
    if str(path) == "-":
        sys.stdout.write(json.dumps(result, indent=2) + "\n")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def words_on(json_file: Path | None) -> "Console":
    """Where a command talks: on stderr if its result goes to stdout."""
    from rich.console import Console

    return Console(stderr=str(json_file) == "-")


def _file(path: Path | None) -> Path | None:
    if str(path) == "-":
        raise UserError("A page goes into a file: name one in place of -.", ExitCode.USAGE)
    return writable(path)


JsonFile = Annotated[
    Path | None, typer.Option("--json", callback=writable, help="Write the result here; - for stdout.")
]
ReportFile = Annotated[Path | None, typer.Option(callback=_file, help="Write a page with pictures here.")]
MarkdownFile = Annotated[Path | None, typer.Option(callback=_file, help="Write the main table as Markdown here.")]
