"""`driftloop bench scale`: how costs grow with rows, columns, models, histories, and what else may be many."""

from pathlib import Path
from typing import Annotated

import typer

from driftloop.errors import ExitCode, UserError
from driftloop.tools.cli.figures import Json, finish, say


def scale(
    json_file: Json = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="Write the picture into this folder.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Axes whose names begin so; several may be given.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Few small sizes: does every axis run?")] = False,
    replicas: Annotated[
        str | None, typer.Option(help="Instead: so many replicas over the real broker, on cores of their own: 1,2.")
    ] = None,
    rows: Annotated[int, typer.Option(min=100_000, help="With --replicas: rows through each.")] = 1_000_000,
) -> None:
    """CPU time and memory of the cores at sizes two decades apart, and the exponents that they show."""
    if replicas is not None:
        _replicas(replicas, rows, json_file)
        return
    from driftloop.tools.bench.scale.measure import bench_scale
    from driftloop.tools.bench.scale.report import scale_picture, scale_table

    result = bench_scale(say, quick=quick, only=only or ())
    if plot is not None:
        plot.mkdir(parents=True, exist_ok=True)
        (plot / "scale.svg").write_text(scale_picture(result), encoding="utf-8")
    finish(result, json_file, scale_table(result))


def _replicas(text: str, rows: int, json_file: Path | None) -> None:
    from driftloop.tools.bench.scale.replicas import bench_replicas, replicas_table

    result = bench_replicas(rows, parse_counts(text), say)
    finish(result, json_file, replicas_table(result))


def parse_counts(text: str) -> list[int]:
    """Numbers of replicas like 1,2; raises UserError where one is none.

    >>> parse_counts("1,2")
    [1, 2]
    """
    parts = text.split(",")
    if not all(part.strip().isdecimal() and 1 <= int(part) <= 64 for part in parts):
        raise UserError(f"--replicas takes numbers from 1 to 64 like 1,2, not {text!r}", ExitCode.USAGE)
    return [int(part) for part in parts]
