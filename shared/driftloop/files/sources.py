"""The files that an address names: a path, a folder, a pattern, or a URL that fsspec knows."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO, Any

from driftloop.errors import ExitCode, UserError

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
    "ipc",
)


@dataclass(frozen=True, slots=True)
class Source:
    """One file. `partition` holds what its folders say (`day=2024-01-02/`)."""

    name: str
    open: Callable[[], IO[bytes]]
    partition: Mapping[str, str] = field(default_factory=dict)

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """Its bytes; raises UserError where they cannot be had."""
        try:
            with self.open() as file:
                yield file
        except PermissionError as error:
            raise UserError(f"{self.name} may not be read: you lack the permission.", ExitCode.ERROR) from error


def find_sources(address: str, *, all_files: bool = False) -> tuple[Source, ...]:
    """The files at `address`, in the order of their names; raises UserError where there are none.

    Of a folder all files are taken that look like tables, or with `all_files` whatever their endings; names that begin
    with `_` or `.` are not.
    """
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise UserError(f"{address} cannot be opened: {_first_line(error)}.", ExitCode.USAGE) from error
    try:
        paths = _paths(system, path, all_files=all_files)
    except PermissionError as error:
        raise UserError(f"{address} may not be read: you lack the permission.", ExitCode.ERROR) from error
    except OSError as error:
        raise UserError(f"{address} cannot be reached: {_first_line(error)}.", ExitCode.ERROR) from error
    if not paths:
        raise UserError(f"There is no file {address}.", ExitCode.NOT_FOUND)
    return tuple(
        Source(PurePosixPath(one).name, lambda one=one: system.open(one, "rb"), _partition(path, one))  # type: ignore[misc]
        for one in paths
    )


def _paths(system: Any, path: str, *, all_files: bool) -> list[str]:
    if any(sign in path for sign in "*[?") and not system.exists(path):
        return sorted(system.glob(path))
    if not system.exists(path):
        return []
    if not system.isdir(path):
        return [path]
    return sorted(one for one in system.find(path) if _is_table(one, path, all_files=all_files))


def _is_table(path: str, folder: str, *, all_files: bool) -> bool:
    inside = PurePosixPath(path).parts[len(PurePosixPath(folder).parts) :]
    hidden = any(part.startswith(("_", ".")) for part in inside)
    endings = [ending.lstrip(".").lower() for ending in PurePosixPath(path).suffixes]
    return not hidden and (all_files or any(ending in TABLE_ENDINGS for ending in endings))


def _partition(folder: str, path: str) -> dict[str, str]:
    inside = PurePosixPath(path).parts[len(PurePosixPath(folder).parts) : -1]
    pairs = (part.split("=", 1) for part in inside if "=" in part)
    return {one[0]: one[1] for one in pairs}


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
