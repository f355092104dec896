"""`prediction-outcomes` and `prediction-labels` as msgspec reads them, one row a record.

Why a second shape beside the pydantic contract: decoding is most of the work of ingestion, and
msgspec does it several times faster. The contract stays the law: a test holds the two equal.
Stricter than pydantic in one thing, as JSON Schema is: a number is a number, never a text or a
truth value that looks like one. Times stay text here; a column of them is parsed at once.
"""

import math
from typing import Annotated, Any, Literal

import msgspec

from driftloop.contracts.message import LONGEST_ID
from driftloop.contracts.outcome_fields import LABEL_SOURCES, OUTCOME_FIELDS, OutcomeField

Scalar = float | int | bool | str
Series = list[float | list[float | None] | None]
"""A list of numbers; of a forecast with quantiles, one list a step may stand for its values."""
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_ID)]
ShortText = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_LARGEST_WHOLE = 2**63 - 1

FieldDef = tuple[str, Any] | tuple[str, Any, Any]
"""A field as `msgspec.defstruct` takes it: its name, its type and, where it may be left out, its default."""


def value_type(field: OutcomeField) -> Any:
    """The type of one value that is there.

    >>> value_type(OutcomeField("status", "text"))
    <class 'str'>
    """
    match field.kind:
        case "text" | "moment":
            return str
        case "choice":
            return Literal[LABEL_SOURCES]
        case "number":
            return _bounded(float, field) if field.has_bounds else float
        case "whole":
            return _bounded(int, field, most=_LARGEST_WHOLE)


def _bounded(plain: type, field: OutcomeField, most: float = math.inf) -> Any:
    """The type with its bounds as whole numbers: so they stand in the sentence of a dead letter."""
    least = None if math.isinf(field.least) else int(field.least)
    most = min(field.most, most)
    return Annotated[plain, msgspec.Meta(ge=least, le=None if math.isinf(most) else int(most))]


def row_field(field: OutcomeField) -> FieldDef:
    """The field in a class of one row: a required one and a choice are never null."""
    kind = value_type(field)
    if field.required:
        return field.name, kind
    return field.name, (kind if field.kind == "choice" else kind | None), field.default


def _label_field(field: OutcomeField) -> FieldDef:
    """The same in a label, which says when it became known."""
    return row_field(field) if field.kind != "moment" else (field.name, value_type(field))


class _Named(msgspec.Struct, gc=False, kw_only=True):
    prediction_id: Id
    model_id: str


class _NamedLabel(msgspec.Struct, gc=False, kw_only=True):
    prediction_id: Id | None = None
    model_id: str
    label: Scalar | Series | dict[ShortText, Scalar | Series] | None = None
    entity: Id | None = None
    observed_at: str | None = None


_OUTCOME: Any = msgspec.defstruct("_Outcome", map(row_field, OUTCOME_FIELDS), bases=(_Named,), gc=False, kw_only=True)
_OF_LABELS = [_label_field(field) for field in OUTCOME_FIELDS if field.of_label]
_LABEL: Any = msgspec.defstruct("_Label", _OF_LABELS, bases=(_NamedLabel,), gc=False, kw_only=True)


class OutcomeRow(_OUTCOME, gc=False, kw_only=True):  # type: ignore[misc, call-arg]
    """A `PredictionOutcome` as decoded; the plain fields are those of `OUTCOME_FIELDS`."""

    features: dict[ShortText, int | float | str | Series | None]
    prediction: Scalar | Series | dict[ShortText, Scalar | Series] | None = None
    label: Scalar | Series | dict[ShortText, Scalar | Series] | None = None
    segment: dict[ShortText, str] = msgspec.field(default_factory=dict)
    shadow: dict[str, Scalar | Series | dict[ShortText, Scalar | Series]] = msgspec.field(default_factory=dict)
    attributes: dict[ShortText, str] = msgspec.field(default_factory=dict)


class LabelRow(_LABEL, gc=False, kw_only=True):  # type: ignore[misc, call-arg]
    """A `PredictionLabel` as decoded: what it is of, its label, and the plain fields that are `of_label`."""


class ModelOf(msgspec.Struct, gc=False):
    """Only whose row it is; everything else is skipped."""

    model_id: str


outcome_decoder = msgspec.json.Decoder(OutcomeRow)
label_decoder = msgspec.json.Decoder(LabelRow)
model_decoder = msgspec.json.Decoder(ModelOf)

DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError, TypeError, ValueError)
"""What a decoder raises on bytes that are no message: `msgspec.ValidationError` is a DecodeError."""
