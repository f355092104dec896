"""`driftloop bench ingest`: ingestion as it ships, over the real broker, beside its peers."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from driftloop.errors import UserError
from driftloop.tools.cli.figures import Json, finish, say

_PACKAGES = {"faust": ("faust-streaming==0.15.3", "aiokafka[lz4]"), "quix": ("quixstreams==3.28.1",)}


def ingest(
    json_file: Json = None,
    rows: Annotated[int, typer.Option(min=20_000, help="Rows in every encoding.")] = 400_000,
    encodings: Annotated[str, typer.Option(help="Which ones.")] = "json,columns,arrow,avro",
    faust: Annotated[
        Path | None, typer.Option(help="Environment for Faust, made there if it is not; without it Faust is left out.")
    ] = None,
    quix: Annotated[Path | None, typer.Option(help="The same for Quix Streams.")] = None,
    core: Annotated[bool, typer.Option("--core", help="Only the core, in memory: no broker, no client.")] = False,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of the core of which the best counts.")] = 3,
) -> None:
    """Rows per CPU-second of ingestion by encoding, beside a bare loop, msgspec, Faust and Quix Streams."""
    from driftloop.tools.bench.ingest import bench_ingest, ingest_table
    from driftloop.tools.bench.ingest_core import bench_core, core_table

    if core:
        result = bench_core(rows, repeats, say)
    else:
        folders = {name: folder for name, folder in (("faust", faust), ("quix", quix)) if folder is not None}
        pythons = {name: _python_with(_PACKAGES[name], folder) for name, folder in folders.items()}
        result = bench_ingest(rows, encodings.split(","), pythons, say)
    finish(result, json_file, core_table(result) if core else ingest_table(result))


def _python_with(packages: Sequence[str], folder: Path) -> Path:
    """The interpreter of the environment in a folder, made with these packages where it is not there."""
    python = folder / "bin/python"
    if not python.exists():
        say(f"installing {packages[0]} into {folder}")
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        done = subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], check=False)
        if done.returncode:
            raise UserError(f"{packages[0]} did not install into {folder}: remove the folder, or leave its option out")
    return python
