"""When a core writes a checkpoint of a model, and how one is chained to the one before.

Why by event time: the moment has to be the same in every replay, and a model of few frames needs as many as one of
many. Why in the core: the checkpoint is in the transaction of the frame that it is of, so there is one for it or none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from driftloop.contracts.message import FramePosition, derive_id
from driftloop.contracts.model_checkpoints import LARGEST_STATE, Keeper, ModelCheckpoint, digest, packed
from driftloop.contracts.topics import MODEL_CHECKPOINTS
from driftloop.processor import Outgoing
from driftloop.spec.model_spec import ModelSpec

if TYPE_CHECKING:
    from driftloop.contracts.signing import SigningKey

_TEXT_OF_BYTES = 4 / 3


@dataclass(frozen=True, slots=True)
class Link:
    """The newest checkpoint of a model: its number in the chain, its hash, and the event time that it is of."""

    number: int
    sha256: str
    at: datetime


@dataclass(frozen=True, slots=True)
class StateOf:
    """A model's state as of a frame; `content` is its JSON."""

    model_id: str
    position: FramePosition
    at: datetime
    spec: ModelSpec
    spec_version: int
    layout: int
    content: bytes
    inputs: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The rule of one service: one for the first frame, then one for the first frame of each span of event time."""

    service: Keeper
    every: timedelta
    key: "SigningKey | None" = None

    def is_due(self, newest: Link | None, position: FramePosition, at: datetime) -> bool:  # noqa: ARG002
        """Whether the frame at `position`, which brought the model's clock to `at`, ends with a checkpoint."""
        return newest is None or self._span(at) > self._span(newest.at)

    def make(self, state: StateOf, newest: Link | None) -> tuple[Outgoing, Link] | None:
        """The checkpoint and the new end of the chain; None where the state is too large for a record."""
        content = packed(state.content)
        if len(content) > LARGEST_STATE * _TEXT_OF_BYTES:
            return None
        made = ModelCheckpoint(
            message_id=checkpoint_id(self.service, state.model_id, state.position),
            model_id=state.model_id,
            occurred_at=state.at,
            service=self.service,
            number=newest.number + 1 if newest else 1,
            position=state.position,
            inputs=dict(state.inputs),
            layout=state.layout,
            spec_version=state.spec_version,
            spec_sha256=spec_digest(state.spec),
            state_sha256=digest(state.content),
            previous_sha256=newest.sha256 if newest else None,
            state=content,
        )
        vouched = made.signed_bytes
        signed = made if self.key is None else made.model_copy(update={"signature": self.key.sign(vouched)})
        out = Outgoing(MODEL_CHECKPOINTS, state.model_id, signed.to_json(), partition_by=state.model_id)
        return out, Link(made.number, digest(vouched), state.at)

    def _span(self, at: datetime) -> int:
        return int(at.timestamp() // self.every.total_seconds())


def checkpoint_rule(service: Keeper, hours: float, key_pem: str | None) -> Checkpoints | None:
    """The rule that a service's settings ask for; None where they ask for no checkpoints.

    Raises UserError where the key is none.
    """
    if not hours:
        return None
    if key_pem is None:
        return Checkpoints(service, timedelta(hours=hours))
    from driftloop.contracts.signing import key_in  # who signs nothing needs no cryptography

    return Checkpoints(service, timedelta(hours=hours), key_in(key_pem))


def checkpoint_id(service: Keeper, model_id: str, position: FramePosition) -> UUID:
    """The message id of the checkpoint of a frame."""
    return derive_id("checkpoint", service, model_id, position.partition, position.offset)


def spec_digest(spec: ModelSpec) -> str:
    """The hash of what a spec declares. What is left at its default does not count: later releases add fields."""
    return digest(spec.model_dump_json(exclude_defaults=True).encode())
