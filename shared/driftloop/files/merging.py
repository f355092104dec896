"""Columns of the same name that the files of one table hold in several types.

Writers choose a type by what a file happens to hold: text as a dictionary or not, whole numbers or not,
times with a zone or without, nothing at all.
"""

from collections.abc import Sequence

import pyarrow as pa

from driftloop.files.arrow_types import plain

_UNREAD = pa.list_(pa.null())


def alike(tables: Sequence[pa.Table]) -> list[pa.Table]:
    """Tables with the same columns, whose types can be put together; where there is no common one, as text."""
    changed = list(tables)
    for place, name in enumerate(tables[0].column_names):
        if len({table.schema.field(place).type for table in tables}) == 1:
            continue
        for number, column in enumerate(_common([table.column(place) for table in tables])):
            changed[number] = changed[number].set_column(place, name, column)
    return changed


def _common(columns: Sequence[pa.ChunkedArray]) -> list[pa.ChunkedArray]:
    """Columns of one type; as lists, which nobody reads, where one of them holds what is not read."""
    found = [(column, plain(column)) for column in columns]
    read = [known for _, known in found if known is not None]
    if len(read) < len(found):
        return [pa.chunked_array([pa.nulls(len(column), _UNREAD)]) for column in columns]
    kinds = {column.type for column in read if not pa.types.is_null(column.type)}
    one = next(iter(kinds)) if len(kinds) == 1 else _wider(kinds)
    try:
        return [column.cast(one) for column in read]
    except pa.ArrowInvalid:  # a whole number that no double holds
        return [column.cast(pa.string()) for column in read]


def _wider(kinds: set[pa.DataType]) -> pa.DataType:
    """The type that holds the values of all of these."""
    if not kinds:
        return pa.null()
    if all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in kinds):
        return pa.float64()
    if all(pa.types.is_integer(kind) or pa.types.is_boolean(kind) for kind in kinds):
        return pa.int64()
    return pa.string()
