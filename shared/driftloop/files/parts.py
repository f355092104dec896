"""Each file of a table as it is written, before anything is made of its texts."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from driftloop.errors import ExitCode, UserError
from driftloop.files.arrow_types import flattened
from driftloop.files.columnar import columnar_format, read_columnar
from driftloop.files.delimited import read_delimited
from driftloop.files.faults import NoRowsError
from driftloop.files.header import unique_names
from driftloop.files.merging import alike
from driftloop.files.options import FileOptions
from driftloop.files.packing import unpacked
from driftloop.files.rows_of_json import looks_like_json, read_json
from driftloop.files.sources import Source
from driftloop.files.spool import head_of, spool


@dataclass(frozen=True, slots=True)
class Part:
    """`data` has columns of text where the format is `csv`, else of the format's own types. `name`: of its file."""

    data: pa.Table
    format: str
    name: str
    separator: str | None = None
    encoding: str | None = None
    packing: str | None = None
    notes: tuple[str, ...] = ()


def read_parts(sources: Sequence[Source], options: FileOptions) -> list[Part]:
    """The files in their order, no more of them than `options.rows` asks for.

    Of several, those without rows are passed over: writers leave them behind where a task had nothing to write. Raises
    UserError where one cannot be read, and NoRowsError where none has rows.
    """
    parts: list[Part] = []
    empty: list[NoRowsError] = []
    left = options.rows
    for source in sources:
        try:
            parts.append(_read(source, replace(options, rows=left)))
        except NoRowsError as error:
            empty.append(error)
            continue
        if left is not None:
            left -= parts[-1].data.num_rows
            if left <= 0:
                break
    if not parts:
        raise empty[0]
    if empty:
        note = f"{len(empty):,} of the {len(sources):,} files have no rows: they are passed over."
        parts[0] = replace(parts[0], notes=(*parts[0].notes, note))
    return parts


def together(parts: Sequence[Part], name: str) -> pa.Table:
    """One table of all parts; raises UserError where their columns differ.

    A key that no object of a JSON file has is one whose values are all missing there: writers leave those out.
    """
    if len(parts) == 1:
        return parts[0].data
    all_names = list(dict.fromkeys(column for part in parts for column in part.data.column_names))
    tables = []
    for part in parts:
        data = part.data
        if part.format in ("json", "jsonl") and part.format == parts[0].format:
            for missing in (column for column in all_names if column not in data.column_names):
                data = data.append_column(missing, pa.nulls(data.num_rows))
        if set(data.column_names) != set(all_names) or part.format != parts[0].format:
            other, what = next((one, what) for one in parts if (what := _difference(one, parts[0])))
            raise UserError(
                f"{other.name} {what}, unlike {parts[0].name}: the files of {name} are not one table.", ExitCode.USAGE
            )
        tables.append(data.select(all_names))
    return pa.concat_tables(alike(tables), promote_options="permissive")


def _read(source: Source, options: FileOptions) -> Part:
    head, packing = head_of(source)
    if not head:
        raise NoRowsError(f"{source.name} cannot be read as CSV: it is empty.", ExitCode.USAGE)
    form = options.format or columnar_format(head)
    if form in ("parquet", "feather"):
        with source.opened() as file, unpacked(file, packing, source.name) as inside:
            part = Part(read_columnar(inside, source.name, form, options.rows), form, source.name, packing=packing)
        if not part.data.num_rows:
            raise NoRowsError(f"{source.name} has no rows.", ExitCode.USAGE)
    else:
        part = _read_text(source, form, options)
    return _partitioned(_named(part), source)


def _read_text(source: Source, form: str | None, options: FileOptions) -> Part:
    with tempfile.TemporaryDirectory(prefix="driftloop-") as folder:
        spooled = spool(source, options.encoding, Path(folder))
        form = form or looks_like_json(spooled.sample) or "csv"
        if form in ("json", "jsonl"):
            data = read_json(spooled, source.name, form, options.rows)
            return Part(data, form, source.name, encoding=spooled.encoding, packing=spooled.packing)
        read = read_delimited(spooled, source.name, options)
    return Part(read.data, form, source.name, read.dialect.separator, spooled.encoding, spooled.packing, read.notes)


def _named(part: Part) -> Part:
    """With objects in objects as columns of their own, and no name that is empty or stands twice."""
    part = replace(part, data=flattened(part.data))
    names, notes = unique_names(part.data.column_names)
    if list(names) == part.data.column_names:
        return part
    return replace(part, data=part.data.rename_columns(list(names)), notes=(*part.notes, *notes))


def _partitioned(part: Part, source: Source) -> Part:
    """With the columns that the folders' names hold, and those that the table got after this file was written."""
    data = part.data
    for name, value in source.partition.items():
        if name not in data.column_names:
            data = data.append_column(name, pa.array([value] * data.num_rows, pa.string()))
    for column in source.columns or ():
        if column.name not in data.column_names:
            data = data.append_column(column.name, pa.nulls(data.num_rows, column.type))
    return replace(part, data=data, notes=(*part.notes, *source.notes))


def _difference(part: Part, first: Part) -> str:
    """How a part differs from the first one, in words that follow its file's name; empty where it does not."""
    if part.format != first.format:
        return f"is {part.format} and not {first.format}"
    names, there = part.data.column_names, first.data.column_names
    lacks, more = ([name for name in these if name not in those] for these, those in ((there, names), (names, there)))
    said = [f"{verb} {', '.join(found[:5])}" for verb, found in (("lacks", lacks), ("has", more)) if found]
    return " and ".join(said)
