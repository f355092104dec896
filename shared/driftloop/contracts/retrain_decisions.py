"""`retrain-decisions`: every decision, refusals too, with its reason and its evidence."""

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from driftloop.contracts.message import ControlMessage, FramePosition, Message, Version

Action = Literal["retrain", "reuse", "wait", "refuse", "promote", "reject", "roll_back", "freeze", "unfreeze", "cancel"]


class SafeguardState(Message):
    """A rule that can only refuse, as it stood. `allowed_at` says when it would have let go."""

    name: str
    passed: bool
    detail: str
    allowed_at: AwareDatetime | None = None


class RetrainDecision(ControlMessage):
    """What was decided about a model, why, and on what evidence.

    `trigger` is the reason asked for (`drift`, `payoff`, `forced_age`, `manual`, …); `reason` a
    sentence for a person; `position` and `row` say where in the stream it was taken. `spec_sha256` and
    `state_sha256` are hashes of what was declared of the model (defaults left out) and of what the coordinator knew
    of it; both are absent from decisions of earlier releases.
    """

    action: Action
    trigger: str
    reason: str
    policy: str
    champion: Version | None = None
    candidate: Version | None = None
    run_id: UUID | None = None
    safeguards: tuple[SafeguardState, ...] = ()
    evidence: dict[str, float | str | None] = Field(default_factory=dict)
    position: FramePosition | None = None
    row: int | None = None
    spec_sha256: str | None = Field(default=None, exclude_if=lambda found: found is None)
    state_sha256: str | None = Field(default=None, exclude_if=lambda found: found is None)
