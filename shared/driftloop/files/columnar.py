"""Parquet and Feather (Arrow IPC, as a file or as a stream), with their own types."""

from typing import IO, Any

import pyarrow as pa

from driftloop.errors import ExitCode, UserError

FEATHER_MAGIC, PARQUET_MAGIC = (b"ARROW1", b"FEA1"), b"PAR1"
_STREAM = b"\xff\xff\xff\xff"
"""Begins each message of an Arrow stream; the first one's length follows, and no text begins so."""


def columnar_format(head: bytes) -> str | None:
    """`parquet` or `feather` where a file begins as one."""
    if head.startswith(PARQUET_MAGIC):
        return "parquet"
    return "feather" if head.startswith((*FEATHER_MAGIC, _STREAM)) else None


def read_columnar(file: IO[bytes], name: str, form: str, rows: int | None) -> pa.Table:
    """The whole table, or its first `rows`; raises UserError where it is broken."""
    from pyarrow import feather, parquet

    try:
        if form == "feather":
            table = _stream(file) if _is_stream(file) else feather.read_table(file)
            return table if rows is None else table.slice(0, rows)
        written = parquet.ParquetFile(file)  # the reader of data sets refuses names that stand twice
        return written.read() if rows is None else _first_rows(written, rows)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{name} is broken: it cannot be read as {form.capitalize()}.", ExitCode.USAGE) from error


def _is_stream(file: IO[bytes]) -> bool:
    begins = file.read(len(_STREAM))
    file.seek(0)
    return begins == _STREAM


def _stream(file: IO[bytes]) -> pa.Table:
    with pa.ipc.open_stream(file) as reader:
        return reader.read_all()


def _first_rows(file: Any, rows: int) -> pa.Table:
    batches, left = [], rows
    for batch in file.iter_batches(batch_size=min(65_536, max(1, rows))):
        batches.append(batch.slice(0, left))
        left -= batches[-1].num_rows
        if left <= 0:
            break
    return pa.Table.from_batches(batches, schema=file.schema_arrow)
