"""How delimited text is laid out: found out from its beginning, so that the reader need not guess.

Each separator and quote is tried on the first records; the one wins that cuts most of them into the
same number of fields, and into the most.
"""

import csv
import re
from collections import Counter
from dataclasses import dataclass, replace
from io import StringIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import _csv

SEPARATORS = (",", ";", "\t", "|")
MOST_RECORDS = 400
_HINT = re.compile(r'\A"?sep=(.)"?\n')
"""Excel's first line that names the separator."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """`skip` lines stand before the header; `comments`: lines that begin with # are no rows."""

    separator: str = ","
    quote: str = '"'
    escape: str = '"'
    skip: int = 0
    comments: bool = False
    fields: int = 1
    lines_in_quotes: bool = False


def dialect_of(sample: str, separator: str | None = None) -> Dialect:
    """The dialect of a text that begins with `sample`.

    >>> dialect_of("a;b\\n1,5;2\\n2,5;3\\n").separator
    ';'
    """
    hint = _HINT.match(sample)
    skip, body = (1, sample[hint.end() :]) if hint else (0, sample)
    if hint and separator is None:
        separator = hint.group(1)
    comments = _has_comments(body)
    quote = _quote(body)
    escape = "\\" if quote and _is_escaped_by_backslash(body, quote) else quote
    candidates = (separator,) if separator else SEPARATORS
    tried = [_tried(body, Dialect(one, quote, escape, comments=comments)) for one in candidates]
    best = max(tried, key=_rating)
    return replace(best[0], skip=best[0].skip + skip)


def records_of(sample: str, dialect: Dialect, most: int = MOST_RECORDS) -> list[list[str]]:
    """The first records of a text, blank lines and comments left out; the last may be cut off."""
    text = "\n".join(sample.split("\n")[dialect.skip :])
    if dialect.comments:
        text = "\n".join(line for line in text.split("\n") if not line.startswith("#"))
    return [record for record, _ in _records(text, dialect, most)]


def _records(text: str, dialect: Dialect, most: int) -> list[tuple[list[str], int]]:
    """Records, and the line on which each begins."""
    found: list[tuple[list[str], int]] = []
    if len(dialect.separator) > 1:
        lines = (line for line in text.split("\n")[:most])
        return [(line.split(dialect.separator), at) for at, line in enumerate(lines) if line]
    reader = _reader(text, dialect)
    begins = 0
    try:
        for record in reader:
            if record:
                found.append((record, begins))
            begins = reader.line_num
            if len(found) >= most:
                break
    except csv.Error:
        return found
    return found


def _reader(text: str, dialect: Dialect) -> "_csv.Reader":
    csv.field_size_limit(1 << 30)
    lines, separator = StringIO(text, newline=""), dialect.separator
    if not dialect.quote:
        return csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE)
    if dialect.escape == "\\":
        return csv.reader(lines, delimiter=separator, quotechar=dialect.quote, escapechar="\\", doublequote=False)
    return csv.reader(lines, delimiter=separator, quotechar=dialect.quote)


def _tried(body: str, dialect: Dialect) -> tuple[Dialect, float]:
    """The dialect with its number of fields and lines to skip, and the share of records that fit it."""
    text = body
    if dialect.comments:
        text = "\n".join("" if line.startswith("#") else line for line in body.split("\n"))
    records = _records(text, dialect, MOST_RECORDS)
    if len(records) > 2:
        records = records[:-1] if len(records) < MOST_RECORDS and not text.endswith("\n") else records
    counts = Counter(len(record) for record, _ in records)
    if not counts:
        return dialect, 0.0
    fields, often = max(counts.items(), key=lambda one: (one[1], one[0]))
    skip = _before_header(records, fields)
    inside = any("\n" in cell for record, _ in records for cell in record)
    after = sum(line >= skip for _, line in records)
    share = often / after
    return replace(dialect, fields=fields, skip=skip, lines_in_quotes=inside), share


def _before_header(records: list[tuple[list[str], int]], fields: int) -> int:
    """Lines before the first record that has as many fields as most have (the very first: one fewer, too)."""
    first, line = records[0]
    if len(first) == fields - 1 and fields > 2:
        return line
    return next(line for record, line in records if len(record) == fields)


def _rating(tried: tuple[Dialect, float]) -> tuple[bool, float, bool, int]:
    dialect, share = tried
    return dialect.fields > 1, round(share, 1), dialect.skip == 0, dialect.fields


def _has_comments(body: str) -> bool:
    """Whether lines with # are comments: at least one, and not every line (a column may begin with #)."""
    lines = [line for line in body.split("\n")[:MOST_RECORDS] if line.strip()]
    marked = [line for line in lines if line.startswith("#")]
    if not marked or len(marked) > len(lines) / 2:
        return False
    plain = Counter(_most_cuts(line) for line in lines if not line.startswith("#"))
    usual = plain.most_common(1)[0][0] if plain else 0
    return any(_most_cuts(line) != usual for line in marked)


def _most_cuts(line: str) -> int:
    return max(line.count(separator) for separator in SEPARATORS)


def _quote(body: str) -> str:
    cells = re.compile(r"(?:^|[,;\t|])\s?'[^'\n]*'(?=[,;\t|]|$)", re.MULTILINE)
    if '"' not in body and len(cells.findall(body)) >= 2:
        return "'"
    return '"'


def _is_escaped_by_backslash(body: str, quote: str) -> bool:
    return re.search(rf"\\{quote}(?![,;\t|\n])", body) is not None and quote * 2 not in body.replace(
        f",{quote * 2}", ""
    )
