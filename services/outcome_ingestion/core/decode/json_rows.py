"""One JSON record a row: the hot path.

Why a class is generated for each spec: msgspec then reads the features straight into slots, the
row of another model is refused by name, and a column is one call over all rows (`astuple`). A row
that does not fit is read again the patient way, which knows every spelling and says what is wrong;
what that gives is the same class again, so that the columns are made in one manner.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Literal

import msgspec

from driftloop.codec.json_keys import repeated_key
from driftloop.codec.outcomes import (
    DECODE_ERRORS,
    FieldDef,
    Id,
    OutcomeRow,
    ShortText,
    model_decoder,
    outcome_decoder,
    row_field,
)
from driftloop.contracts.outcome_fields import MAP_FIELDS, OUTCOME_FIELDS
from outcome_ingestion.core.decode.fast.json_shapes import learn_row_shape
from outcome_ingestion.core.decode.fast.record_shapes import RecordShape
from outcome_ingestion.core.decode.layout import Layout
from outcome_ingestion.core.decode.typed_columns import TypedColumns
from outcome_ingestion.core.decode.values import fit_feature, fit_target, fit_truths
from outcome_ingestion.core.refusal import Refusal, undecodable, unknown_model

Row = Any
"""An instance of a reader's generated class; its fields are `ROW_FIELDS`."""

_REQUIRED = [row_field(field) for field in OUTCOME_FIELDS if field.required]
_OPTIONAL = [row_field(field) for field in OUTCOME_FIELDS if not field.required]
ROW_FIELDS = (
    "prediction_id", "model_id", *(name for name, *_ in _REQUIRED), "features",
    "prediction", "label", *(name for name, *_ in _OPTIONAL), *MAP_FIELDS,
)  # fmt: skip
_SERIES = list[float | list[float | None] | None]
_SLOTS = {"number": float | None, "category": int | float | str | None, "series": _SERIES | None}
_TARGETS = {"number": float | None, "category": int | float | bool | str | None, "series": _SERIES | None}


class RowReader:
    """Reads rows of one layout. `extra` counts features that no spec names."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.extra_features = 0
        self.features = _features_class(layout)
        self.row = _row_class(layout, self.features)
        self.decode: Callable[[bytes], Row] = msgspec.json.Decoder(self.row).decode

    @cached_property
    def columns(self) -> TypedColumns:
        """For records of many rows: most models never get one, and its class takes as long to make as a row's."""
        return TypedColumns(self.layout)

    def fit(self, row: OutcomeRow) -> Row:
        """A patiently decoded row as this layout wants it; raises `Refusal`."""
        layout = self.layout
        self.extra_features += sum(name not in layout.raw for name in row.features)
        given = [
            row.features.get(name) if name in layout.widths else fit_feature(row.features.get(name), kind, name)
            for name, kind in layout.raw.items()
        ]
        fields: dict[str, Any] = {name: getattr(row, name) for name in ROW_FIELDS}
        fields["features"] = self.features(*given)
        label = fields["label"]
        whole = {
            "prediction": fit_target(fields["prediction"], layout.target, "prediction"),
            "label": None if label is None else fit_truths(label, layout.target),
        }
        for name, fitted in whole.items():
            fields[name] = fitted[0] if fitted is not None and layout.single else fitted
        for name in MAP_FIELDS:
            fields[name] = fields[name] or msgspec.UNSET
        return self.row(*[fields[name] for name in ROW_FIELDS])


def _features_class(layout: Layout) -> type[msgspec.Struct]:
    """Positional slots `f0 f1 …`, so that a feature may have any name."""
    vector: Any = list[float] | str | None
    kinds = [vector if name in layout.widths else _SLOTS[kind] for name, kind in layout.raw.items()]
    slots = [(f"f{i}", kind, None) for i, kind in enumerate(kinds)]
    names = {f"f{i}": name for i, name in enumerate(layout.raw)}
    return msgspec.defstruct("Features", slots, gc=False, forbid_unknown_fields=True, rename=names)


def _targets_class(layout: Layout) -> type[msgspec.Struct]:
    slots = [(f"t{i}", _TARGETS[field.kind]) for i, field in enumerate(layout.target.values())]
    names = {f"t{i}": name for i, name in enumerate(layout.target)}
    return msgspec.defstruct("Targets", slots, gc=False, rename=names)


def _row_class(layout: Layout, features: type[msgspec.Struct]) -> type[msgspec.Struct]:
    target: Any = _TARGETS[layout.target[layout.single].kind] if layout.single else _tuple_or_none(layout)
    scalar: Any = int | float | bool | str | (_SERIES if layout.has_series else bool)
    maps: dict[str, Any] = {
        "segment": dict[ShortText, str] | msgspec.UnsetType,
        "shadow": dict[str, scalar | dict[ShortText, scalar]] | msgspec.UnsetType,
        "attributes": dict[ShortText, str] | msgspec.UnsetType,
    }
    own: Any = Literal[layout.model_id]
    fields: list[FieldDef] = [("prediction_id", Id), ("model_id", own), *_REQUIRED, ("features", features)]
    fields += [("prediction", target, None), ("label", target, None), *_OPTIONAL]
    fields += [(name, maps[name], msgspec.UNSET) for name in MAP_FIELDS]
    return msgspec.defstruct("Row", fields, gc=False)


def _tuple_or_none(layout: Layout) -> Any:
    return _targets_class(layout) | None


Find = Callable[[str], "RowReader | None"]
Lesson = tuple[RowReader, RecordShape]
"""What a record teaches: its shape, and the reader of its model."""


def read_row(value: bytes | None, find: Find) -> tuple[Row, RowReader]:
    """One record, patiently; raises `Refusal`, and what `find` raises for an unknown model."""
    if value is None:
        raise Refusal("decode", "NullValue", "the record has no value")
    try:
        reader = find(model_decoder.decode(value).model_id)
        if reader is not None:
            return reader.decode(value), reader
    except DECODE_ERRORS:
        reader = None
    try:
        row = outcome_decoder.decode(value)
    except DECODE_ERRORS as error:
        raise undecodable(error) from error
    return fit_row(row, find)


def learn_row(value: bytes, find: Find) -> Lesson | None:
    """The shape of a record and the reader of its model; None where it has something unusual."""
    try:
        reader = find(model_decoder.decode(value).model_id)
        if reader is None or reader.layout.has_series or reader.layout.widths:  # lists are checked one by one
            return None
        reader.decode(value)
        shape = None if repeated_key(value) is not None else learn_row_shape(value, reader.layout)
    except DECODE_ERRORS:
        return None
    return None if shape is None else (reader, shape)


def fit_row(row: OutcomeRow, find: Find) -> tuple[Row, RowReader]:
    """A decoded row of any encoding as its model's reader wants it; raises `Refusal`."""
    reader = find(row.model_id)
    if reader is None:
        raise unknown_model(row.model_id)
    return reader.fit(row), reader


def read_rows(values: Sequence[bytes | None], find: Find, first: RowReader | None) -> list[Row | Refusal]:
    """Every record's row, or its refusal, in their order.

    `first` is the reader to try before asking whose row it is: most batches have one model.
    """
    rows: list[Row | Refusal] = []
    rest = iter(values)
    reader = first
    while len(rows) < len(values):
        try:
            if reader is not None:
                rows.extend(map(reader.decode, rest))  # type: ignore[arg-type]
                break
            value = next(rest)
        except DECODE_ERRORS:
            value = values[len(rows)]
        try:
            row, reader = read_row(value, find)
            rows.append(row)
        except Refusal as refusal:
            rows.append(refusal)
    return rows
