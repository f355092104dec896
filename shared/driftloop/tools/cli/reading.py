"""Options of every command that reads a recorded file: how it is written, and what its columns are."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from driftloop.tools.replay.archived import Archived

_FILE, _COLUMNS = "How the file is written (default: detected)", "What its columns are (default: inferred)"

Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="csv, jsonl, json, parquet, feather; or a server's log: sagemaker, azureml, databricks, vertex, bentoml.",
        rich_help_panel=_FILE,
    ),
]
Separator = Annotated[
    str | None, typer.Option(help="A character, or comma, semicolon, tab, pipe.", rich_help_panel=_FILE)
]
Decimal = Annotated[str | None, typer.Option(help="A point or a comma.", rich_help_panel=_FILE)]
Encoding = Annotated[str | None, typer.Option(help="utf-8, utf-16, cp1252, …", rich_help_panel=_FILE)]
HeaderOption = Annotated[
    bool | None,
    typer.Option("--header/--no-header", help="Whether the first line names columns.", rich_help_panel=_FILE),
]
RowsOption = Annotated[
    int | None, typer.Option("--rows", min=1, help="Read the first so many rows.", rich_help_panel=_FILE)
]
Sample = Annotated[
    int | None, typer.Option(min=1, help="Keep so many rows, evenly spread over the file.", rich_help_panel=_FILE)
]
Labels = Annotated[
    str | None,
    typer.Option(
        help="Where the labels of a server's log lie, if not in it (columns id, label).", rich_help_panel=_FILE
    ),
]
Since = Annotated[
    datetime | None,
    typer.Option(
        help="Instead of a file, a model: its archived rows from this day on, in UTC.",
        rich_help_panel="From the archive",
    ),
]
ArchiveUri = Annotated[
    str | None,
    typer.Option(help="Where the archive lies. Default: in --home.", rich_help_panel="From the archive"),
]
Without = Annotated[list[str] | None, typer.Option(help="Columns to leave out, by comma.", rich_help_panel=_COLUMNS)]
Ids = Annotated[list[str] | None, typer.Option("--id", help="Columns that name rows.", rich_help_panel=_COLUMNS)]
Time = Annotated[
    str | None,
    typer.Option(help="The column that tells when a row happened; none: keep the order.", rich_help_panel=_COLUMNS),
]
Categories = Annotated[
    list[str] | None,
    typer.Option("--category", help="Columns of numbers that are names, by comma.", rich_help_panel=_COLUMNS),
]


def archived(since: datetime | None, archive_uri: str | None, rows: int | None, home: Path) -> "Archived | None":
    """The archive, where `--since` or `--archive-uri` asks for it instead of a file."""
    if since is None and archive_uri is None:
        return None
    from driftloop.tools.local.home import Home
    from driftloop.tools.replay.archived import Archived

    begin = None if since is None else since.replace(tzinfo=UTC) if since.tzinfo is None else since
    return Archived(archive_uri or str(Home(home).lake), begin, rows)
