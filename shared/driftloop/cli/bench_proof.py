"""`driftloop bench proof`: how often the proof of a challenger is wrong, and how many rows it needs."""

import json
from pathlib import Path
from typing import Annotated

import typer


def proof(
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here.")] = None,
    streams: Annotated[int, typer.Option(min=2, help="Null streams of each kind.")] = 1000,
    rows: Annotated[int, typer.Option(min=200, help="Rows of each.")] = 20_000,
    runs: Annotated[int, typer.Option(min=2, help="Runs of each gain and each roll-back.")] = 200,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
) -> None:
    """Promotions of equal challengers beside a peeked z-test, rows to prove a gain, roll-backs."""
    from driftloop.bench.proof import bench_proof, proof_table

    result = bench_proof(streams, rows, runs, jobs, lambda words: typer.echo(f"… {words}", err=True))
    if json_file is not None:
        json_file.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    typer.echo(proof_table(result))
