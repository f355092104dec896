"""`prediction-labels`: a label that came after its prediction, or a correction of one."""

from pydantic import AwareDatetime, Field

from driftloop.contracts.message import LONGEST_ID, Label, Message, Name, Truth
from driftloop.contracts.outcome_fields import LabelSource


class PredictionLabel(Message):
    """The truth about an earlier prediction. A second one with a later `labelled_at` corrects.

    Of a series, a list that is shorter than the horizon tells the steps that are known so far. `rating` is how content
    a person was with the prediction, from 0 to 1.
    """

    prediction_id: str = Field(min_length=1, max_length=LONGEST_ID)
    model_id: Name
    label: Truth | dict[Label, Truth]
    labelled_at: AwareDatetime
    label_source: LabelSource = "system"
    weight: float | None = Field(default=None, ge=0)
    rating: float | None = Field(default=None, ge=0, le=1)
