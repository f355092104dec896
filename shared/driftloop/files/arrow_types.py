"""Any Arrow column as one of the few kinds that a table has."""

import uuid
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from driftloop.files.moments import MOMENT, TIME_OF_DAY

_EXACT = 2**53
"""Beyond, a double does not hold each whole number."""
_UUID = 16


def flattened(table: pa.Table) -> pa.Table:
    """Objects in objects as columns of their own, `outer.inner`."""
    while any(pa.types.is_struct(_stored(kind)) for kind in table.schema.types):
        columns = [_bare(one) if pa.types.is_struct(_stored(one.type)) else one for one in table.columns]
        table = pa.Table.from_arrays(columns, table.column_names).flatten()
    return table


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """The column as int64, float64, bool, string, moment or time of day; None where it is none (lists, bytes)."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return plain(column.cast(kind.value_type))
    if pa.types.is_run_end_encoded(kind):
        return plain(pa.chunked_array([pc.run_end_decode(part) for part in column.chunks], kind.value_type))
    if isinstance(kind, pa.BaseExtensionType):
        return _uuids(_bare(column)) if str(kind.extension_name) == "arrow.uuid" else plain(_bare(column))
    return next((make(column) for fits, make in _KINDS if fits(kind)), None)


def _whole(column: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:
        return column.cast(pa.string())


def _stored(kind: pa.DataType) -> pa.DataType:
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def _bare(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column without the meaning that an extension of Arrow's types gives it."""
    if not isinstance(column.type, pa.BaseExtensionType):
        return column
    return pa.chunked_array([part.storage for part in column.chunks], column.type.storage_type)


def _decimal(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whole where it is declared so (Snowflake's and Oracle's integers), or where a double would not hold its digits:
    ids would become one another. Whole numbers beyond 64 bits are text, as everywhere."""
    rough = column.cast(pa.float64())
    largest = pc.max(pc.abs(rough)).as_py()
    if column.type.scale > 0 and (largest is None or largest < _EXACT):
        return rough
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:
        return column.cast(pa.string()) if column.type.scale <= 0 else rough


def _uuids(column: pa.ChunkedArray) -> pa.ChunkedArray:
    texts = [None if value is None else str(uuid.UUID(bytes=value)) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _bytes(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Text where all of it is text (Hive, Impala and older Sparks do not say so), UUIDs where all have 16 bytes."""
    whole = column.cast(pa.large_binary())
    try:
        texts = whole.cast(pa.large_string()).cast(pa.string())
    except pa.ArrowInvalid:
        return _uuids(column) if pc.all(pc.equal(pc.binary_length(whole), _UUID)).as_py() else None
    return None if pc.any(pc.match_substring(texts, "\0")).as_py() else texts


def _is_bytes(kind: pa.DataType) -> bool:
    fixed = pa.types.is_fixed_size_binary(kind)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or fixed or str(kind) == "binary_view")


def _moment(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Without a zone it is taken for UTC; what no microseconds hold is missing."""
    kind = column.type
    if pa.types.is_date(kind):
        column = column.cast(pa.date32()).cast(pa.timestamp("s"))
    zone = getattr(column.type, "tz", None)
    return column.cast(pa.timestamp("us", tz=zone), safe=False).cast(pa.int64()).cast(MOMENT)


def _seconds(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.divide(column.cast(pa.duration("us"), safe=False).cast(pa.int64()).cast(pa.float64()), 1e6)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or str(kind) == "string_view")


_KINDS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.ChunkedArray], pa.ChunkedArray | None]], ...] = (
    (lambda kind: pa.types.is_null(kind) or pa.types.is_boolean(kind), lambda column: column),
    (pa.types.is_integer, _whole),
    (pa.types.is_floating, lambda column: column.cast(pa.float64())),
    (pa.types.is_decimal, _decimal),
    (lambda kind: pa.types.is_date(kind) or pa.types.is_timestamp(kind), _moment),
    (pa.types.is_time, lambda column: column.cast(TIME_OF_DAY, safe=False)),
    (pa.types.is_duration, _seconds),
    (_is_text, lambda column: column.cast(pa.string())),
    (_is_bytes, _bytes),
)
