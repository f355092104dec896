"""`drift-signals`: an alarm, with its evidence."""

from typing import Literal

from pydantic import Field

from driftloop.contracts.message import ControlMessage, FramePosition, RowPosition, Version

SignalKind = Literal["error", "performance", "feature", "prediction", "confidence", "label", "multivariate", "combined"]


class DriftSignal(ControlMessage):
    """One drift, said once.

    `kind` and `subject` name what drifted (`subject` is a feature, a field or a metric; empty for
    the model's loss). `harmful` is true where the loss itself rose beyond the model's tolerance.
    `onset` is the estimated first row of the drift, `raised` the row at which the alarm went off.
    """

    model_version: Version
    segment: str = ""
    kind: SignalKind
    subject: str = ""
    detector: str
    severity: Literal["warning", "drift"] = "drift"
    harmful: bool
    statistic: float
    threshold: float
    p_value: float | None = None
    reference_rows: int = Field(ge=0)
    current_rows: int = Field(ge=0)
    reference_value: float | None = None
    current_value: float | None = None
    onset: RowPosition
    raised: RowPosition
    position: FramePosition
    label_lag_seconds: float | None = None
    explanation: str = ""
    evidence: dict[str, float | str] = Field(default_factory=dict)
