"""Each file of a table as it is written, before anything is made of its texts."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from driftloop.errors import ExitCode, UserError
from driftloop.files.columnar import columnar_format, read_columnar
from driftloop.files.delimited import read_delimited
from driftloop.files.header import unique_names
from driftloop.files.options import FileOptions
from driftloop.files.packing import unpacked
from driftloop.files.rows_of_json import looks_like_json, read_json
from driftloop.files.sources import Source
from driftloop.files.spool import head_of, spool


@dataclass(frozen=True, slots=True)
class Part:
    """`data` has columns of text where the format is `csv`, else of the format's own types."""

    data: pa.Table
    format: str
    separator: str | None = None
    encoding: str | None = None
    packing: str | None = None
    notes: tuple[str, ...] = ()


def read_parts(sources: Sequence[Source], options: FileOptions) -> list[Part]:
    """The files in their order, no more of them than `options.rows` asks for."""
    parts: list[Part] = []
    left = options.rows
    for source in sources:
        parts.append(_read(source, replace(options, rows=left)))
        if left is not None:
            left -= parts[-1].data.num_rows
            if left <= 0:
                break
    return parts


def together(parts: Sequence[Part], sources: Sequence[Source], name: str) -> pa.Table:
    """One table of all parts; raises UserError where their columns differ."""
    first = parts[0].data.column_names
    for part, source in zip(parts, sources, strict=False):
        if set(part.data.column_names) != set(first) or part.format != parts[0].format:
            what = _difference(part.data.column_names, first) or f"is {part.format} and not {parts[0].format}"
            raise UserError(
                f"{source.name} {what}, unlike {sources[0].name}: the files of {name} are not one table.",
                ExitCode.USAGE,
            )
    if len(parts) == 1:
        return parts[0].data
    return pa.concat_tables([part.data.select(first) for part in parts], promote_options="permissive")


def _read(source: Source, options: FileOptions) -> Part:
    head, packing = head_of(source)
    if not head:
        raise UserError(f"{source.name} cannot be read as CSV: it is empty.", ExitCode.USAGE)
    form = options.format or columnar_format(head)
    if form in ("parquet", "feather"):
        with source.opened() as file, unpacked(file, packing, source.name) as inside:
            part = Part(read_columnar(inside, source.name, form, options.rows), form, packing=packing)
    else:
        part = _read_text(source, form, options)
    return _partitioned(_named(part), source)


def _read_text(source: Source, form: str | None, options: FileOptions) -> Part:
    with tempfile.TemporaryDirectory(prefix="driftloop-") as folder:
        spooled = spool(source, options.encoding, Path(folder))
        form = form or looks_like_json(spooled.sample) or "csv"
        if form in ("json", "jsonl"):
            data = read_json(spooled, source.name, form, options.rows)
            return Part(data, form, encoding=spooled.encoding, packing=spooled.packing)
        read = read_delimited(spooled, source.name, options)
    return Part(read.data, form, read.dialect.separator, spooled.encoding, spooled.packing, read.notes)


def _named(part: Part) -> Part:
    names, notes = unique_names(part.data.column_names)
    if list(names) == part.data.column_names:
        return part
    return replace(part, data=part.data.rename_columns(list(names)), notes=(*part.notes, *notes))


def _partitioned(part: Part, source: Source) -> Part:
    """With the columns that the folders' names hold."""
    data = part.data
    for name, value in source.partition.items():
        if name not in data.column_names:
            data = data.append_column(name, pa.array([value] * data.num_rows, pa.string()))
    return replace(part, data=data)


def _difference(names: Sequence[str], first: Sequence[str]) -> str:
    """How columns differ, in words that follow the file's name; empty where they do not."""
    lacks, more = ([name for name in these if name not in those] for these, those in ((first, names), (names, first)))
    said = [f"{verb} {', '.join(found[:5])}" for verb, found in (("lacks", lacks), ("has", more)) if found]
    return " and ".join(said)
