"""`prediction-outcomes`: a prediction, with its label if that is known already.

A row without `prediction` and `model_version` is a *labelled example* (a backfill): it is
training data, and no version is judged by it.
"""

from typing import Any, Self

from pydantic import AwareDatetime, ConfigDict, Field, model_validator

from driftloop.contracts.message import LONGEST_ID, Label, Message, Name, Truth, Value, Version
from driftloop.contracts.outcome_fields import LabelSource

_GIVEN: dict[str, Any] = {"not": {"type": "null"}}
_GIVEN_TOGETHER: dict[str, Any] = {
    "required": ["prediction", "model_version"],
    "properties": {"prediction": _GIVEN, "model_version": _GIVEN},
}
_EXAMPLE: dict[str, Any] = {
    "required": ["label"],
    "properties": {"label": _GIVEN, "prediction": {"type": "null"}, "model_version": {"type": "null"}},
}


class PredictionOutcome(Message):
    """What a model said about one row, and the truth where it is known.

    `prediction` and `label` are a scalar, or one scalar per target field. Of a series (task forecast) they are a
    list; lists travel in JSON and in Arrow, not in Avro. `rating` is how content a person was, from 0 to 1.
    """

    model_config = ConfigDict(json_schema_extra={"allOf": [{"anyOf": [_GIVEN_TOGETHER, _EXAMPLE]}]})

    prediction_id: str = Field(min_length=1, max_length=LONGEST_ID)
    model_id: Name
    model_version: Version | None = None
    predicted_at: AwareDatetime
    features: dict[Label, Value]
    prediction: Truth | dict[Label, Truth] | None = None
    confidence: float | None = Field(default=None, ge=0, le=1)
    label: Truth | dict[Label, Truth] | None = None
    labelled_at: AwareDatetime | None = None
    label_source: LabelSource = "system"
    weight: float | None = Field(default=None, ge=0)
    segment: dict[Label, str] = Field(default_factory=dict)
    latency_ms: float | None = Field(default=None, ge=0)
    status: str | None = None
    cost: float | None = None
    tokens: int | None = Field(default=None, ge=0)
    rating: float | None = Field(default=None, ge=0, le=1)
    shadow: dict[Version, Truth | dict[Label, Truth]] = Field(default_factory=dict)
    attributes: dict[Label, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_prediction_or_example(self) -> Self:
        if (self.prediction is None) != (self.model_version is None):
            raise ValueError("prediction and model_version go together: give both, or neither for a labelled example")
        if self.prediction is None and self.label is None:
            raise ValueError("a row needs a prediction, a label, or both")
        return self
