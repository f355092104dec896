"""`prediction-labels`: what became known after a prediction: its label, a correction, a rating, or a value of a series.

Why a value of a series is a record of this topic and not of one of its own: it has to meet the forecasts that it is
a truth of, in the partition of its key, in one order with all that is said of them.
"""

from typing import Any, Self

from pydantic import AwareDatetime, ConfigDict, Field, JsonValue, model_validator

from driftloop.contracts.message import LONGEST_ID, Label, Message, Name, Truth
from driftloop.contracts.outcome_fields import LabelSource

_TRUTH: dict[str, Any] = {"anyOf": [{"type": kind} for kind in ("number", "string", "boolean", "array", "object")]}
_NONE, _TEXT = {"type": "null"}, {"type": "string"}


def _said(**fields: dict[str, Any]) -> dict[str, Any]:
    return {"required": [name for name, kind in fields.items() if kind is not _NONE], "properties": fields}


_WAYS: list[JsonValue] = [
    _said(prediction_id=_TEXT, label=_TRUTH, observed_at=_NONE),
    _said(observed_at=_TEXT, label=_TRUTH, prediction_id=_NONE),
    _said(prediction_id=_TEXT, rating={"type": "number"}, label=_NONE, observed_at=_NONE),
]


class PredictionLabel(Message):
    """What became known: the label of the prediction `prediction_id`, a rating of it, or a value of a series.

    A second label with a later `labelled_at` corrects. Of a series, a list that is shorter than the horizon tells the
    steps that are known so far. `rating` is how content a person was with the prediction, from 0 to 1; without a
    label it is a rating alone, given at `labelled_at`, and changes no label. Of one prediction the newest counts.

    With `observed_at` and no `prediction_id` it is an observation: the value (`label`) that the series of `entity`
    had then, for models whose spec says `forecast.truth: observations`.
    """

    model_config = ConfigDict(json_schema_extra={"anyOf": _WAYS})

    prediction_id: str | None = Field(default=None, min_length=1, max_length=LONGEST_ID)
    model_id: Name
    label: Truth | dict[Label, Truth] | None = None
    labelled_at: AwareDatetime
    label_source: LabelSource = "system"
    weight: float | None = Field(default=None, ge=0)
    rating: float | None = Field(default=None, ge=0, le=1)
    entity: str | None = Field(default=None, min_length=1, max_length=LONGEST_ID)
    observed_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _says_something_of_something(self) -> Self:
        if (self.prediction_id is None) == (self.observed_at is None):
            raise ValueError("give prediction_id for a label, or observed_at for a value of a series, and not both")
        if self.label is None:
            if self.observed_at is not None:
                raise ValueError("give the value of the series in label")
            if self.rating is None:
                raise ValueError("give the label, or the rating alone")
        return self

    @property
    def key(self) -> str:
        """The record's key: where the record meets what it speaks of."""
        return self.prediction_id or self.entity or self.model_id
