"""Records that name a key twice: refused, at a price that the hot path does not feel.

A batch that has as many keys in its bytes as its rows have values has none to spare, and that is one
pass over the bytes. Only where there are more than the rows account for (a field of a newer producer,
an odd text, a repeated key) is each record looked at. Not seen is a key that stands there as `null`
first and then with its value.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from driftloop.codec.columns import ColumnBatch
from driftloop.codec.frames import FEATURE, LABEL, PREDICTION
from driftloop.codec.json_keys import keys_in, keys_of, repeated_key
from driftloop.codec.outcomes import LabelRow
from driftloop.contracts.outcome_fields import MAP_FIELDS, OUTCOME_FIELDS
from outcome_ingestion.core.decode.layout import Layout
from outcome_ingestion.core.frames.blocks import present
from outcome_ingestion.core.refusal import Refusal, invalid, undecodable

_REQUIRED = 3 + sum(field.required for field in OUTCOME_FIELDS)
"""`prediction_id`, `model_id`, `predicted_at`, `features`; of a label `model_id` and `labelled_at`."""
_AT_ONCE = 200
"""So many records laid end to end stay in the processor's cache."""
_REQUIRED_OF_LABEL = 1 + sum(field.of_label and field.kind == "moment" for field in OUTCOME_FIELDS)
_OPTIONAL_OF_LABEL = ("prediction_id", "label", "entity", "observed_at", "weight", "rating")
_PLAIN = tuple(field.name for field in OUTCOME_FIELDS if not field.required and field.kind != "choice")


def repeated_in_rows(
    values: Sequence[bytes], rows: Sequence[Any], columns: Mapping[str, pa.Array], layout: Layout
) -> dict[int, Refusal]:
    """The rows whose record names a key twice. `rows` were decoded from `values`, and are `columns` by now."""
    parts = (b"".join(values[start : start + _AT_ONCE]) for start in range(0, len(values), _AT_ONCE))
    spare = sum(map(keys_in, parts)) - _REQUIRED * len(rows) - _values_in(columns, layout)
    if spare:
        together = b"".join(values)
        spare -= together.count(b'":null') + together.count(b'": null') + together.count(b'"label_source":')
        maps = [part for row in rows for name in MAP_FIELDS if (part := getattr(row, name)) is not msgspec.UNSET]
        spare -= len(maps) + sum(map(keys_of, maps))
    if not spare:
        return {}
    found = {row: _refusal(value) for row, value in enumerate(values)}
    return {row: refusal for row, refusal in found.items() if refusal is not None}


def _refusal(value: bytes) -> Refusal | None:
    """Why a record is refused. A decoder that skips what it does not know may have let bad UTF-8 pass there."""
    try:
        name = repeated_key(value)
    except ValueError as error:
        return undecodable(error)
    return None if name is None else repeated(name)


def _values_in(columns: Mapping[str, pa.Array], layout: Layout) -> int:
    """How many keys the values in the columns had at least."""
    names = [name for name in _PLAIN if name in columns] + [FEATURE + name for name in layout.raw]
    found = sum(len(columns[name]) - columns[name].null_count for name in names)
    for prefix in (PREDICTION, LABEL):
        parts = [columns[prefix + name] for name in layout.target]
        given = [len(column) - column.null_count for column in parts]
        found += given[0] if layout.single else sum(given) + _rows_with(parts)
    return int(found)


def _rows_with(parts: Sequence[pa.Array]) -> int:
    """In how many rows one of the columns has a value."""
    return int(np.count_nonzero(np.any([present(column) for column in parts], axis=0)))


def repeated_in_columns(value: bytes, batch: ColumnBatch) -> str | None:
    """The first key that a columnar record names twice, None where there is none; `batch` was decoded from it."""
    known = int(b'"label_source":' in value) - 1
    for part in msgspec.structs.astuple(batch):
        if isinstance(part, dict):
            known += bool(part) + len(part)
        elif isinstance(part, msgspec.Struct):
            known += 1 + sum(column is not None for column in msgspec.structs.astuple(part))
        else:
            known += part is not None
    return None if keys_in(value) == known else repeated_key(value)


def repeated_in_label(value: bytes, row: LabelRow) -> str | None:
    """The first key that a label names twice, None where there is none; `row` was decoded from it.

    Raises ValueError where something that the decoder skipped is no JSON.
    """
    known = (
        _REQUIRED_OF_LABEL
        + sum(getattr(row, name) is not None for name in _OPTIONAL_OF_LABEL)
        + (b'"label_source":' in value)
        + keys_of(row.label)
    )
    return None if keys_in(value) == known else repeated_key(value)


def repeated(name: str) -> Refusal:
    """Why a record with such a key is buried."""
    return invalid("RepeatedKey", f"the key {name[:100]!r} stands there twice: which of the two is meant?")
