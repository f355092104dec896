"""Columnar JSON (`application/vnd.driftloop.columns+json`): many rows of one model in one record.

An object like a `PredictionOutcome` whose fields are lists of one length, one value a row; `null`
where a row has none. `features`, `segment`, `attributes` hold a list for each name; `prediction`,
`label` and each version in `shadow` are a list, or a list for each target field. `model_id` is one
text, and `model_version`, `label_source`, `status` may be one text for all rows. A field that is
left out is missing in every row.

All rows of a record must belong on its partition: a producer groups rows by the partition of their
prediction ids, and gives the record the id of its first row as key.
"""

from typing import Annotated

import msgspec

from driftloop.codec.outcomes import Count, Id, NotNegative, Share, ShortText, Source

Column = list[int | float | bool | str | None]


class ColumnBatch(msgspec.Struct, gc=False, kw_only=True, omit_defaults=True):
    """Rows of one model, column by column; fields as in `PredictionOutcome`."""

    model_id: Annotated[str, msgspec.Meta(min_length=1)]
    prediction_id: list[Id]
    predicted_at: list[str]
    features: dict[ShortText, Column]
    model_version: str | list[str | None] | None = None
    prediction: Column | dict[ShortText, Column] | None = None
    confidence: list[Share | None] | None = None
    label: Column | dict[ShortText, Column] | None = None
    labelled_at: list[str | None] | None = None
    label_source: Source | list[Source] = "system"
    weight: list[NotNegative | None] | None = None
    segment: dict[ShortText, list[str | None]] = {}
    latency_ms: list[NotNegative | None] | None = None
    status: str | list[str | None] | None = None
    cost: list[float | None] | None = None
    tokens: list[Count | None] | None = None
    shadow: dict[str, Column | dict[ShortText, Column]] = {}
    attributes: dict[ShortText, list[str | None]] = {}


class VectorBatch(ColumnBatch, gc=False, kw_only=True, omit_defaults=True):
    """The same of a model with features of kind vector: a list of numbers stands for the text of one."""

    features: dict[ShortText, list[int | float | bool | str | list[float] | None]]  # type: ignore[assignment]


vector_column_decoder = msgspec.json.Decoder(VectorBatch)
column_decoder = msgspec.json.Decoder(ColumnBatch)
