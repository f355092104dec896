"""Columnar JSON (`application/vnd.driftloop.columns+json`): many rows of one model in one record.

An object like a `PredictionOutcome` whose fields are lists of one length, one value a row; `null`
where a row has none. `features`, `segment`, `attributes` hold a list for each name; `prediction`,
`label` and each version in `shadow` are a list, or a list for each target field. `model_id` is one
text, and `model_version`, `label_source`, `status` may be one text for all rows. A field that is
left out is missing in every row.

All rows of a record must belong on its partition: a producer groups rows by the partition of their
prediction ids, and gives the record the id of its first row as key.
"""

from types import GenericAlias
from typing import Annotated, Any

import msgspec

from driftloop.codec.outcomes import FieldDef, Id, ShortText, value_type
from driftloop.contracts.outcome_fields import OUTCOME_FIELDS, OutcomeField

Column = list[int | float | bool | str | None]


def column_field(field: OutcomeField) -> FieldDef:
    """The field as a column; a text or a choice may stand once for all rows."""
    kind = value_type(field)
    if field.required:
        return field.name, _list_of(kind)
    if field.kind == "choice":
        return field.name, kind | _list_of(kind), field.default
    column = _list_of(kind | None) | None
    return field.name, (column | str if field.kind == "text" else column), None


def _list_of(kind: Any) -> Any:
    return GenericAlias(list, (kind,))


class _Named(msgspec.Struct, gc=False, kw_only=True, omit_defaults=True):
    model_id: Annotated[str, msgspec.Meta(min_length=1)]
    prediction_id: list[Id]


_COLUMNS: Any = msgspec.defstruct(
    "_Columns", map(column_field, OUTCOME_FIELDS), bases=(_Named,), gc=False, kw_only=True, omit_defaults=True
)


class ColumnBatch(_COLUMNS, gc=False, kw_only=True, omit_defaults=True):  # type: ignore[misc, call-arg]
    """Rows of one model, column by column; the plain fields are those of `OUTCOME_FIELDS`."""

    features: dict[ShortText, Column]
    prediction: Column | dict[ShortText, Column] | None = None
    label: Column | dict[ShortText, Column] | None = None
    segment: dict[ShortText, list[str | None]] = msgspec.field(default_factory=dict)
    shadow: dict[str, Column | dict[ShortText, Column]] = msgspec.field(default_factory=dict)
    attributes: dict[ShortText, list[str | None]] = msgspec.field(default_factory=dict)


class VectorBatch(ColumnBatch, gc=False, kw_only=True, omit_defaults=True):  # type: ignore[call-arg]
    """The same of a model with features of kind vector: a list of numbers stands for the text of one."""

    features: dict[ShortText, list[int | float | bool | str | list[float] | None]]  # type: ignore[assignment]


vector_column_decoder = msgspec.json.Decoder(VectorBatch)
column_decoder = msgspec.json.Decoder(ColumnBatch)
