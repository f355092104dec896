"""The records of a log, file by file: lines of JSON, or rows of Parquet; a line that is none is told as a fault."""

import json
from collections.abc import Iterator, Sequence
from io import TextIOWrapper
from typing import Any

from driftloop.errors import ExitCode, UserError
from driftloop.files.columnar import columnar_format, read_columnar
from driftloop.files.named.joining import Joined
from driftloop.files.packing import unpacked
from driftloop.files.sources import Source
from driftloop.files.spool import head_of

Record = dict[str, Any]


def records_of(sources: Sequence[Source], joined: Joined) -> Iterator[tuple[str, Record]]:
    """Each record, and where it stands."""
    for source in sources:
        head, packing = head_of(source)
        if not head:
            continue
        form = columnar_format(head)
        with source.opened() as file, unpacked(file, packing, source.name) as inside:
            if form is not None:
                table = read_columnar(inside, source.name, form, None)
                for number, row in enumerate(table.to_pylist(), 1):
                    yield f"{source.name}, row {number}", row
                continue
            try:
                yield from _lines(source, TextIOWrapper(inside, encoding="utf-8-sig", errors="replace"), joined)
            except (OSError, EOFError) as error:
                raise UserError(f"{source.name} cannot be read: {error}.", ExitCode.ERROR) from error


def _lines(source: Source, lines: TextIOWrapper, joined: Joined) -> Iterator[tuple[str, Record]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{source.name}, line {number}"
        try:
            record = json.loads(line)
        except ValueError:
            joined.fault("a line that is no JSON", where)
            continue
        if isinstance(record, dict):
            yield where, record
        else:
            joined.fault("a line that is no object", where)
