"""The names of columns: whether a file has them, and what is made of empty and doubled ones."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

_NUMBER = re.compile(r"[-+]?(\d[\d.,' ]*|[.,]\d+)([eE][-+]?\d+)?\s?%?$")
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")
LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class Header:
    """`names` are never empty and never doubled. `there`: the file has them. `notes`: what was changed."""

    names: tuple[str, ...]
    there: bool
    notes: tuple[str, ...] = ()


def header_of(records: Sequence[Sequence[str]], fields: int, forced: bool | None = None) -> Header:
    """The header of a table whose first records are given; `forced` decides whether there is one.

    >>> header_of([["x", "", "x"], ["1", "2", "3"]], 3).names
    ('x', 'column2', 'x_2')
    """
    if not records:
        return Header((), there=False)
    there = forced if forced is not None else _is_header(records[0], records[1 : LOOKED_AT + 1])
    if not there:
        names = tuple(f"column{place}" for place in range(1, fields + 1))
        note = f"The first line is a row, not a header: columns are called column1 to column{fields}."
        return Header(names, there=False, notes=(note,))
    cells = list(records[0])
    notes: list[str] = []
    if len(cells) == fields - 1:
        cells, note = _with_the_missing_one(cells, records[1:])
        notes.append(note)
    named, changes = unique_names(cells)
    return Header(named, there=True, notes=(*notes, *changes))


def unique_names(cells: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names that are neither empty nor doubled, and sentences about those that were.

    >>> unique_names(["a", "a", "a_2"])[0]
    ('a', 'a_3', 'a_2')
    """
    wanted = [" ".join(cell.split()) for cell in cells]
    if wanted and wanted[0].startswith("#"):
        wanted[0] = wanted[0].lstrip("# ")
    taken, names = set(wanted), list[str]()
    empty, doubled = 0, list[str]()
    for place, name in enumerate(wanted, 1):
        chosen = name
        if not name:
            empty += 1
            chosen = _free(f"column{place}", taken)
        elif name in names:
            doubled.append(name)
            chosen = _free(name, taken, 2)
        taken.add(chosen)
        names.append(chosen)
    notes = []
    if empty:
        notes.append(f"{empty} column{'s have' if empty > 1 else ' has'} no name and got one (column1, column2, …).")
    if doubled:
        notes.append(f"Named more than once, so numbered: {', '.join(dict.fromkeys(doubled))}.")
    return tuple(names), tuple(notes)


def _free(name: str, taken: set[str], number: int = 1) -> str:
    candidate = name if number == 1 else f"{name}_{number}"
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate


def _with_the_missing_one(cells: list[str], rows: Sequence[Sequence[str]]) -> tuple[list[str], str]:
    """A header that is one short: each row ends with a separator, or begins with its own name."""
    if all(not row[-1].strip() for row in rows if len(row) == len(cells) + 1):
        return [*cells, ""], "Each row ends with a separator; the empty column behind it counts for nothing."
    return ["row_name", *cells], "The header is one name short: the first column holds the names of rows (row_name)."


def _is_header(first: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """A first record of values is a row: where data are numbers or dates, it has one too.

    Names that are numbers (years, or 0, 1, 2, …) are told by not being repeated below and by being in order.
    """
    if not rows:
        return not any(_is_value(cell) for cell in first)
    filled = [(place, cell.strip()) for place, cell in enumerate(first) if cell.strip()]
    judged = [(cell, _column(rows, place)) for place, cell in filled]
    if any(not _is_value(cell) and _is_of_values(below) for cell, below in judged):
        return True
    valued = [(cell, below) for cell, below in judged if _is_value(cell) and _is_of_values(below)]
    if valued:
        return _counts_up([cell for cell, _ in valued]) and all(_is_value(cell) for cell, _ in judged[1:])
    return not (judged and len(rows) >= 5 and all(cell in below for cell, below in judged))


def _column(rows: Sequence[Sequence[str]], place: int) -> list[str]:
    return [row[place].strip() for row in rows if place < len(row) and row[place].strip()]


def _is_value(cell: str) -> bool:
    text = cell.strip()
    return bool(_NUMBER.match(text) or _DATE.match(text))


def _is_of_values(cells: Sequence[str]) -> bool:
    return bool(cells) and sum(map(_is_value, cells)) >= 0.8 * len(cells)


def _counts_up(cells: Sequence[str]) -> bool:
    if len(cells) < 2 or not all(cell.isdigit() for cell in cells):
        return False
    numbers = [int(cell) for cell in cells]
    return all(after - before == 1 for before, after in pairwise(numbers))
