"""The files that an address names: a path, a folder, a pattern, or a URL that fsspec knows."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa

from driftloop.errors import ExitCode, UserError
from driftloop.files.lakes import LiveFiles, lake_at, live_files, refuse_parts_of_lakes
from driftloop.files.piped import STDIN, Kept, is_on_the_web, is_piped

TABLE_ENDINGS = (
    "csv",
    "tsv",
    "txt",
    "tab",
    "dat",
    "data",
    "json",
    "jsonl",
    "ndjson",
    "parquet",
    "pq",
    "feather",
    "arrow",
    "arrows",
    "ipc",
)
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
"""What Hive, Spark and others write into a folder's name where a partition has no value."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file. `partition` holds what its folders say (`day=2024-01-02/`); None: that it has no value.

    `columns` are those of its table, where a log tells them: those that the file lacks have no values in it.
    `notes` are sentences about that table.
    """

    name: str
    open: Callable[[], IO[bytes]]
    partition: Mapping[str, str | None] = field(default_factory=dict)
    columns: pa.Schema | None = None
    notes: tuple[str, ...] = ()

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """Its bytes; raises UserError where they cannot be had."""
        try:
            with self.open() as file:
                yield file
        except PermissionError as error:
            raise UserError(f"{self.name} may not be read: you lack the permission.", ExitCode.ERROR) from error
        except FileNotFoundError as error:
            raise UserError(
                f"{self.name} is not there any more, or not in the folder whose log names it.", ExitCode.NOT_FOUND
            ) from error


def find_sources(address: str, *, all_files: bool = False) -> tuple[Source, ...]:
    """The files at `address`, in the order of their names (`part-2` before `part-10`); raises UserError without any.

    Of a folder all files are taken that look like tables, or with `all_files` whatever their endings; names that begin
    with `_` or `.` are not. Of a Delta table those that hold rows now, in the order in which they were written.
    `-` is standard input.
    """
    if is_piped(address):
        return (Source("standard input" if address == STDIN else address, Kept(address).open),)
    if is_on_the_web(address):
        return (Source(PurePosixPath(urlsplit(address).path).name, Kept(address).open),)
    try:
        system, path = _system(address)
    except (ImportError, ValueError) as error:
        raise UserError(f"{address} cannot be opened: {_first_line(error)}.", ExitCode.USAGE) from error
    try:
        found, columns, notes = _found(system, address, path, all_files=all_files)
    except PermissionError as error:
        raise UserError(f"{address} may not be read: you lack the permission.", ExitCode.ERROR) from error
    except OSError as error:
        raise UserError(f"{address} cannot be reached: {_first_line(error)}.", ExitCode.ERROR) from error
    return tuple(
        Source(PurePosixPath(one).name, lambda one=one: system.open(one, "rb"), partition, columns, notes)  # type: ignore[misc]
        for one, partition in found
    )


def _system(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it. A file that is there is taken by its name, whatever signs that
    has: `::` and `://` mean something to fsspec."""
    import fsspec

    if _is_local(address):
        return fsspec.filesystem("file"), str(Path(address).absolute())
    system, path = fsspec.core.url_to_fs(address)
    return system, path


def _is_local(address: str) -> bool:
    try:
        return Path(address).exists()
    except (OSError, ValueError):
        return False


def _found(system: Any, address: str, path: str, *, all_files: bool) -> LiveFiles:
    """Each file and what its folders say, and what a log tells of their table."""
    is_folder = system.isdir(path)
    if is_folder and lake_at(system, path) == "Delta":
        return live_files(address, path)
    if is_folder:
        refuse_parts_of_lakes(system, address, path)
    paths = _paths(system, path, all_files=all_files)
    if not paths:
        what = f"{address} holds no table" if is_folder else f"There is no file {address}"
        raise UserError(f"{what}.", ExitCode.NOT_FOUND)
    if len(paths) > 1 and not is_folder:
        refuse_parts_of_lakes(system, address, str(PurePosixPath(paths[0]).parent))
    return LiveFiles([(one, _partition(path, one)) for one in paths])


def _paths(system: Any, path: str, *, all_files: bool) -> list[str]:
    if any(sign in path for sign in "*[?") and not system.exists(path):
        return sorted(system.glob(path), key=_by_number)
    if not system.exists(path):
        return []
    if not system.isdir(path):
        return [path]
    return sorted((one for one in system.find(path) if _is_table(one, path, all_files=all_files)), key=_by_number)


def _by_number(path: str) -> tuple[list[str | int], str]:
    """Names with their numbers by value: Dask, DuckDB and many scripts do not pad them with zeros."""
    parts = re.split(r"([0-9]+)", path)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], path


def _is_table(path: str, folder: str, *, all_files: bool) -> bool:
    inside = PurePosixPath(path).parts[len(PurePosixPath(folder).parts) :]
    hidden = any(part.startswith(("_", ".")) for part in inside)
    endings = [ending.lstrip(".").lower() for ending in PurePosixPath(path).suffixes]
    return not hidden and (all_files or any(ending in TABLE_ENDINGS for ending in endings))


def _partition(folder: str, path: str) -> dict[str, str | None]:
    """What the folders between say; signs that no file's name may have stand there as %3A and the like."""
    inside = PurePosixPath(path).parts[len(PurePosixPath(folder).parts) : -1]
    pairs = (part.split("=", 1) for part in inside if "=" in part)
    return {unquote(name): None if value == _NO_VALUE else unquote(value) for name, value in pairs}


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
