"""`driftloop bench waiting`: memory and restore of predictions that wait for their labels."""

from typing import Annotated

import typer

from driftloop.tools.cli.figures import Json, finish, say


def waiting(
    json_file: Json = None,
    rows: Annotated[int, typer.Option(min=5_000, help="Predictions without a label.")] = 1_000_000,
) -> None:
    """Memory that waiting predictions take, and the time to restore them from their state entries (no broker)."""
    from driftloop.tools.bench.waiting import bench_waiting

    result = bench_waiting(rows, say)
    taken, restored = result["taken"], result["restored"]
    words = (
        f"{rows:,} waiting: {taken['rss_mb']:,} MB resident ({taken['empty_rss_mb']} MB of it without any row)\n"
        f"restored from {result['changelog_mb']:,} MB in {restored['seconds']} s "
        f"({restored['cpu_seconds']} s of CPU), {restored['rss_mb']:,} MB resident"
    )
    finish(result, json_file, words)
