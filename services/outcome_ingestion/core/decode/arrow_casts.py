"""A column of an Arrow record in the type that a frame has, whatever type a producer's tool writes.

Polars writes views, pandas large strings and dictionaries, DuckDB decimals and UUIDs: all mean what they
say. What has no one meaning as a category or a number (bytes, lists, structs) is refused with a sentence.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from driftloop.codec.scalars import category_text
from outcome_ingestion.core.decode.timestamps import moments_of
from outcome_ingestion.core.refusal import Refusal, invalid

Refused = dict[int, Refusal]
_UUID_BYTES = 16


def plain(given: pa.Array, name: str) -> pa.Array:
    """The values without what is only a way to store them: dictionaries, views, runs, extensions."""
    kind = given.type
    if isinstance(kind, pa.BaseExtensionType):
        return _extension(given, name)
    if kinds.is_dictionary(kind):
        return plain(given.dictionary_decode(), name)
    if kinds.is_run_end_encoded(kind):
        return plain(pc.run_end_decode(given), name)
    if kinds.is_string_view(kind) or kinds.is_large_string(kind):
        return given.cast(pa.string())
    return given


def _extension(given: pa.Array, name: str) -> pa.Array:
    storage = given.storage
    if getattr(given.type, "extension_name", "") == "arrow.uuid":
        return pa.array([None if v is None else str(UUID(bytes=v)) for v in storage.to_pylist()], pa.string())
    return plain(storage, name)


def moments(given: pa.Array, kind: pa.DataType, name: str, refused: Refused) -> pa.Array:
    """Times; those without a zone are in UTC, texts are read as in JSON."""
    if kinds.is_string(given.type):
        read, wrong = moments_of(given, name)
        refused |= wrong
        return read
    if not kinds.is_timestamp(given.type):
        raise invalid("WrongType", f"the column '{name}' is {given.type}: a time is a timestamp, or a text (RFC 3339)")
    utc = given if given.type.tz else given.cast(pa.timestamp(given.type.unit, tz="UTC"))
    return utc.cast(kind, safe=given.type.unit != "ns")


def categories(given: pa.Array, name: str, refused: Refused) -> pa.Array:
    """Texts that name categories, as JSON's values do; raises `Refusal` for a type that no category is of."""
    spell = _speller(given.type)
    if spell is None:
        said = "text, a number, a truth value, a date or a time"
        raise invalid("WrongType", f"the column '{name}' is {given.type}: a category is {said}")
    if kinds.is_floating(given.type):
        wrong = pc.fill_null(pc.invert(pc.is_finite(given)), False).to_numpy(zero_copy_only=False)  # noqa: FBT003
        for row in wrong.nonzero()[0].tolist():
            refused.setdefault(row, invalid("NotFinite", f"{name} is NaN or infinite; a missing value is null"))
        given = pc.if_else(pa.array(wrong), pa.scalar(None, given.type), given)
    return pa.array([None if v is None else spell(v) for v in given.to_pylist()], pa.string())


def _speller(kind: pa.DataType) -> Callable[[Any], str] | None:
    if kinds.is_boolean(kind) or kinds.is_integer(kind) or kinds.is_float64(kind):
        return category_text
    if kinds.is_float16(kind) or kinds.is_float32(kind):
        short = kind.to_pandas_dtype()
        return lambda value: category_text(float(str(short(value))))
    if kinds.is_decimal(kind):
        return lambda value: category_text(float(value)) if value != value.to_integral_value() else str(int(value))
    if kinds.is_date(kind) or kinds.is_timestamp(kind) or kinds.is_time(kind):
        return lambda value: str(value.isoformat())
    return None
