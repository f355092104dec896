"""Text to times, a column at once."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pyarrow as pa

from driftloop.codec.time_words import how_to_write
from outcome_ingestion.core.refusal import Refusal, invalid

MOMENT = pa.timestamp("us", tz="UTC")
EARLIEST_US = int(datetime(1990, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
LATEST_US = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def parse_moments(texts: Sequence[str | int | None], name: str) -> tuple[pa.Array, dict[int, Refusal]]:
    """A column of RFC 3339 times with an offset, and the rows where the text is none (null there).

    Encodings that have times of their own give microseconds since 1970, in all rows.

    >>> parse_moments(["2026-01-01T00:00:00Z", "noon"], "predicted_at")[1][1].sentence
    "predicted_at 'noon' is no time with an offset (RFC 3339)"
    """
    if type(next((text for text in texts if text is not None), None)) is int:
        return pa.array(texts, pa.int64()).cast(MOMENT), {}
    return moments_of(pa.array(texts, pa.string()), name)


def moments_of(texts: pa.StringArray, name: str) -> tuple[pa.Array, dict[int, Refusal]]:
    """The same of a column of texts."""
    try:
        return texts.cast(MOMENT), {}
    except pa.ArrowInvalid:
        refusals: dict[int, Refusal] = {}
        values = [_one(text, row, name, refusals) for row, text in enumerate(texts.to_pylist())]
        return pa.array(values, pa.int64()).cast(MOMENT), refusals


def _one(text: str | None, row: int, name: str, refusals: dict[int, Refusal]) -> int | None:
    """Microseconds since 1970 of one time; what Arrow reads in a whole column is read here too."""
    if text is None:
        return None
    try:
        return _strictly(text)
    except (msgspec.ValidationError, OverflowError, ValueError):
        return _as_arrow(text, row, name, refusals)


def _strictly(text: str) -> int:
    moment = msgspec.convert(text, datetime)
    if moment.tzinfo is None:
        raise ValueError("a time needs an offset")
    return (moment - _EPOCH) // _MICROSECOND


def _as_arrow(text: str, row: int, name: str, refusals: dict[int, Refusal]) -> int | None:
    try:
        return int(pa.scalar(text).cast(MOMENT).cast(pa.int64()).as_py())
    except pa.ArrowInvalid:
        how = how_to_write(text)
        said = f"{name} {text[:60]!r} is no time with an offset (RFC 3339){f': {how}' if how else ''}"
        refusals[row] = invalid("BadTime", said)
        return None


def text_of(microseconds: int, name: str) -> str:
    """A time as text; raises `Refusal` for one that no calendar has.

    >>> text_of(0, "labelled_at")
    '1970-01-01T00:00:00+00:00'
    """
    try:
        return (_EPOCH + timedelta(microseconds=microseconds)).isoformat()
    except OverflowError as error:
        raise invalid("TimeOutOfRange", f"{name} is not between 1990 and 2100") from error


def microseconds_of(text: str, name: str) -> int:
    """One time in microseconds since 1970; raises `Refusal`."""
    refusals: dict[int, Refusal] = {}
    value = _one(text, 0, name, refusals)
    if value is None:
        raise refusals[0]
    return value


def check_moment(value: int, name: str, latest: int) -> None:
    """Refuse a time before 1990, from 2100 on, or after `latest`."""
    if not EARLIEST_US <= value < LATEST_US:
        raise invalid("TimeOutOfRange", f"{name} is not between 1990 and 2100")
    if value > latest:
        raise invalid("TimeInFuture", f"{name} is far after the time of its record")
