"""What the view needs of each message, decoded fast and leniently.

Why not the contracts themselves: pydantic takes ten times as long, and a console that starts reads a hundred
thousand messages. The fields are those of the contracts (a test holds the two together); a whole message is
decoded by its contract where somebody opens it.
"""

from datetime import datetime
from typing import Any

import msgspec


class Head(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The envelope of every control message."""

    message_id: str
    model_id: str
    occurred_at: datetime
    caused_by: tuple[str, ...] = ()


class Row(msgspec.Struct, frozen=True, gc=False):
    """Where a signal lies in the stream."""

    row: int
    at: datetime


class SignalHead(Head, frozen=True, gc=False, kw_only=True):
    """Of `DriftSignal`."""

    kind: str
    harmful: bool
    detector: str
    raised: Row
    onset: Row
    model_version: str
    segment: str = ""
    subject: str = ""
    severity: str = "drift"
    statistic: float | None = None
    threshold: float | None = None
    explanation: str = ""


class DecisionHead(Head, frozen=True, gc=False, kw_only=True):
    """Of `RetrainDecision`."""

    action: str
    trigger: str
    reason: str
    policy: str
    champion: str | None = None
    candidate: str | None = None
    run_id: str | None = None
    row: int | None = None
    safeguards: tuple[dict[str, Any], ...] = ()


class EventHead(Head, frozen=True, gc=False, kw_only=True):
    """Of `ModelEvent`."""

    event: str
    reason: str
    version: str | None = None
    previous_version: str | None = None
    run_id: str | None = None
    spec_version: int | None = None
    artifact: str | None = None
    artifact_sha256: str | None = None


class CommandHead(Head, frozen=True, gc=False, kw_only=True):
    """Of `ModelCommand`."""

    command: str
    reason: str
    requested_by: str
    version: str | None = None


class RequestHead(Head, frozen=True, gc=False, kw_only=True):
    """Of `TrainingRequest`; its id is the run's."""

    version: str
    reason: str
    learner: str
    mode: str = "full"


class ProgressHead(Head, frozen=True, gc=False, kw_only=True):
    """Of `TrainingProgress`."""

    run_id: str
    step: int
    steps: int
    training_loss: float | None = None
    validation_loss: float | None = None
    seconds_left: float | None = None


class Cost(msgspec.Struct, frozen=True, gc=False):
    """What a run took."""

    seconds: float
    cpu_seconds: float


class ResultHead(Head, frozen=True, gc=False, kw_only=True):
    """Of `TrainingResult`, without its losses row by row."""

    run_id: str
    status: str
    version: str
    metrics: dict[str, float] = {}
    cost: Cost | None = None
    failure: str | None = None
    reused_version: str | None = None
    artifact: str | None = None


class Block(msgspec.Struct, frozen=True, gc=False):
    """A stretch of labelled rows and their mean loss."""

    index: int
    first_row: int
    rows: int
    model_version: str
    loss: float | None
    last_at: datetime


class StatusHead(Head, frozen=True, gc=False, kw_only=True):
    """Of `DriftStatus`, without its tests."""

    rows: int
    labelled_rows: int
    as_of: datetime
    spec_version: int
    segment: str = ""
    model_version: str | None = None
    loss_blocks: tuple[Block, ...] = ()
    metrics: dict[str, float | None] = {}
    active_signals: tuple[str, ...] = ()
    attribution: dict[str, float | None] = {}


class Place(msgspec.Struct, frozen=True, gc=False):
    """A frame's place on its log: the model's logical clock."""

    partition: int
    offset: int


class ScoresHead(Head, frozen=True, gc=False, kw_only=True):
    """Of `ChallengeScores`: losses of several versions on the same rows."""

    position: Place
    champion: str
    losses: dict[str, tuple[float, ...]]


class ErasureHead(Head, frozen=True, gc=False, kw_only=True):
    """Of `RowsErased`."""

    erasure: str
    rows: int
    began_at: datetime | None = None
    versions: tuple[str, ...] = ()


class SpecHead(Head, frozen=True, gc=False, kw_only=True):
    """Of `ModelSpecPublished`; the spec itself stays as it is on the wire."""

    spec_version: int
    spec: msgspec.Raw
