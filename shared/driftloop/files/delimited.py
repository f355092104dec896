"""Delimited text as columns of text; what the texts mean is for `columns` to say."""

import re
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from driftloop.errors import ExitCode, UserError
from driftloop.files.dialect import Dialect, dialect_of, records_of
from driftloop.files.duck import UnreadableError, answer
from driftloop.files.faults import NoRowsError
from driftloop.files.header import Header, header_of
from driftloop.files.options import FileOptions
from driftloop.files.spool import Spooled

MISSING_WORDS = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "<NA>", "#N/A", "#NA", "#NULL!")
"""Missing in every column, where they are not quoted."""
END = "driftloop: this is the end"
LONGEST_LINE = 1 << 28
_QUERY = (
    "SELECT * FROM read_csv($path, auto_detect = false, columns = $columns, delim = $separator, quote = $quote, "
    "escape = $escape, header = $header, skip = $skip, nullstr = $missing, allow_quoted_nulls = false, "
    "strict_mode = true, new_line = '\\n', parallel = $parallel"
)


@dataclass(frozen=True, slots=True)
class TextTable:
    """`data` has columns of text only."""

    data: pa.Table
    dialect: Dialect
    notes: tuple[str, ...]


def read_delimited(spooled: Spooled, name: str, options: FileOptions) -> TextTable:
    """The rows of a spooled text; raises UserError, without a value of the file, where it is no table."""
    if not spooled.sample.strip():
        raise UserError(f"{name} cannot be read as CSV: it is empty.", ExitCode.USAGE)
    dialect = dialect_of(spooled.sample, options.separator)
    records = records_of(spooled.sample, dialect)
    if not records:
        raise UserError(f"{name} cannot be read as CSV: it has no rows.", ExitCode.USAGE)
    header = header_of(records, dialect.fields if len(records) > 1 else len(records[0]), options.header)
    path = _without_comments(spooled.path, dialect) if dialect.comments else spooled.path
    _close(path, dialect, len(header.names))
    data = _query(path, name, dialect, header, options.rows)
    if data.num_rows == 0:
        raise NoRowsError(f"{name} has a header and no rows.", ExitCode.USAGE)
    notes = header.notes
    if dialect.skip:
        lines = "line stands" if dialect.skip == 1 else f"{dialect.skip} lines stand"
        notes = (f"The first {lines} before the table: left out.", *notes)
    if dialect.comments:
        notes = ("Lines that begin with # are comments.", *notes)
    return TextTable(data, dialect, notes)


def _close(path: Path, dialect: Dialect, fields: int) -> None:
    """Put a row of ours at the end: read without threads, DuckDB leaves out silently what follows an open quote."""
    with path.open("r+b") as text:
        text.seek(-1, 2)
        ended = text.read(1) == b"\n"
        text.write(("" if ended else "\n").encode() + (END + dialect.separator * (fields - 1) + "\n").encode())


def _query(path: Path, name: str, dialect: Dialect, header: Header, rows: int | None) -> pa.Table:
    """The rows; in threads first where no value has a line break, then without, then with room for long lines."""
    attempts = [(True, None), (False, None), (False, LONGEST_LINE)]
    reason = ""
    for parallel, longest in attempts[dialect.lines_in_quotes :]:
        try:
            data = _attempt(path, dialect, header, rows, parallel=parallel, longest=longest)
        except UnreadableError as error:
            reason = reason or _reason(error, dialect, header)
            continue
        if data.num_rows and data.column(0)[data.num_rows - 1].as_py() == END:
            return data.slice(0, data.num_rows - 1)
        if data.num_rows == rows:
            return data
        reason = reason or "a quote is opened that never ends"
    raise UserError(f"{name} cannot be read as CSV: {reason}.", ExitCode.USAGE)


def _attempt(
    path: Path,
    dialect: Dialect,
    header: Header,
    rows: int | None,
    *,
    parallel: bool,
    longest: int | None,
) -> pa.Table:
    query = _QUERY if longest is None else f"{_QUERY}, max_line_size = {longest}, buffer_size = {longest}"
    query += ")" if rows is None else f") LIMIT {int(rows)}"
    words = {
        "path": str(path),
        "columns": {f"c{place}": "VARCHAR" for place in range(len(header.names))},
        "separator": dialect.separator,
        "quote": dialect.quote,
        "escape": dialect.escape,
        "header": header.there,
        "skip": dialect.skip,
        "missing": list(MISSING_WORDS),
        "parallel": parallel,
    }
    return answer(query, words).rename_columns(list(header.names))


def _reason(error: Exception, dialect: Dialect, header: Header) -> str:
    """What is wrong and where, from DuckDB's message, whose own words quote the line."""
    text = str(error)
    line = re.search(r"CSV Error on Line: (\d+)", text)
    where = f"line {line.group(1)} " if line else "a line "
    counted = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", text)
    if counted:
        found = int(counted.group(2))
        return f"{where}has {found} value{'' if found == 1 else 's'}, and the header has {len(header.names)} names"
    if "unterminated quote" in text:
        return f"{where}opens a quote that never ends"
    if "Maximum line size" in text:
        return f"{where}is longer than {LONGEST_LINE >> 20} MiB"
    return f"{where}does not fit: rows are cut at {dialect.separator!r}; name another with --separator"


def _without_comments(path: Path, dialect: Dialect) -> Path:
    """A copy without lines that begin with #, but for those inside quotes."""
    clean, quoted = path.with_suffix(".clean"), False
    with path.open(encoding="utf-8", newline="\n") as rows, clean.open("w", encoding="utf-8", newline="\n") as target:
        for number, line in enumerate(rows):
            if not quoted and number >= dialect.skip and line.startswith("#"):
                continue
            quoted ^= bool(line.count(dialect.quote) % 2)
            target.write(line)
    return clean
