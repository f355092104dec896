"""`driftloop bench ingest`: ingestion as it ships, over the real broker, beside its peers."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from driftloop.errors import UserError
from driftloop.tools.cli.figures import Json, finish, say

_FAUST = ("faust-streaming==0.15.3", "aiokafka[lz4]")


def ingest(
    json_file: Json = None,
    rows: Annotated[int, typer.Option(min=20_000, help="Rows in every encoding.")] = 400_000,
    encodings: Annotated[str, typer.Option(help="Which ones.")] = "json,columns,arrow,avro",
    faust: Annotated[
        Path | None, typer.Option(help="Environment for Faust, made there if it is not; without it Faust is left out.")
    ] = None,
    core: Annotated[bool, typer.Option("--core", help="Only the core, in memory: no broker, no client.")] = False,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of the core of which the best counts.")] = 3,
) -> None:
    """Rows per CPU-second of ingestion by encoding, beside a bare loop, msgspec and Faust."""
    from driftloop.tools.bench.ingest import bench_ingest, ingest_table
    from driftloop.tools.bench.ingest_core import bench_core, core_table

    if core:
        result = bench_core(rows, repeats, say)
    else:
        result = bench_ingest(rows, encodings.split(","), None if faust is None else _faust_python(faust), say)
    finish(result, json_file, core_table(result) if core else ingest_table(result))


def _faust_python(folder: Path) -> Path:
    """The interpreter of an environment that has Faust."""
    python = folder / "bin/python"
    if not python.exists():
        say(f"installing {_FAUST[0]} into {folder}")
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        done = subprocess.run([str(python), "-m", "pip", "install", "--quiet", *_FAUST], check=False)
        if done.returncode:
            raise UserError(f"{_FAUST[0]} did not install into {folder}: remove the folder, or leave --faust out")
    return python
