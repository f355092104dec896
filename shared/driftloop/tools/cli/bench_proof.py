"""`driftloop bench proof`: how often the proof of a challenger is wrong, and how many rows it needs."""

from typing import Annotated

import typer

from driftloop.tools.cli.figures import Json, finish, say


def proof(
    json_file: Json = None,
    streams: Annotated[int, typer.Option(min=2, help="Null streams of each kind.")] = 1000,
    rows: Annotated[int, typer.Option(min=200, help="Rows of each.")] = 20_000,
    runs: Annotated[int, typer.Option(min=2, help="Runs of each gain and each roll-back.")] = 200,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
) -> None:
    """Promotions of equal challengers beside a peeked z-test, rows to prove a gain, roll-backs."""
    from driftloop.tools.bench.proof import bench_proof, proof_table

    result = bench_proof(streams, rows, runs, jobs, say)
    finish(result, json_file, proof_table(result))
