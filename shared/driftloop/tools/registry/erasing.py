"""Rows of golden sets that are to be erased."""

import csv
import io
import os
import shutil
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
from fsspec.implementations.local import LocalFileSystem

from driftloop.archive.erasing import Wanted


@dataclass(frozen=True, slots=True)
class GoldenRows:
    """What a golden set has of the rows; `why_not` where that cannot be told, or not be mended here."""

    uri: str
    rows: int = 0
    rest: bytes = b""
    why_not: str | None = None


def golden_rows(uri: str, wanted: Wanted, ids: Collection[str]) -> GoldenRows:
    """The rows of a golden set that are to be erased, and the file without them. Nothing is written."""
    try:
        with fsspec.open(uri, "rb") as file:
            data: bytes = file.read()
        if uri.lower().endswith((".parquet", ".pq")):
            return _of_parquet(uri, data, wanted, ids)
        if uri.lower().endswith(".csv"):
            return _of_csv(uri, data, wanted, ids)
    except (OSError, ValueError, csv.Error, pa.ArrowException) as error:
        return GoldenRows(uri, why_not=f"it cannot be read: {error}")
    return GoldenRows(uri, why_not="it is neither CSV nor Parquet: look at it yourself")


def write_golden(found: GoldenRows) -> None:
    """The file without the rows, in its place; a process that dies here leaves the old file or the new one, whole."""
    fs, path = fsspec.core.url_to_fs(found.uri)
    is_local = isinstance(fs, LocalFileSystem)
    path = os.path.realpath(path) if is_local else path  # the file that holds them, not a link to it
    part = f"{path}.part"
    fs.pipe_file(part, found.rest)
    if is_local:
        shutil.copymode(path, part)
        os.replace(part, path)  # noqa: PTH105 - fsspec's paths are text
    else:
        fs.mv(part, path)


def _column(names: Sequence[str], wanted: Wanted, ids: Collection[str]) -> tuple[str, Collection[str]] | None:
    """The column that tells whose a row is, and its values that are to go."""
    if wanted.segment is not None:
        name, value = wanted.segment
        own = next((one for one in (f"segment.{name}", name) if one in names), None)
        if own is not None:
            return own, (value,)
    return ("prediction_id", ids) if "prediction_id" in names else None


_NOBODY = "it has no column that tells whose a row is (prediction_id, or the segment's): look at it yourself"


def _of_parquet(uri: str, data: bytes, wanted: Wanted, ids: Collection[str]) -> GoldenRows:
    table = pyarrow.parquet.read_table(pa.BufferReader(data))
    column = _column(table.column_names, wanted, ids)
    if column is None:
        return GoldenRows(uri, why_not=_NOBODY)
    gone = pc.fill_null(pc.is_in(table[column[0]].cast(pa.string()), pa.array(sorted(column[1]), pa.string())), False)  # noqa: FBT003
    rest = pa.BufferOutputStream()
    pyarrow.parquet.write_table(table.filter(pc.invert(gone)), rest)
    return GoldenRows(uri, int(pc.sum(gone).as_py() or 0), rest.getvalue().to_pybytes())


def _of_csv(uri: str, data: bytes, wanted: Wanted, ids: Collection[str]) -> GoldenRows:
    """Lines that stay are kept byte for byte."""
    lines = list(io.StringIO(data.decode("utf-8"), newline=""))
    rows = _with_lines(lines)
    header, first = next(rows, ([], []))
    header = [name.removeprefix("\ufeff") for name in header]
    column = _column(header, wanted, ids)
    if column is None:
        return GoldenRows(uri, why_not=_NOBODY)
    place, kept, gone = header.index(column[0]), [*first], 0
    for row, text in rows:
        if place < len(row) and row[place] in column[1]:
            gone += 1
        else:
            kept += text
    return GoldenRows(uri, gone, "".join(kept).encode())


def _with_lines(lines: list[str]) -> Iterator[tuple[list[str], list[str]]]:
    """Each row with the lines that it stands on; the separator is the one that the first line has most of."""
    first = lines[0] if lines else ""
    reader, begin = csv.reader(lines, delimiter=max(",;\t|", key=first.count)), 0
    for row in reader:
        yield row, lines[begin : reader.line_num]
        begin = reader.line_num
