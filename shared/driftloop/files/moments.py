"""Texts and whole numbers that are dates, times or both, in all usual forms.

A column's forms are found on its first values; DuckDB then reads all of it. Whether `01/02/2024` is in
January or February is decided by the data: by a day above twelve, else by which reading leaves the rows
in order, else by the point between them (day first), and it is said.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import duckdb

MOMENT = pa.timestamp("us", tz="UTC")
TIME_OF_DAY = pa.time64("us")
LOOKED_AT = 500
_MOSTLY = 0.95

_WORD = r"[A-Za-z]{3,9}\.?"
_SHAPE = re.compile(
    r"^(?:(?P<weekday>[A-Za-z]{3,9}),?\s+)?"
    r"(?:(?P<a>\d{1,4})(?P<s1>[-/. ])(?P<b>\d{1,2})(?P=s1)(?P<c>\d{1,4})"
    rf"|(?P<d>\d{{1,2}})(?P<s2>[-/. ]|\. )(?P<month>{_WORD})(?P<s3>[-/. ]|, )(?P<y>\d{{2,4}})"
    rf"|(?P<month2>{_WORD}) (?P<d2>\d{{1,2}})(?P<s4>,? )(?P<y2>\d{{4}})"
    r"|(?P<compact>(?:19|20)\d{6}))"
    r"(?:(?P<join>T|,? +|:|-)?"
    r"(?P<clock>\d{1,2}(?P<cs>[:.])\d{2}(?:(?P=cs)\d{2}(?P<fraction>[.,]\d{1,9})?)?|\d{6}|\d{4})"
    r"(?P<half>\s?[AaPp][Mm])?(?P<zone>Z| ?UTC| ?GMT| ?[+-]\d{2}(?::?\d{2})?)?)?$"
)
_MONTH = re.compile(
    r"^(?:(?P<y>\d{4})[-/](?P<m>\d{1,2})|(?P<m2>\d{1,2})[-/.](?P<y2>\d{4})"
    rf"|(?P<word>{_WORD})[- ](?P<y3>\d{{4}}))$"
)
_CLOCK = re.compile(r"^\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?P<half>\s?[AaPp][Mm])?$")
_SINCE, _UNTIL = 946_684_800, 4_102_444_800
_EPOCHS = (
    (1, 631_152_000, _UNTIL),
    (1_000, _SINCE, _UNTIL),
    (1_000_000, _SINCE, _UNTIL),
    (1_000_000_000, _SINCE, _UNTIL),
)
"""Parts of a second, first and last second that are taken for a moment."""
_NAME_OF_TIME = re.compile(
    r"(?i)(^|[^a-z])(date|datum|day|time|ts|epoch|unix|when|at|created|updated|heure|fecha|data|calday|budat|erdat)"
    r"([^a-z]|$)|(date|time|datum|stamp|zeit)"
)


@dataclass(frozen=True, slots=True)
class Moments:
    """`values` is a timestamp in UTC, or a time of day. `odd` texts count as missing. `assumed`: a sentence."""

    values: pa.ChunkedArray
    odd: int = 0
    order: str | None = None
    assumed: bool = False


def text_moments(texts: pa.ChunkedArray, connection: "duckdb.DuckDBPyConnection", *, day_first: bool) -> Moments | None:
    """A column of text as moments; None where it is none. `day_first` decides where nothing in the data does."""
    first = [text for text in pc.unique(texts.drop_null().slice(0, LOOKED_AT)).to_pylist() if text]
    if not first:
        return None
    if _mostly(_CLOCK.match(text) is not None for text in first):
        return _times_of_day(texts, connection)
    day, month = (_formats(first, day_first=reading) for reading in (True, False))
    if day is None or month is None:
        return None
    if day == month:
        return _all_forms(texts, connection, day, day_first=day_first)
    both = {
        True: _all_forms(texts, connection, day, day_first=True),
        False: _all_forms(texts, connection, month, day_first=False),
    }
    return _decided(both, first, day_first)


def number_moments(numbers: pa.ChunkedArray, name: str) -> pa.ChunkedArray | None:
    """Whole numbers as moments: days as 20240131, or seconds (to nanoseconds) since 1970; None where they are none.

    Seconds must be called a time, or hardly ever fall: any other number may look like them.
    """
    if numbers.null_count == len(numbers) or not (pa.types.is_integer(numbers.type) or _NAME_OF_TIME.search(name)):
        return None
    extremes = pc.min_max(numbers).as_py()
    low, high = extremes["min"], extremes["max"]
    if low >= 19_000_101 and high <= 21_001_231:
        return _compact_days(numbers) if pa.types.is_integer(numbers.type) else None
    for parts, earliest, latest in _EPOCHS:
        if earliest * parts <= low < high <= latest * parts:
            told = _NAME_OF_TIME.search(name) is not None or _hardly_falls(numbers)
            return _since_1970(numbers, parts) if told else None
    return None


def _since_1970(numbers: pa.ChunkedArray, parts: int) -> pa.ChunkedArray:
    if pa.types.is_floating(numbers.type):
        micros = pc.round(pc.multiply(numbers, 1_000_000 / parts))
    elif parts <= 1_000_000:
        micros = pc.multiply(numbers, 1_000_000 // parts)
    else:
        micros = pc.divide(numbers, parts // 1_000_000)
    return micros.cast(pa.int64()).cast(MOMENT)


def _hardly_falls(numbers: pa.ChunkedArray) -> bool:
    whole = numbers.drop_null().combine_chunks()
    if len(whole) < 3:
        return False
    falls = pc.sum(pc.less(whole.slice(1), whole.slice(0, len(whole) - 1))).as_py() or 0
    return bool(falls <= len(whole) / 100)


def _compact_days(numbers: pa.ChunkedArray) -> pa.ChunkedArray | None:
    parsed = pc.strptime(numbers.cast(pa.string()), format="%Y%m%d", unit="us", error_is_null=True)
    if parsed.null_count > numbers.null_count or len(pc.unique(numbers.drop_null())) < 2:
        return None
    return parsed.cast(pa.int64()).cast(MOMENT)


def _times_of_day(texts: pa.ChunkedArray, connection: "duckdb.DuckDBPyConnection") -> Moments | None:
    found = _read(texts, connection, ["%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p"])
    if found is None:
        return None
    since = pc.subtract(found.values.cast(pa.int64()), pa.scalar(-2_208_988_800_000_000))
    return Moments(since.cast(TIME_OF_DAY), found.odd)


def _formats(texts: Sequence[str], *, day_first: bool) -> list[str] | None:
    """The forms of these texts; None where fewer than most are moments."""
    forms = [_format(text, day_first=day_first) for text in texts]
    if not _mostly(form is not None for form in forms):
        return None
    return list(dict.fromkeys(form for form in forms if form is not None))


def _format(text: str, *, day_first: bool) -> str | None:
    month = _MONTH.match(text)
    if month:
        if month["y"]:
            return f"%Y{text[4]}%m"
        return f"%m{text[-5]}%Y" if month["m2"] else f"{_month(month['word'])}{text[-5]}%Y"
    found = _SHAPE.match(text)
    if not found:
        return None
    day = _day_form(found, day_first=day_first)
    if day is None:
        return None
    weekday = found["weekday"]
    if weekday:
        between = text[len(weekday) : text.index(text[len(weekday) :].lstrip(", "), len(weekday))]
        day = f"{'%a' if len(weekday) == 3 else '%A'}{between}{day}"
    return day + _clock_form(found)


def _day_form(found: re.Match[str], *, day_first: bool) -> str | None:
    if found["compact"]:
        return "%Y%m%d" if found["clock"] else None
    if found["month"]:
        year = "%y" if len(found["y"]) == 2 else "%Y"
        return f"%d{found['s2']}{_month(found['month'])}{found['s3']}{year}"
    if found["month2"]:
        return f"{_month(found['month2'])} %d{found['s4']}%Y"
    between, first, last = found["s1"], found["a"], found["c"]
    if len(first) == 4:
        return f"%Y{between}%m{between}%d"
    if len(first) > 2 or len(last) not in (2, 4):
        return None
    year = "%y" if len(last) == 2 else "%Y"
    return f"%d{between}%m{between}{year}" if day_first else f"%m{between}%d{between}{year}"


def _month(word: str) -> str:
    point = "." if word.endswith(".") else ""
    return ("%b" if len(word.rstrip(".")) == 3 else "%B") + point


def _clock_form(found: re.Match[str]) -> str:
    clock = found["clock"]
    if not clock:
        return ""
    hour = "%I" if found["half"] else "%H"
    sign = found["cs"] or ""
    parts = [hour, "%M", "%S"][: 2 + (len(clock.split(sign)) > 2 if sign else len(clock) == 6)]
    text = (found["join"] or "") + sign.join(parts)
    if found["fraction"]:
        text += found["fraction"][0] + ("%f" if len(found["fraction"]) <= 7 else "%n")
    if found["half"]:
        text += " %p" if found["half"][0] == " " else "%p"
    zone = found["zone"]
    if zone:
        text += zone if zone.strip() in ("Z", "UTC", "GMT") else (" " if zone[0] == " " else "") + "%z"
    return text


def _all_forms(
    texts: pa.ChunkedArray, connection: "duckdb.DuckDBPyConnection", forms: Sequence[str], *, day_first: bool
) -> Moments | None:
    """Read by the forms of the first values, and by those of the texts that these do not read.

    Writers leave a fraction of zero out, so that its form may come once in a thousand rows or in a million.
    """
    found = _read(texts, connection, forms)
    if found is None or not found.odd:
        return found
    unread = pc.unique(texts.filter(pc.and_(pc.is_valid(texts), pc.is_null(found.values)))).slice(0, LOOKED_AT)
    more = [_format(text, day_first=day_first) for text in unread.to_pylist()]
    late = [form for form in dict.fromkeys(more) if form is not None and form not in forms]
    return _read(texts, connection, [*forms, *late]) if late else found


def _read(texts: pa.ChunkedArray, connection: "duckdb.DuckDBPyConnection", forms: Sequence[str]) -> Moments | None:
    listed = ", ".join("'" + form.replace("'", "''") + "'" for form in forms)
    rows = pa.table({"text": texts})
    connection.register("texts", rows)
    try:
        read = connection.sql(f"SELECT try_strptime(text, [{listed}]) AS at FROM texts").to_arrow_table()  # noqa: S608
    finally:
        connection.unregister("texts")
    kind = pa.timestamp("us") if read.schema.types[0].tz is None else MOMENT
    values = read.column("at").cast(kind, safe=False)  # nanoseconds are cut off
    there = len(texts) - texts.null_count
    odd = there - (len(values) - values.null_count)
    if there == odd or (odd and there - odd < _MOSTLY * there):
        return None
    return Moments(values.cast(pa.int64()).cast(MOMENT), odd)


def _decided(both: dict[bool, Moments | None], first: Sequence[str], preferred: bool) -> Moments | None:
    day, month = both[True], both[False]
    if day is None or month is None:
        return day or month
    if day.odd != month.odd:
        chosen = day.odd < month.odd
        return Moments(*_parts(both[chosen]), "day" if chosen else "month")
    falls = {side: _falls(found.values) for side, found in ((True, day), (False, month))}
    if falls[True] != falls[False]:
        chosen = falls[True] < falls[False]
    else:
        chosen = preferred or all("." in text for text in first[:10])
    return Moments(*_parts(both[chosen]), "day" if chosen else "month", assumed=True)


def _parts(found: Moments | None) -> tuple[Any, int]:
    assert found is not None
    return found.values, found.odd


def _falls(values: pa.ChunkedArray) -> int:
    whole = values.drop_null().combine_chunks()
    return int(pc.sum(pc.less(whole.slice(1), whole.slice(0, max(0, len(whole) - 1)))).as_py() or 0)


def _mostly(claims: Any) -> bool:
    listed = list(claims)
    return bool(sum(listed) >= _MOSTLY * len(listed))
