"""`driftloop bench`: detection measured beside its peers, on streams that a seed makes."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from driftloop.errors import ExitCode, UserError
from driftloop.tools.cli.figures import Json, finish, say

app = typer.Typer(no_args_is_help=True, help="Measure detection and the data path, beside their peers.")

Plot = Annotated[Path | None, typer.Option("--plot", help="Write pictures into this folder.")]
Seeds = Annotated[int, typer.Option(min=2, help="Streams for each change.")]
Streams = Annotated[Path, typer.Option("--streams", help="Folder of recorded streams; left out where it is not there.")]

RECORDED = Path("../shared/data")
_ELSEWHERE = {
    "ingest": "driftloop.tools.cli.bench_ingest",
    "pipeline": "driftloop.tools.cli.bench_pipeline",
    "soak": "driftloop.tools.cli.bench_soak",
    "waiting": "driftloop.tools.cli.bench_waiting",
    "proof": "driftloop.tools.cli.bench_proof",
    "versus": "driftloop.tools.cli.bench_versus",
    "scale": "driftloop.tools.cli.bench_scale",
}


@app.command()
def detectors(
    json_file: Json = None,
    plot: Plot = None,
    errors: Annotated[Path | None, typer.Option(help="A CSV of your own with a column `error`, in order.")] = None,
    changes: Annotated[str | None, typer.Option(help="Rows of the known changes in --errors: 500 or 500,900.")] = None,
    seeds: Seeds = 100,
    rows: Annotated[int, typer.Option(min=100_000, help="Stationary rows per share of errors.")] = 2_000_000,
    streams: Streams = RECORDED,
) -> None:
    """Delay, misses and false alarms of every detector, beside river's."""
    from driftloop.tools.bench import tables
    from driftloop.tools.bench.detectors import bench_detectors, bench_own_errors
    from driftloop.tools.bench.pictures import write_detector_pictures
    from driftloop.tools.bench.recorded import read_errors

    if errors is not None:
        if changes is None:
            raise UserError(
                "--errors needs --changes: the rows at which its errors changed, like 500,900", ExitCode.USAGE
            )
        values = read_errors(errors)
        result = bench_own_errors(values, _rows_of(changes, len(values)))
        finish(result, json_file, tables.own_table(result))
        return
    if changes is not None:
        raise UserError("--changes goes with --errors", ExitCode.USAGE)
    result = bench_detectors(seeds, rows, streams if streams.is_dir() else None, say)
    parts = [tables.detector_table(result), tables.real_table(result), tables.regression_table(result)]
    if plot is not None:
        write_detector_pictures(result, plot)
    finish(result, json_file, "\n\n".join(parts))


@app.command()
def windows(
    json_file: Json = None,
    plot: Plot = None,
    runs: Annotated[int, typer.Option(min=2, help="Runs for each shift.")] = 200,
    rows: Annotated[int, typer.Option(min=50_000, help="Stationary rows for each kind of column.")] = 500_000,
) -> None:
    """Power, delay and false alarms of the window monitors, beside the rules of the five systems."""
    from driftloop.tools.bench import tables
    from driftloop.tools.bench.pictures import write_bars
    from driftloop.tools.bench.windows import bench_windows

    result = bench_windows(runs, rows, say)
    if plot is not None:
        delays = {name: one["100"]["delay"] or 0.0 for name, one in result["shifts"].items()}
        write_bars(delays, "mean delay in rows, 100 columns", plot / "windows-delay.svg")
    finish(result, json_file, tables.windows_table(result))


@app.command()
def budget(
    json_file: Json = None,
    plot: Plot = None,
    runs: Annotated[int, typer.Option(min=20, help="Shifts that are looked for.")] = 40,
    quiet: Annotated[int, typer.Option(min=10_000, help="Rows of the longest quiet stretch.")] = 1_000_000,
    seeds: Seeds = 100,
) -> None:
    """A constant level over time beside online FDR, and what fewer false alarms cost in delay."""
    from driftloop.tools.bench import tables
    from driftloop.tools.bench.budget import bench_budget
    from driftloop.tools.bench.pictures import write_bars

    result = bench_budget(quiet, runs, seeds, say)
    if plot is not None:
        delays = {rate: one["delay"]["0.1->0.15"] for rate, one in result["rates"].items()}
        write_bars(delays, "mean delay in rows by declared rate, 0.1->0.15", plot / "budget-delay.svg")
    finish(result, json_file, tables.budget_table(result))


@app.command()
def readme(
    file: Annotated[Path, typer.Option(help="The file with the marked tables.")] = Path("docs/measurements/index.md"),
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; end with 1 where a table is not current.")
    ] = False,
) -> None:
    """Write the documentation's tables anew from the committed results."""
    from driftloop.tools.bench.readme import with_tables

    if not file.is_file():
        raise UserError(f"there is no file {file}", ExitCode.NOT_FOUND)
    text = file.read_text(encoding="utf-8")
    fresh = with_tables(text)
    if fresh == text:
        typer.echo("all tables are current")
    elif check:
        raise UserError(f"{file} has tables that the results do not give: run `driftloop bench readme`")
    else:
        file.write_text(fresh, encoding="utf-8")
        typer.echo(f"wrote the tables in {file}")


@app.command()
def speed(
    json_file: Json = None,
    plot: Plot = None,
    rows: Annotated[int, typer.Option(min=100_000, help="Rows for each detector.")] = 1_000_000,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of which the best counts.")] = 3,
) -> None:
    """Rows per second and core of every detector, of a report, and of the whole core."""
    from driftloop.tools.bench import tables
    from driftloop.tools.bench.pictures import write_bars
    from driftloop.tools.bench.speed import bench_speed

    result = bench_speed(rows, repeats, say)
    if plot is not None:
        write_bars(result["detectors_rows_per_second"], "rows per second and core", plot / "speed-detectors.svg")
    finish(result, json_file, tables.flat_table(result))


def _rows_of(changes: str | None, rows: int) -> list[int]:
    try:
        found = [int(part) for part in (changes or "").split(",") if part.strip()]
    except ValueError:
        raise UserError(f"--changes takes row numbers like 500,900, not {changes!r}", ExitCode.USAGE) from None
    if not found or found != sorted(set(found)) or found[0] < 0 or found[-1] >= rows:
        raise UserError(f"--changes takes rising row numbers below {rows}", ExitCode.USAGE)
    return found


for _name, _module in _ELSEWHERE.items():
    if find_spec(_module):
        app.command(_name)(getattr(import_module(_module), _name))
