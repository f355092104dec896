"""`outcome-frames`: validated rows of one model, one Arrow record batch a message.

The value is an Arrow IPC stream; `driftloop.codec.frames` reads and writes it. This header goes
along as Kafka headers, so that a reader can skip a frame without opening it.
"""

from typing import Literal

from pydantic import AwareDatetime, Field

from driftloop.contracts.message import Message, Name

RowEvent = Literal["prediction", "outcome", "label", "correction", "example", "rating"]
"""Why a row is in a frame.

prediction: no label yet · outcome: came with its label · label: its label joined later (the whole
row again) · correction: a label that was changed (the whole row again, with the new label) ·
example: labelled, without a prediction · rating: a person rated it, without a label (the whole row
as it came, without its label).
"""


class FrameHeader(Message):
    """What a frame says about itself."""

    model_id: Name
    spec_version: int = Field(ge=1)
    rows: int = Field(ge=1)
    first_at: AwareDatetime
    last_at: AwareDatetime
