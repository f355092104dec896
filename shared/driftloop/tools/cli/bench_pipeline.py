"""`driftloop bench pipeline`: how old an event is when its frame is there, and how soon the loop answers."""

from typing import Annotated, Any, Literal

import typer

from driftloop.errors import ExitCode, UserError
from driftloop.tools.cli.figures import Json, finish, say

Part = Literal["all", "load", "answers"]


def pipeline(
    json_file: Json = None,
    rows: Annotated[int, typer.Option(min=20_000, help="Events that the ceilings are measured over.")] = 300_000,
    shares: Annotated[str, typer.Option(help="Loads, as shares of ingestion's ceiling.")] = "0.1,0.5,0.9",
    seconds: Annotated[float, typer.Option(min=1, help="Seconds at each load.")] = 30.0,
    models: Annotated[int, typer.Option(min=2, help="Models whose outcomes turn wrong, one after the other.")] = 100,
    runs: Annotated[int, typer.Option(min=2, help="Runs, one after every hundred outcomes of a model.")] = 20,
    part: Annotated[Part, typer.Option(help="Beside a steady load, or how soon the loop answers.")] = "all",
) -> None:
    """Publish to frame and to status beside a steady load of single JSON events; outcomes to drift signal, and to the
    promotion of an incremental model that learnt from them. All p50 and p99."""
    from driftloop.tools.bench.answers import answers_table, bench_answers
    from driftloop.tools.bench.pipeline import bench_pipeline, pipeline_table

    loads = parse_shares(shares)
    result: dict[str, Any] = {}
    tables = []
    if part != "answers":
        result |= bench_pipeline(rows, loads, seconds, say)
        tables.append(pipeline_table(result))
    if part != "load":
        result["answers"] = bench_answers(models, runs, say)
        tables.append(answers_table(result["answers"]))
    finish(result, json_file, "\n".join(tables))


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
