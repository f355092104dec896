"""Columns of the archive: one table for all models, so features, labels and segments are maps.

`frame_offset` and `frame_row` say where a row first came by: they order a model's rows for ever, a
correction does not move them. `labels_*` and `numbers`/`categories` keep numbers as numbers.
"""

import pyarrow as pa

from driftloop.codec.arrow import COLUMN_TYPES
from driftloop.contracts.outcome_fields import OUTCOME_FIELDS

_NUMBERS = pa.map_(pa.string(), pa.float64())
_TEXTS = pa.map_(pa.string(), pa.string())
ARCHIVED = tuple(field for field in OUTCOME_FIELDS if field.archived)
"""The plain fields of an outcome that the archive keeps, under the same names."""

ARCHIVE_SCHEMA = pa.schema(
    [
        pa.field("model_id", pa.string()),
        pa.field("day", pa.date32()),
        pa.field("frame_partition", pa.int32()),
        pa.field("frame_offset", pa.int64()),
        pa.field("frame_row", pa.int32()),
        pa.field("prediction_id", pa.string()),
        pa.field("event", pa.string()),
        *(pa.field(field.name, COLUMN_TYPES[field.kind]) for field in ARCHIVED),
        pa.field("spec_version", pa.int32()),
        pa.field("numbers", _NUMBERS),
        pa.field("categories", _TEXTS),
        pa.field("predictions", _TEXTS),
        pa.field("labels_number", _NUMBERS),
        pa.field("labels_category", _TEXTS),
        pa.field("segments", _TEXTS),
    ]
)
"""`day` is the day (UTC) of `predicted_at`; a missing feature has no entry in its map."""

PARTITION_BY = ["model_id", "day"]
CORRECTED = (*(field.name for field in ARCHIVED if field.of_label), "labels_number", "labels_category")
"""What a correction replaces."""


def values_of(model_id: str) -> str:
    """The name under which the values of a model's series are kept; no model has such a name.

    >>> values_of("server-cpu")
    'server-cpu/observations'
    """
    return f"{model_id}/observations"


def as_archived(found: pa.Table) -> pa.Table:
    """Rows of a table in today's columns; one that an earlier release did not have is null."""
    lacking = [field for field in ARCHIVE_SCHEMA if field.name not in found.schema.names]
    for field in lacking:
        found = found.append_column(field, pa.nulls(found.num_rows, field.type))
    return found.select(ARCHIVE_SCHEMA.names).cast(ARCHIVE_SCHEMA)


def app_id(partition: int) -> str:
    """The name under which Delta keeps how far a partition of outcome-frames is archived."""
    return f"outcome_archive-{partition}"
