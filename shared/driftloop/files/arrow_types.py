"""Any Arrow column as one of the few kinds that a table has."""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from driftloop.files.moments import MOMENT, TIME_OF_DAY


def flattened(table: pa.Table) -> pa.Table:
    """Objects in objects as columns of their own, `outer.inner`."""
    while any(pa.types.is_struct(kind) for kind in table.schema.types):
        table = table.flatten()
    return table


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """The column as int64, float64, bool, string, moment or time of day; None where it is none (lists, bytes)."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return plain(column.cast(kind.value_type))
    return next((make(column) for fits, make in _KINDS if fits(kind)), None)


def _whole(column: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:
        return column.cast(pa.string())


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


_KINDS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.ChunkedArray], pa.ChunkedArray]], ...] = (
    (lambda kind: pa.types.is_null(kind) or pa.types.is_boolean(kind), lambda column: column),
    (pa.types.is_integer, _whole),
    (lambda kind: pa.types.is_floating(kind) or pa.types.is_decimal(kind), lambda column: column.cast(pa.float64())),
    (lambda kind: pa.types.is_date(kind) or pa.types.is_timestamp(kind), _moment),
    (pa.types.is_time, lambda column: column.cast(TIME_OF_DAY, safe=False)),
    (pa.types.is_duration, _seconds),
    (_is_text, lambda column: column.cast(pa.string())),
)
