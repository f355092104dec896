"""One door to DuckDB: a database in memory that installs and loads nothing."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import pyarrow as pa

from driftloop.errors import ExitCode, UserError

if TYPE_CHECKING:
    import duckdb

THREADS = 2


class UnreadableError(Exception):
    """DuckDB's message about a file: it may quote the file, so that it is for finding the reason only."""


def connect() -> "duckdb.DuckDBPyConnection":
    """A connection in memory, to be closed; raises UserError where DuckDB is not installed."""
    connection = _database().cursor()
    connection.execute("SET enable_progress_bar = false")
    return connection


@cache
def _database() -> "duckdb.DuckDBPyConnection":
    """One a process: to make one takes as long as to read a small file."""
    try:
        import duckdb
    except ImportError as error:
        raise UserError("Reading this file needs DuckDB: pip install 'driftloop[files]'.", ExitCode.USAGE) from error
    return duckdb.connect(
        config={
            "threads": THREADS,
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "preserve_insertion_order": "true",
        }
    )


def answer(query: str, words: Mapping[str, object]) -> pa.Table:
    """What a query about a file gives, on its own connection; raises UnreadableError where the file is at fault."""
    import duckdb

    with connect() as connection:
        try:
            return connection.sql(query, params=dict(words)).to_arrow_table()
        except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.IOException) as error:
            raise UnreadableError(str(error)) from None
