"""`driftloop bench waiting`: memory and restore of predictions that wait for their labels."""

import json
from pathlib import Path
from typing import Annotated

import typer


def waiting(
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here.")] = None,
    rows: Annotated[int, typer.Option(min=5_000, help="Predictions without a label.")] = 1_000_000,
) -> None:
    """Memory that waiting predictions take, and the time to restore them from their state entries (no broker)."""
    from driftloop.bench.waiting import bench_waiting

    result = bench_waiting(rows, lambda words: typer.echo(f"… {words}", err=True))
    if json_file is not None:
        json_file.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    taken, restored = result["taken"], result["restored"]
    typer.echo(f"{rows:,} waiting: {taken['rss_mb']:,} MB resident ({taken['empty_rss_mb']} MB of it without any row)")
    typer.echo(
        f"restored from {result['changelog_mb']:,} MB in {restored['seconds']} s "
        f"({restored['cpu_seconds']} s of CPU), {restored['rss_mb']:,} MB resident"
    )
