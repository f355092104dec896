"""`driftloop bench pipeline`: how old an event is when its frame and its status are there."""

from typing import Annotated

import typer

from driftloop.errors import ExitCode, UserError
from driftloop.tools.cli.figures import Json, finish, say


def pipeline(
    json_file: Json = None,
    rows: Annotated[int, typer.Option(min=20_000, help="Events that the ceilings are measured over.")] = 300_000,
    shares: Annotated[str, typer.Option(help="Loads, as shares of ingestion's ceiling.")] = "0.1,0.5,0.9",
    seconds: Annotated[float, typer.Option(min=1, help="Seconds at each load.")] = 30.0,
) -> None:
    """Publish to frame and to status, p50 and p99, beside a steady load of single JSON events."""
    from driftloop.tools.bench.pipeline import bench_pipeline, pipeline_table

    result = bench_pipeline(rows, parse_shares(shares), seconds, say)
    finish(result, json_file, pipeline_table(result))


def parse_shares(text: str) -> list[float]:
    """Shares like 0.1,0.5; raises UserError where one is not in 0 … 1.

    >>> parse_shares("0.1,0.5")
    [0.1, 0.5]
    """
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or not all(0 < share <= 1 for share in found):
        raise UserError(f"--shares takes numbers from 0 to 1 like 0.1,0.5, not {text!r}", ExitCode.USAGE)
    return found
