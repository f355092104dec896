"""`driftloop bench ingest`: the core of ingestion beside bare decoding."""

import json
from pathlib import Path
from typing import Annotated

import typer


def ingest(
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here.")] = None,
    rows: Annotated[int, typer.Option(min=5_000, help="Rows in every encoding.")] = 200_000,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of which the best counts.")] = 3,
) -> None:
    """Rows per CPU-second of ingestion's core by encoding (no broker), beside msgspec and json.loads."""
    from driftloop.bench.ingest import bench_ingest, ingest_table

    result = bench_ingest(rows, repeats, lambda words: typer.echo(f"… {words}", err=True))
    if json_file is not None:
        json_file.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    typer.echo(ingest_table(result))
