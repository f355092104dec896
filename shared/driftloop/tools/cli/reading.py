"""Options of every command that reads a recorded file: how it is written, and what its columns are."""

from typing import Annotated

import typer

_FILE, _COLUMNS = "How the file is written (default: detected)", "What its columns are (default: inferred)"

Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="csv, jsonl, json, parquet or feather; or a server's log: sagemaker, azureml, databricks, vertex, bentoml.",
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
    typer.Option(help="Where the labels of a server's log lie, if not in it (columns id, label).", rich_help_panel=_FILE),
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
