"""JSON as others write it, and its values as those of the contract.

What has no counterpart is refused with the path that holds it.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite, isnan
from typing import Any
from uuid import UUID

import msgspec

from driftloop.codec.time_words import how_to_write
from driftloop.spec.model_source import ModelSource
from outcome_ingestion.core.refusal import Refusal, invalid
from outcome_ingestion.core.translate.debezium import UNAVAILABLE

_MARK = b"\xef\xbb\xbf"
Scalar = float | int | bool | str
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_A_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_EXACT = 2**53
_FIRST_YEAR = 1971
"""Nothing is of 1970: that is a number in another unit, or a time that nobody set."""
_A_COUNT = re.compile(r"\d{9,}(\.\d+)?", re.ASCII)
"""A number since 1970, written as a text; eight digits are a date."""
_A_CALENDAR = re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])[0-5]\d([0-5]\d)?", re.ASCII)
"""Year to minute or second without a sign between: as a number since 1970 it would be a time of 1976 or 2612."""
_MOST_DEPTH = 30


def scalar_of(value: Any, path: str) -> Scalar | None:
    """A value of the contract; NaN is missing. Raises `Refusal`.

    >>> scalar_of(Decimal("0.25"), "amount"), scalar_of(UUID(int=7), "id"), scalar_of(float("nan"), "x")
    (0.25, '00000000-0000-0000-0000-000000000007', None)
    """
    if type(value) is float and isfinite(value):
        return value  # by far the most common, and the costs of a record are those of its values
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        if value == UNAVAILABLE:
            raise invalid("UnavailableValue", f"{path} is an unchanged value that Debezium leaves out: "
                          "set REPLICA IDENTITY FULL on the table")  # fmt: skip
        return value
    if isinstance(value, int | float | Decimal):
        return _number(value, path)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    raise invalid("WrongType", f"{path} is {_kind(value)}, and one value is needed")


def _number(value: float | Decimal, path: str) -> float | int | None:
    if isinstance(value, int):
        if abs(value) <= _EXACT:
            return value
        raise invalid("WrongType", f"{path} is {value}, an integer that a float does not hold: send it as a text")
    found = float(value)
    if isnan(found):
        return None
    if not isfinite(found):
        raise invalid("NotFinite", f"{path} is infinite")
    return found


def flat(value: Any, path: str) -> Iterator[tuple[str, Scalar | None]]:
    """The features in an object, nested ones as `a.b`; raises `Refusal` for lists and bytes.

    >>> dict(flat({"a": {"b": 1}, "c": None}, "features"))
    {'a.b': 1, 'c': None}
    """
    if not isinstance(value, Mapping):
        raise invalid("WrongType", f"{path} is {_kind(value)}, and an object of features is needed")
    yield from _flat(value, path, "", 0)


def named_once(values: Iterable[tuple[str, Any]], path: str) -> dict[str, Any]:
    """The values by their names; raises `Refusal` if a name has two values, since one would be lost.

    >>> named_once([("a", 1), ("b", 2)], "features")
    {'a': 1, 'b': 2}
    """
    given = list(values)
    found = dict(given)
    if len(found) == len(given):
        return found
    twice = next((name for name, value in given if found[name] != value), None)
    if twice is None:  # the same one twice, as a join of tables writes a column
        return found
    raise invalid("NameTwice", f"{path} gives two values for the name '{twice[:100]}', and one is needed")


def _flat(value: Mapping[Any, Any], path: str, prefix: str, depth: int) -> Iterator[tuple[str, Scalar | None]]:
    if depth > _MOST_DEPTH:
        raise invalid("WrongType", f"{path} is nested more than {_MOST_DEPTH} deep")
    for name, one in value.items():
        if type(one) is float and isfinite(one):
            yield prefix + str(name), one
        elif isinstance(one, Mapping):
            yield from _flat(one, path, f"{prefix}{name}.", depth + 1)
        else:
            yield prefix + str(name), scalar_of(one, f"{path}.{prefix}{name}")


def moment_of(value: Any, path: str, source: ModelSource) -> datetime:
    """A time as the source writes it; raises `Refusal`."""
    found = _moment(value, path, source)
    if found.year < _FIRST_YEAR:
        raise invalid("WrongTime", f"{path} is {str(value)[:60]!r}, a time in the year {found.year}: is it set, and do "
                      f"numbers count {source.time_unit} since 1970 (`time_unit`)?")  # fmt: skip
    if found.tzinfo is not None:
        try:
            return found.astimezone(UTC)
        except OverflowError as error:  # the last hours of the year 9999
            raise invalid("WrongTime", f"{path} is no time: {str(value)[:60]!r}") from error
    if source.times_without_zone == "utc":
        return found.replace(tzinfo=UTC)
    raise invalid("TimeWithoutZone", f"{path} is {found.isoformat()}, without a zone: set `times_without_zone: utc` "
                  "if it is UTC")  # fmt: skip


def _moment(value: Any, path: str, source: ModelSource) -> datetime:
    try:
        if isinstance(value, datetime):
            return value
        if isinstance(value, str) and not _is_count(value):
            return datetime.fromisoformat(value)
        if isinstance(value, int | float | Decimal | str) and not isinstance(value, bool):
            units = Decimal(value) if isinstance(value, int | str) else Decimal(str(value))
            return _EPOCH + timedelta(microseconds=int(units * 1_000_000 / _A_SECOND[source.time_unit]))
    except (ArithmeticError, ValueError, OverflowError) as error:
        unit = "" if isinstance(value, str) and not _is_count(value) else f" in {source.time_unit} (`time_unit`)"
        how = how_to_write(value) if isinstance(value, str) else ""
        said = f"{path} is no time{unit}: {str(value)[:60]!r}{f'; {how}' if how else ''}"
        raise invalid("WrongTime", said) from error
    raise invalid("WrongTime", f"{path} is {_kind(value)}, and a time is needed")


def _is_count(text: str) -> bool:
    return bool(_A_COUNT.fullmatch(text)) and not _A_CALENDAR.fullmatch(text)


def text_of(value: Any, path: str) -> str:
    """An id, a version or a segment as text; raises `Refusal` if there is none."""
    if type(value) is int:
        return str(value)  # as it stands, however long
    found = scalar_of(value, path)
    if found is None:
        raise missing(path, "it is null")
    if isinstance(found, bool):
        return "true" if found else "false"
    return str(int(found)) if isinstance(found, float) and found.is_integer() else str(found)


def missing(path: str, why: str) -> Refusal:
    """The refusal of a record in which a needed path gives nothing."""
    return invalid("MissingPath", f"{path}: {why}")


def _kind(value: Any) -> str:
    names = {list: "a list", tuple: "a list", bytes: "bytes", type(None): "null"}
    return names.get(type(value), "an object" if isinstance(value, Mapping) else f"of type {type(value).__name__}")


def read_json(value: bytes) -> Any:
    """The document; NaN and infinities as Python writes them are read. Raises ValueError, RecursionError.

    >>> read_json(b'{"x": NaN}')["x"] != 0
    True
    """
    data = value.removeprefix(_MARK)
    if not data.strip():
        raise ValueError("the value is empty")
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        try:
            return json.loads(data)
        except ValueError:
            shown = data[:20].decode("utf-8", "backslashreplace")
            raise ValueError(f"the value is no JSON ({error}); it begins with {shown!r}") from error
