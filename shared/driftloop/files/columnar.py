"""Parquet and Feather (Arrow IPC), with their own types."""

from typing import IO, Any

import pyarrow as pa

from driftloop.errors import ExitCode, UserError

FEATHER_MAGIC, PARQUET_MAGIC = b"ARROW1", b"PAR1"


def columnar_format(head: bytes) -> str | None:
    """`parquet` or `feather` where a file begins as one."""
    if head.startswith(PARQUET_MAGIC):
        return "parquet"
    return "feather" if head.startswith(FEATHER_MAGIC) else None


def read_columnar(file: IO[bytes], name: str, form: str, rows: int | None) -> pa.Table:
    """The whole table, or its first `rows`; raises UserError where it is broken."""
    from pyarrow import feather, parquet

    try:
        if form == "feather":
            table = feather.read_table(file)
            return table if rows is None else table.slice(0, rows)
        if rows is None:
            return parquet.read_table(file)
        return _first_rows(parquet.ParquetFile(file), rows)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{name} is broken: it cannot be read as {form.capitalize()}.", ExitCode.USAGE) from error


def _first_rows(file: Any, rows: int) -> pa.Table:
    batches, left = [], rows
    for batch in file.iter_batches(batch_size=min(65_536, max(1, rows))):
        batches.append(batch.slice(0, left))
        left -= batches[-1].num_rows
        if left <= 0:
            break
    return pa.Table.from_batches(batches, schema=file.schema_arrow)
