"""`prediction-outcomes` and `prediction-labels` as msgspec reads them, one row a record.

Why a second shape beside the pydantic contract: decoding is most of the work of ingestion, and
msgspec does it several times faster. The contract stays the law: a test holds the two equal.
Stricter than pydantic in one thing, as JSON Schema is: a number is a number, never a text or a
truth value that looks like one. Times stay text here; a column of them is parsed at once.
"""

from typing import Annotated, Literal

import msgspec

Scalar = float | int | bool | str
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
ShortText = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Source = Literal["user", "system", "pseudo"]


class OutcomeRow(msgspec.Struct, gc=False, kw_only=True):
    """A `PredictionOutcome` as decoded; fields as in the contract."""

    prediction_id: Id
    model_id: str
    predicted_at: str
    features: dict[ShortText, int | float | str | None]
    model_version: str | None = None
    prediction: Scalar | dict[ShortText, Scalar] | None = None
    confidence: Share | None = None
    label: Scalar | dict[ShortText, Scalar] | None = None
    labelled_at: str | None = None
    label_source: Source = "system"
    weight: NotNegative | None = None
    segment: dict[ShortText, str] = {}
    latency_ms: NotNegative | None = None
    status: str | None = None
    cost: float | None = None
    tokens: Count | None = None
    shadow: dict[str, Scalar | dict[ShortText, Scalar]] = {}
    attributes: dict[ShortText, str] = {}


class VectorRow(OutcomeRow, gc=False, kw_only=True):
    """The same of a model with features of kind vector: a list of numbers stands for the text of one."""

    features: dict[ShortText, int | float | str | list[float] | None]  # type: ignore[assignment]


class LabelRow(msgspec.Struct, gc=False, kw_only=True):
    """A `PredictionLabel` as decoded; fields as in the contract."""

    prediction_id: Id
    model_id: str
    label: Scalar | dict[ShortText, Scalar]
    labelled_at: str
    label_source: Source = "system"
    weight: NotNegative | None = None


class ModelOf(msgspec.Struct, gc=False):
    """Only whose row it is; everything else is skipped."""

    model_id: str


outcome_decoder = msgspec.json.Decoder(OutcomeRow)
vector_decoder = msgspec.json.Decoder(VectorRow)
label_decoder = msgspec.json.Decoder(LabelRow)
model_decoder = msgspec.json.Decoder(ModelOf)

DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError, TypeError, ValueError)
"""What a decoder raises on bytes that are no message: `msgspec.ValidationError` is a DecodeError."""
