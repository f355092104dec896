"""`driftloop archive`: the table of labelled rows, as a person sees it."""

import json
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from driftloop.counted import counted
from driftloop.errors import ExitCode, UserError
from driftloop.tools.cli.connection import DEFAULT_HOME
from driftloop.tools.cli.erase import erase

app = typer.Typer(help="The archive of labelled rows.", no_args_is_help=True)
app.command()(erase)

Uri = Annotated[
    str | None, typer.Option("--archive-uri", help="The Delta table, a folder or an address; else HOME/lake.")
]
HomeFolder = Annotated[Path, typer.Option("--home", help="The folder of driftloop.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@app.command()
def stats(archive_uri: Uri = None, home: HomeFolder = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """Show how many files, rows and bytes there are, and of which days."""
    from driftloop.archive.upkeep import archive_stats

    found = archive_stats(_uri(archive_uri, home))
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=2))
        return
    span = f"{found.first_day} to {found.last_day}" if found.first_day else "no days"
    typer.echo(
        f"{counted(found.rows, 'row')} in {counted(found.files, 'file')}, {counted(found.bytes, 'byte')}, {span}."
    )
    for model, rows in found.models.items():
        typer.echo(f"{model}: {counted(rows, 'row')}")


@app.command()
def export(
    model_id: Annotated[str, typer.Argument(help="The model whose rows are written.")],
    folder: Annotated[Path, typer.Argument(help="Where the files go, one a day.")],
    first: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day (UTC).")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day (UTC).")] = None,
    form: Annotated[str, typer.Option("--format", help="parquet or csv.")] = "parquet",
    archive_uri: Uri = None,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Write a model's labelled rows as a file a day; `driftloop replay` and `backtest` read them."""
    from driftloop.archive.upkeep import Days, export_days

    if form not in ("parquet", "csv"):
        raise UserError(f"--format is parquet or csv, not {form}.", ExitCode.USAGE)
    days = Days(_day(first), _day(last))
    written = export_days(_uri(archive_uri, home), model_id, folder, days, "csv" if form == "csv" else "parquet")
    for name, rows in written.items():
        typer.echo(f"{folder / name}: {counted(rows, 'row')}")


@app.command()
def prune(
    before: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Days before this one (UTC) are dropped.")],
    safety_hours: Annotated[int, typer.Option(min=0, help="How long dropped files stay for who reads them now.")] = 24,
    archive_uri: Uri = None,
    home: HomeFolder = DEFAULT_HOME,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this nothing is changed.")] = False,
) -> None:
    """Drop the rows of old days for good: no run learns from them again."""
    from driftloop.archive.upkeep import archive_stats, prune_days

    uri, day = _uri(archive_uri, home), before.date()
    found = archive_stats(uri)
    if not yes:
        typer.echo(
            f"{uri} has {counted(found.rows, 'row')}, the oldest of {found.first_day}; with --yes all before {day} are "
            "dropped."
        )
        return
    typer.echo(f"{prune_days(uri, day, safety_hours=safety_hours):,} rows of days before {day} were dropped.")


def _uri(archive_uri: str | None, home: Path) -> str:
    return archive_uri or str(home / "lake")


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()
