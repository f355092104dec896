"""Folders that are tables of a lake: which of their files count is written in a log, not in the folder.

A folder of Delta, Iceberg or Hudi keeps the files of rows that were deleted or replaced. Read as a folder of files,
such rows would count, some of them twice. Delta's log is read; the others are refused with what to do.
"""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

import pyarrow as pa

from driftloop.errors import ExitCode, UserError
from driftloop.files.arrow_types import flattened
from driftloop.files.faults import NoRowsError

if TYPE_CHECKING:
    from deltalake import DeltaTable

_MOST_LEVELS = 8
_REWRITING = frozenset({"OPTIMIZE", "DELETE", "UPDATE", "MERGE"})
"""Operations by which rows that stay get into new files, as Delta's history names them."""
_DEAD = "its folder also holds rows that were deleted or replaced"


def lake_at(system: Any, folder: str) -> str | None:
    """`Delta`, `Iceberg` or `Hudi` where a folder is a table of that kind."""
    if system.isdir(f"{folder}/_delta_log"):
        return "Delta"
    if system.isdir(f"{folder}/.hoodie"):
        return "Hudi"
    if system.isdir(f"{folder}/metadata") and any(
        str(path).endswith(".metadata.json") for path in system.ls(f"{folder}/metadata", detail=False)
    ):
        return "Iceberg"
    return None


def refuse_parts_of_lakes(system: Any, address: str, path: str) -> None:
    """Raise UserError where `path`, one of several files or their folder, lies in a table that keeps dead rows."""
    folder = PurePosixPath(path)
    for _ in range(_MOST_LEVELS):
        kind = lake_at(system, str(folder))
        if kind == "Delta":
            raise UserError(f"{address} is part of a Delta table, and {_DEAD}: name {folder}.", ExitCode.USAGE)
        if kind is not None:
            raise UserError(
                f"{address} is {_article(kind)} {kind} table, and {_DEAD}: export its rows (as Parquet or CSV) and "
                "name that file.",
                ExitCode.USAGE,
            )
        if folder == folder.parent or not (
            "=" in folder.name or folder.name == "data" or folder == PurePosixPath(path)
        ):
            return
        folder = folder.parent


class LiveFiles(NamedTuple):
    """The files of a table that hold rows now, in the order in which they were written, and their partitions.

    `columns` are those of the table, which files written before a column was added lack. `notes` are sentences.
    """

    files: list[tuple[str, Mapping[str, str | None]]]
    columns: pa.Schema | None = None
    notes: tuple[str, ...] = ()


def live_files(address: str, folder: str) -> LiveFiles:
    """Those of a Delta table.

    Raises UserError where the rows of a file cannot be told from the file alone, and where there are none.
    """
    table = _delta(address)
    _refuse_what_files_do_not_say(address, table)
    added = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    if not added:
        raise NoRowsError(f"{address} is a Delta table that has no rows now.", ExitCode.USAGE)
    found: list[tuple[str, Mapping[str, str | None]]] = []
    for one in sorted(added, key=lambda one: (one["modification_time"], one["path"])):
        path = unquote(one["path"])
        partition = {
            name.removeprefix("partition."): None if value is None else str(value)
            for name, value in one.items()
            if name.startswith("partition.")
        }
        found.append((path if "://" in path or path.startswith("/") else f"{folder.rstrip('/')}/{path}", partition))
    columns = flattened(pa.schema(table.schema().to_arrow()).empty_table()).schema
    return LiveFiles(found, columns, _order_of(table, [one["modification_time"] for one in added]))


def _order_of(table: "DeltaTable", written: Sequence[int]) -> tuple[str, ...]:
    """A sentence where rows lie in files that an operation wrote anew; `written`: when the files were, in ms.

    The log tells nothing of the order of rows within such a file: `optimize.compact()` of deltalake 1.6 puts the
    newest rows first, Spark's OPTIMIZE packs files by their sizes. The history reaches further back than what a table
    is opened from, so it can be broken where the table is not.
    """
    from deltalake.exceptions import DeltaError

    try:
        commits = table.history()
    except (DeltaError, OSError, ValueError) as error:
        said = f"The history of this Delta table cannot be read ({str(error).splitlines()[0]})"
        return (f"{said}: if its files were written anew, rows may be out of order, and --time COLUMN sorts them.",)
    before, found = 0, []
    for commit in reversed(commits):
        operation, at = commit.get("operation"), commit.get("timestamp", 0)
        if operation in _REWRITING and any(before <= one <= at for one in written):
            found.append(operation)
        before = max(before, at)
    if not found:
        return ()
    operations = " and ".join(dict.fromkeys(found))
    said = f"{operations} has written rows of this Delta table into new files"
    return (f"{said}, so they may not be in the order in which they came: --time COLUMN sorts them.",)


def _delta(address: str) -> "DeltaTable":
    try:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError
    except ImportError as error:
        raise UserError(
            f"{address} is a Delta table: reading it needs deltalake (pip install deltalake).", ExitCode.USAGE
        ) from error
    try:
        return DeltaTable(address)
    except (DeltaError, OSError, ValueError) as error:
        _, unsupported, what = str(error).partition("Unsupported: ")
        if unsupported:
            raise UserError(
                f"{address} is a Delta table of a make that the installed deltalake does not read ({what}): update "
                "deltalake, or export the table's rows (as Parquet or CSV) and name that file.",
                ExitCode.USAGE,
            ) from error
        raise UserError(
            f"{address} is a Delta table whose log (_delta_log) cannot be read: it is broken or cut off.",
            ExitCode.USAGE,
        ) from error


def _refuse_what_files_do_not_say(address: str, table: "DeltaTable") -> None:
    """Rows that are only marked as deleted, and columns whose names in the files are not theirs."""
    features = table.protocol().reader_features or []
    if "deletionVectors" in features and any(
        batch.num_rows for batch in map(pa.record_batch, table.deletion_vectors())
    ):
        raise UserError(
            f"{address} is a Delta table with rows that are only marked as deleted (deletion vectors): run REORG TABLE "
            "… APPLY (PURGE) on it, or export its rows.",
            ExitCode.USAGE,
        )
    if table.metadata().configuration.get("delta.columnMapping.mode", "none") != "none":
        raise UserError(
            f"{address} is a Delta table whose columns have other names in its files (column mapping): export it.",
            ExitCode.USAGE,
        )


def _article(kind: str) -> str:
    return "an" if kind[0] in "AEIOU" else "a"
