"""Delimited text as columns of text; what the texts mean is for `columns` to say."""

import re
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from driftloop.errors import ExitCode, UserError
from driftloop.files.dialect import Dialect, dialect_of, records_of
from driftloop.files.duck import UnreadableError, answer
from driftloop.files.header import Header, header_of
from driftloop.files.options import FileOptions
from driftloop.files.spool import Spooled

MISSING_WORDS = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "<NA>", "#N/A", "#NA", "#NULL!")
"""Missing in every column, where they are not quoted."""
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
    data = _query(path, name, dialect, header, options.rows)
    if data.num_rows == 0:
        raise UserError(f"{name} has a header and no rows.", ExitCode.USAGE)
    notes = header.notes
    if dialect.skip:
        notes = (f"The first {dialect.skip} lines stand before the table and are left out.", *notes)
    if dialect.comments:
        notes = ("Lines that begin with # are comments.", *notes)
    return TextTable(data, dialect, notes)


def _query(path: Path, name: str, dialect: Dialect, header: Header, rows: int | None) -> pa.Table:
    attempts = [(not dialect.lines_in_quotes, None), (False, LONGEST_LINE)]
    places = {f"c{place}": "VARCHAR" for place in range(len(header.names))}
    for parallel, longest in attempts:
        try:
            data = _attempt(path, dialect, header, rows, places, parallel=parallel, longest=longest)
        except UnreadableError as error:
            failure = error
        else:
            return data.rename_columns(list(header.names))
    raise UserError(f"{name} cannot be read as CSV: {_reason(failure, dialect, header)}.", ExitCode.USAGE) from None


def _attempt(
    path: Path,
    dialect: Dialect,
    header: Header,
    rows: int | None,
    places: dict[str, str],
    *,
    parallel: bool,
    longest: int | None,
) -> pa.Table:
    query = _QUERY if longest is None else f"{_QUERY}, max_line_size = {longest}, buffer_size = {longest}"
    query += ")" if rows is None else f") LIMIT {int(rows)}"
    words = {
        "path": str(path),
        "columns": places,
        "separator": dialect.separator,
        "quote": dialect.quote,
        "escape": dialect.escape,
        "header": header.there,
        "skip": dialect.skip,
        "missing": list(MISSING_WORDS),
        "parallel": parallel,
    }
    return answer(query, words)


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
