"""How to write a time that cannot be read: for the sentence that refuses it.

Some forms are plain to a person and are still not read: the name of a zone says an offset only together with its
rules, and `EST` is the name of several zones.
"""

import re
from collections.abc import Iterable

_BRACKETS = re.compile(r"\[[A-Za-z][\w+\-/]*\]$")
_OFFSET = re.compile(r"(?:Z|[+-]\d{2}:?\d{2})(?=\[)")
_ZONE = re.compile(r"^.*\d:\d{2}\S*\s*(?:(?!AM$|PM$|am$|pm$)[A-Z]{2,5}|[A-Z][a-z]+(?:/[\w+\-]+)+)$")
_FIRST_DAY, _LAST_DAY = 25_569.0, 73_050.0
"""1970-01-01 and 2099-12-31 in days since 1899-12-30, as spreadsheets count them."""
_AS_DATE = (
    "it looks like a day as spreadsheets count them: write it as a date there, 2024-01-31 08:00:00, and export it again"
)
_LOOKED_AT = 100
_LONGEST = 80
"""Characters of a text that may be meant as a time."""


def how_to_write(value: str | float) -> str:
    """What is to be changed about a text or number that is meant to be a time; empty where that is not known.

    >>> how_to_write("2024-01-01T00:00:00+01:00[Europe/Berlin]")
    "leave out the zone's name in brackets: 2024-01-31T08:00:00+01:00"
    >>> how_to_write("2024-01-01 00:00:00 EST")
    "write the zone's offset in place of its name: 2024-01-31T08:00:00-05:00"
    >>> how_to_write("2024-01-01 08:00 America/Argentina/Buenos_Aires")
    "write the zone's offset in place of its name: 2024-01-31T08:00:00-05:00"
    >>> how_to_write("45292.5")
    'it looks like a day as spreadsheets count them: write it as a date there, 2024-01-31 08:00:00, and export it again'
    >>> how_to_write("noon")
    ''
    """
    text = str(value).strip()
    if len(text) > _LONGEST:
        return ""
    if _BRACKETS.search(text):
        if _OFFSET.search(text):
            return "leave out the zone's name in brackets: 2024-01-31T08:00:00+01:00"
        return "write the zone's offset in place of its name: 2024-01-31T08:00:00+01:00"
    if _ZONE.match(text):
        return "write the zone's offset in place of its name: 2024-01-31T08:00:00-05:00"
    return _AS_DATE if _is_serial_day(text) else ""


def _is_serial_day(text: str) -> bool:
    try:
        return _FIRST_DAY <= float(text.replace(",", ".")) <= _LAST_DAY
    except ValueError:
        return False


def how_to_write_all(values: Iterable[str | float | None]) -> str:
    """The same of a column, by its first hundred values: empty where more than a few of them want something else."""
    first = [value for value in values if value is not None][:_LOOKED_AT]
    told = [how_to_write(value) for value in first]
    most = max(set(told), key=told.count, default="")
    return most if told.count(most) >= 0.9 * len(told) else ""
