"""One step of a model: its state, its spec, the moment, and all that the step sends.

Ids are derived from what caused the step, so that doing it again gives the same messages.
"""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from driftloop.contracts import topics
from driftloop.contracts.message import NAMESPACE, ControlMessage, FramePosition, Version, derive_id
from driftloop.contracts.model_checkpoints import digest
from driftloop.contracts.model_events import ModelEvent, ModelEventType
from driftloop.contracts.retrain_decisions import Action, RetrainDecision, SafeguardState
from driftloop.contracts.training_requests import TrainingRequest
from driftloop.cores.checkpoints import spec_digest
from driftloop.processor import Outgoing
from driftloop.spec.model_spec import ModelSpec
from driftloop.spec.policy import Policy
from retrain_coordinator.core.payoff.rule import PayoffRule
from retrain_coordinator.core.specs import Declared
from retrain_coordinator.core.state import ModelState

CHAIN_KEPT = 24
"""Ids of causes carried along: signal, decision, run, result, and what they came from."""


@dataclass(slots=True)
class Step:
    """What a rule of the lifecycle works on. `cause` is the message that the step answers."""

    state: ModelState
    spec: ModelSpec
    spec_version: int
    policy: Policy
    now: datetime
    cause: UUID
    causes: tuple[UUID, ...] = ()
    row: int | None = None
    fleet: tuple[int, int] | None = None
    rule: PayoffRule | None = None
    """The parameters of the payoff rule, once somebody has asked for them."""
    outgoing: list[Outgoing] = field(default_factory=list)
    decisions: list[RetrainDecision] = field(default_factory=list)
    events: list[ModelEvent] = field(default_factory=list)

    @classmethod
    def of(cls, state: ModelState, known: Declared, now: datetime, cause: UUID = NAMESPACE) -> "Step":
        """A step of a model as it is declared; without a cause it is one that says nothing."""
        return cls(state, known.spec, known.spec_version, known.policy, now, cause)

    @property
    def known(self) -> Declared:
        """What is declared of the model."""
        return Declared(self.spec_version, self.spec, self.policy)

    @property
    def position(self) -> FramePosition | None:
        """The frame up to which the evidence has been taken in."""
        return self.state.applied

    def chain(self, *more: UUID) -> tuple[UUID, ...]:
        """Causes, the oldest first, each once."""
        return tuple(dict.fromkeys((*self.causes, self.cause, *more)))[-CHAIN_KEPT:]

    def decision(
        self,
        action: Action,
        trigger: str,
        reason: str,
        *,
        candidate: Version | None = None,
        run_id: UUID | None = None,
        safeguards: tuple[SafeguardState, ...] = (),
        evidence: dict[str, float | str | None] | None = None,
        causes: tuple[UUID, ...] | None = None,
    ) -> RetrainDecision:
        """Publish a decision, and give it back."""
        state = self.state
        made = RetrainDecision(
            message_id=derive_id(
                "decision", state.model_id, self.cause, action, trigger, candidate, len(self.decisions)
            ),
            model_id=state.model_id,
            occurred_at=self.now,
            caused_by=self.chain() if causes is None else causes[-CHAIN_KEPT:],
            action=action,
            trigger=trigger,
            reason=reason,
            policy=self.policy.name,
            champion=state.champion,
            candidate=candidate,
            run_id=run_id,
            safeguards=safeguards,
            evidence=evidence or {},
            position=self.position,
            row=state.labelled_rows if self.row is None else self.row,
            spec_sha256=spec_digest(self.spec),
            state_sha256=digest(state.decided_by()),
        )
        self.decisions.append(made)
        self._send(topics.RETRAIN_DECISIONS, made)
        return made

    def event(
        self,
        event: ModelEventType,
        reason: str,
        *,
        version: Version | None = None,
        previous_version: Version | None = None,
        causes: tuple[UUID, ...] | None = None,
        evidence: dict[str, float | str | None] | None = None,
    ) -> ModelEvent:
        """Publish what became true of a version, with its artifact where it has one."""
        state = self.state
        entry = state.versions.get(version) if version else None
        made = ModelEvent(
            message_id=derive_id("event", state.model_id, self.cause, event, version, len(self.events)),
            model_id=state.model_id,
            occurred_at=self.now,
            caused_by=self.chain() if causes is None else causes[-CHAIN_KEPT:],
            event=event,
            version=version,
            previous_version=previous_version,
            reason=reason,
            run_id=entry.run_id if entry else None,
            spec_version=entry.spec_version if entry else None,
            artifact=(entry.artifact or None) if entry else None,
            artifact_sha256=(entry.sha256 or None) if entry else None,
            from_position=self.position,
            evidence=evidence or {},
        )
        self.events.append(made)
        self._send(topics.MODEL_EVENTS, made)
        return made

    def request(self, request: TrainingRequest) -> None:
        """Publish a training request."""
        self._send(topics.TRAINING_REQUESTS, request)

    def _send(self, topic: str, message: ControlMessage) -> None:
        self.outgoing.append(Outgoing(topic, message.model_id, message.to_json()))
