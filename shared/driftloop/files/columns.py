"""What the texts of a column mean: numbers, moments, true and false, or text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from driftloop.files.moments import number_moments, text_moments
from driftloop.files.numbers import (
    Decimal,
    Numbers,
    decimal_evidence,
    finite,
    is_named_by_digits,
    plain_numbers,
    without_missing_words,
    written_numbers,
)

if TYPE_CHECKING:
    import duckdb

JUDGED_ROWS = 10_000
"""Rows that tell a file's decimal sign."""
_UNKNOWN = pa.array(["?", ""])
_BOOLEANS = pa.array(["true", "false"])


@dataclass(frozen=True, slots=True)
class Typed:
    """A column with its meaning, and sentences about what was odd."""

    values: pa.ChunkedArray
    notes: tuple[str, ...] = ()


def cleaned(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts without blanks around them; null where nothing is left, or only a question mark."""
    trimmed = pc.utf8_trim_whitespace(texts)
    missing = pc.is_in(trimmed, value_set=_UNKNOWN)
    return pc.if_else(missing, pa.scalar(None, pa.string()), trimmed) if pc.any(missing).as_py() else trimmed


def file_decimal(columns: Sequence[pa.ChunkedArray], separator: str | None) -> Decimal:
    """The decimal sign of a file, by what its columns prove; where they prove nothing, by its separator."""
    evidence = [decimal_evidence(texts.slice(0, JUDGED_ROWS)) for texts in columns]
    commas, points = evidence.count(","), evidence.count(".")
    if commas != points:
        return "," if commas > points else "."
    return "," if separator == ";" and not points else "."


def typed(
    name: str, texts: pa.ChunkedArray, decimal: Decimal, connection: "duckdb.DuckDBPyConnection", *, day_first: bool
) -> Typed:
    """The meaning of a column of cleaned texts; where it has none, the text itself."""
    if texts.null_count == len(texts):
        return Typed(pa.chunked_array([pa.nulls(len(texts))]))
    if _is_boolean(texts):
        return Typed(pc.utf8_lower(texts).cast(pa.bool_()))
    numbers = _numbers(texts, decimal)
    if numbers is not None and not is_named_by_digits(texts):
        return _number_column(name, numbers)
    return _moments(name, texts, connection, day_first=day_first) or Typed(texts)


def _is_boolean(texts: pa.ChunkedArray) -> bool:
    few = pc.unique(texts.slice(0, JUDGED_ROWS)).drop_null()
    if len(few) > 4 or not pc.all(pc.is_in(pc.utf8_lower(few), value_set=_BOOLEANS)).as_py():
        return False
    return bool(pc.all(pc.is_in(pc.utf8_lower(texts.drop_null()), value_set=_BOOLEANS)).as_py())


def typed_numbers(name: str, values: pa.ChunkedArray) -> Typed:
    """A column that was written as numbers."""
    return _number_column(name, Numbers(values))


def _numbers(texts: pa.ChunkedArray, decimal: Decimal) -> Numbers | None:
    """Numbers, plain ones first, because nearly all are; with a decimal comma a point may part thousands."""
    numbers = _quickly(texts, decimal)
    if numbers is not None:
        return numbers
    there = without_missing_words(texts)
    if there.null_count == len(there):
        return None
    quickly = _quickly(there, decimal) if there.null_count > texts.null_count else None
    return quickly or written_numbers(there, decimal)


def _quickly(texts: pa.ChunkedArray, decimal: Decimal) -> Numbers | None:
    """Numbers without groups of thousands or marks."""
    if decimal == ".":
        plain = plain_numbers(texts)
    elif pc.any(pc.match_substring(texts, ".")).as_py():
        return None
    else:
        plain = plain_numbers(pc.replace_substring(texts, ",", "."))
    return None if plain is None else Numbers(plain)


def _number_column(name: str, numbers: Numbers) -> Typed:
    moments = number_moments(numbers.values, name)
    if moments is not None:
        return Typed(moments)
    usable = finite(numbers)
    notes = []
    if usable.odd:
        notes.append(f"{name}: {usable.odd:,} texts among numbers count as missing.")
    if usable.infinite:
        notes.append(f"{name}: {usable.infinite:,} infinite values count as missing.")
    return Typed(usable.values, tuple(notes))


def _moments(
    name: str, texts: pa.ChunkedArray, connection: "duckdb.DuckDBPyConnection", *, day_first: bool
) -> Typed | None:
    found = text_moments(without_missing_words(texts), connection, day_first=day_first)
    if found is None:
        return None
    notes = []
    if found.order:
        why = "no date proves it" if found.assumed else "by the dates themselves"
        notes.append(f"{name}: dates are read with the {found.order} first ({why}).")
    if found.odd:
        notes.append(f"{name}: {found.odd:,} texts among times count as missing.")
    return Typed(found.values, tuple(notes))
