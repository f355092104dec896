"""`driftloop bench soak`: whether memory grows under a steady load, and what a slow sink does to it."""

from typing import Annotated

import typer

from driftloop.tools.cli.figures import Json, finish, say


def soak(
    json_file: Json = None,
    minutes: Annotated[float, typer.Option(min=0.1, help="How long; the first third warms up.")] = 15.0,
    slow_minutes: Annotated[float, typer.Option(min=0.1, help="How long with a sink ten times too slow.")] = 3.0,
    share: Annotated[float, typer.Option(min=0.01, max=1, help="Load, as a share of ingestion's ceiling.")] = 0.5,
) -> None:
    """Memory of each service by the hour beside a steady load, and the depth of the queue to a slow sink."""
    from driftloop.tools.bench.soak import bench_soak, soak_table

    result = bench_soak(minutes, slow_minutes, share, say)
    finish(result, json_file, soak_table(result))
