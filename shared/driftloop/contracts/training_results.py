"""`training-results`: a run's end: metrics, artifact, cost, or why it failed."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from driftloop.contracts.message import ControlMessage, FramePosition, Message, Version


class Validation(Message):
    """Losses on held-out rows that no training saw, challenger and champion on the same rows in
    time order (`champion_losses` is empty where there is no champion)."""

    challenger_losses: tuple[float, ...]
    champion_losses: tuple[float, ...] = ()


class TrainingData(Message):
    """What was learnt from: enough to find the same rows again and to prove that they are the same."""

    first: FramePosition
    last: FramePosition
    rows: int = Field(ge=1)
    sha256: str


class TrainingCost(Message):
    """What the run took."""

    seconds: float = Field(ge=0)
    cpu_seconds: float = Field(ge=0)


class TrainingResult(ControlMessage):
    """The end of a run. `succeeded` carries version, artifact, validation and data; the others a reason.

    With `reused_version` nothing was trained: that archived version did well enough on the newest
    rows, and `validation` holds its losses there beside the champion's.
    """

    run_id: UUID
    status: Literal["succeeded", "failed", "cancelled"]
    version: Version
    artifact: str | None = None
    artifact_sha256: str | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    validation: Validation | None = None
    loss_bound: float | None = Field(default=None, gt=0)
    """The loss above which a row counts as this much (regression): it makes losses comparable in a
    bounded test. 1 for 0/1 losses."""
    data: TrainingData | None = None
    cost: TrainingCost | None = None
    reused_version: Version | None = None
    failure: str | None = None
    refitted: bool | None = None
    """Whether the version was fitted once more after its validation; None: as the spec says."""
    sandbox: tuple[str, ...] | None = None
    """What the process that trained was kept from: `files` (other than its own), `network`; None: not told."""
    remarks: tuple[str, ...] = ()
    """What the rows were like, sentences for a person: what was left out of them, and what counts as missing."""
