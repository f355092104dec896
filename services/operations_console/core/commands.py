"""Requests made into messages. Ids are derived, so that the same request sent twice is one message."""

from datetime import datetime
from uuid import UUID

from driftloop.contracts.message import derive_id
from driftloop.contracts.model_commands import ModelCommand
from driftloop.contracts.prediction_labels import PredictionLabel
from operations_console.core.asked import CommandAsked, FeedbackAsked


def command_id(principal: str, model_id: str, asked: CommandAsked, key: str | None, now: datetime) -> UUID:
    """The id of a command: from the caller and their idempotency key, or else from what is asked and when."""
    if key is not None:
        return derive_id("console-command", principal, key)
    return derive_id("console-command", principal, model_id, asked.command, asked.version, now.isoformat())


def command_of(asked: CommandAsked, model_id: str, principal: str, message_id: UUID, now: datetime) -> ModelCommand:
    """The command as it stands on the log."""
    return ModelCommand(
        message_id=message_id,
        model_id=model_id,
        occurred_at=now,
        command=asked.command,
        version=asked.version,
        artifact=asked.artifact,
        artifact_sha256=asked.artifact_sha256,
        full=asked.full,
        reason=asked.reason,
        requested_by=principal,
        seen_champion=asked.seen_champion,
        about=asked.about,
    )


def is_same(known: bytes, wanted: ModelCommand) -> bool:
    """Whether a command on the log asks for the same as this one, moment and signature aside."""
    aside = {"occurred_at": wanted.occurred_at, "signature": wanted.signature}
    return ModelCommand.from_json(known).model_copy(update=aside) == wanted


def label_of(asked: FeedbackAsked, now: datetime) -> PredictionLabel:
    """The label that a feedback says, or its rating alone."""
    weight = asked.feedback_score if asked.weight is None else asked.weight
    return PredictionLabel(
        prediction_id=asked.prediction_id,
        model_id=asked.model_id,
        label=asked.label,
        labelled_at=now,
        label_source="user",
        weight=None if asked.label is None else weight,
        rating=asked.feedback_score,
    )
