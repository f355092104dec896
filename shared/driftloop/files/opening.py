"""`open_table`: from an address to typed columns."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from driftloop.files.arrow_types import plain
from driftloop.files.columns import Typed, cleaned, file_decimal, typed, typed_numbers
from driftloop.files.description import FileDescription
from driftloop.files.duck import connect
from driftloop.files.named.reading import read_named
from driftloop.files.numbers import Decimal
from driftloop.files.options import FileOptions, Named
from driftloop.files.parts import Part, read_parts, together
from driftloop.files.sources import find_sources
from driftloop.files.table import Table

_DEFAULT = FileOptions()


def open_table(source: str | Path, options: FileOptions = _DEFAULT) -> Table:
    """The whole table at a path or URL: a file, packed or not, or a folder or pattern of files of one shape.

    Raises `UserError`, one sentence without a value of the file, where it is not there (4) or is no table (2).
    The table is held in memory; `options.rows` and `options.sample` make it smaller.
    """
    address = str(source)
    if options.named is not None:
        return _open_named(address, options.named, options)
    sources = find_sources(address)
    parts = read_parts(sources, options)
    name = sources[0].name if len(sources) == 1 else Path(address.rstrip("/")).name
    written = together(parts, name)
    rows = written.num_rows
    data, decimal, unread, notes = _typed(_sampled(written, options.sample), parts[0], options)
    description = FileDescription(
        name=name,
        format=parts[0].format,
        separator=parts[0].separator,
        decimal=decimal if parts[0].format == "csv" else None,
        encoding=parts[0].encoding,
        packing=parts[0].packing,
        rows=data.num_rows,
        columns=data.num_columns,
        rows_in_file=rows,
        files=len(parts),
        notes=(*dict.fromkeys(note for part in parts for note in part.notes), *notes),
        unread=unread,
    )
    return Table(data, description)


def _open_named(address: str, form: Named, options: FileOptions) -> Table:
    """The log of a model server as a table with a row a prediction."""
    log = read_named(address, form, options.labels, lambda labels: open_table(labels).data)
    written = log.data if options.rows is None else log.data.slice(0, options.rows)
    data = _sampled(written, options.sample)
    description = FileDescription(
        name=Path(address.rstrip("/")).name,
        format=form,
        separator=None,
        decimal=None,
        encoding=None,
        packing=None,
        rows=data.num_rows,
        columns=data.num_columns,
        rows_in_file=written.num_rows,
        files=log.files,
        notes=log.notes,
    )
    return Table(pa.table({name: data.column(name) for name in data.column_names}), description)


def _typed(
    data: pa.Table, part: Part, options: FileOptions
) -> tuple[pa.Table, Decimal, tuple[str, ...], tuple[str, ...]]:
    """The columns with their meaning, the decimal sign, columns that are not read, and what was odd.

    Texts are let go one by one, so that memory holds few of them twice.
    """
    columns = _columns(data)
    texts = [column for column in columns.values() if column is not None and pa.types.is_string(column.type)]
    decimal = options.decimal or file_decimal(texts, part.separator)
    del texts
    found: dict[str, pa.ChunkedArray] = {}
    notes: list[str] = []
    unread = tuple(name for name, column in columns.items() if column is None)
    with connect() as connection:
        for name in list(columns):
            column = columns.pop(name)
            if column is None:
                notes.append(f"{name} holds lists or bytes and is not read.")
                continue
            if pa.types.is_string(column.type):
                one = typed(name, column, decimal, connection, day_first=_day_first(decimal, part))
            elif pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
                one = typed_numbers(name, column)
            else:
                one = Typed(column)
            found[name] = one.values
            notes += one.notes
    return pa.table(found), decimal, unread, tuple(notes)


def _columns(data: pa.Table) -> dict[str, pa.ChunkedArray | None]:
    columns = {name: plain(data.column(place)) for place, name in enumerate(data.column_names)}
    return {
        name: cleaned(column) if column is not None and pa.types.is_string(column.type) else column
        for name, column in columns.items()
    }


def _day_first(decimal: Decimal, part: Part) -> bool:
    """Where people write a decimal comma or a semicolon, they write the day first."""
    return decimal == "," or part.separator == ";"


def _sampled(data: pa.Table, sample: int | None) -> pa.Table:
    """So many rows, evenly spread, in their order."""
    if sample is None or sample >= data.num_rows:
        return data
    places = np.linspace(0, data.num_rows - 1, sample).round().astype(np.int64)
    return data.take(pa.array(np.unique(places)))
