"""Publishes specs on `model-specs`, counted up by one with each change."""

from datetime import datetime
from typing import NamedTuple

from driftloop.contracts.message import derive_id
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.topics import MODEL_SPECS
from driftloop.kafka.clients.sender import Sender
from driftloop.kafka.clients.tail import Tail
from driftloop.kafka.settings import KafkaSettings
from driftloop.spec.model_spec import ModelSpec
from driftloop.spec.spec_changes import FieldChange, changes


class Applied(NamedTuple):
    """The version of a spec that stands now, whether it was published just now, and what it changed.

    `created`: no spec of the model stood there before, so that there is nothing to compare with.
    """

    spec_version: int
    changed: bool
    created: bool
    changes: list[FieldChange]


def publish_spec(kafka: KafkaSettings, spec: ModelSpec, now: datetime) -> Applied:
    """Publish `spec` unless it stands there already.

    Raises UserError where the broker is away, ValueError where policy or an expression makes no sense.
    """
    newest = _newest(kafka, spec.model_id)
    if newest is not None and newest.spec == spec:
        return Applied(newest.spec_version, changed=False, created=False, changes=[])
    message = spec_message(spec, now, 1 if newest is None else newest.spec_version + 1)
    sender = Sender(kafka)
    sender.send(MODEL_SPECS, spec.model_id, message.to_json())
    sender.close()
    found = [] if newest is None else changes(newest.spec, spec)
    return Applied(message.spec_version, changed=True, created=newest is None, changes=found)


def spec_message(spec: ModelSpec, now: datetime, version: int = 1) -> ModelSpecPublished:
    """The message that declares `spec`."""
    return ModelSpecPublished(
        message_id=derive_id("model-spec", spec.model_id, version),
        model_id=spec.model_id,
        occurred_at=now,
        spec_version=version,
        spec=spec,
    )


def _newest(kafka: KafkaSettings, model_id: str) -> ModelSpecPublished | None:
    with Tail(kafka, [MODEL_SPECS]) as tail:
        mine = [record.value for record in tail.read_to_end() if record.key == model_id]
    return ModelSpecPublished.from_json(mine[-1]) if mine and mine[-1] is not None else None
