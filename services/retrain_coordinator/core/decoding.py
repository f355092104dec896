"""Raw records to the messages that the coordinator understands."""

from math import isfinite

from driftloop.codec.json_keys import repeated_key
from driftloop.contracts import topics
from driftloop.contracts.challenge_scores import ChallengeScores
from driftloop.contracts.drift_signals import DriftSignal
from driftloop.contracts.drift_status import DriftStatus
from driftloop.contracts.model_commands import ModelCommand
from driftloop.contracts.training_results import TrainingResult
from driftloop.processor import Record

FrameMessage = ChallengeScores | DriftSignal | DriftStatus
Incoming = FrameMessage | ModelCommand | TrainingResult

CONTRACTS: dict[str, type[Incoming]] = {
    topics.DRIFT_SIGNALS: DriftSignal,
    topics.DRIFT_STATUS: DriftStatus,
    topics.CHALLENGE_SCORES: ChallengeScores,
    topics.TRAINING_RESULTS: TrainingResult,
    topics.MODEL_COMMANDS: ModelCommand,
}


def raw_text(record: Record) -> str:
    """The value of a record as text; raises ValueError if there is none or it is not UTF-8."""
    value = record.value()
    if value is None:
        raise ValueError("the record has no value")
    return value.decode()


def decode(record: Record) -> Incoming:
    """The message in a record; raises ValueError if it does not follow its topic's contract."""
    contract = CONTRACTS.get(record.topic())
    if contract is None:
        raise ValueError(f"topic {record.topic()} is none of the coordinator's")
    message = contract.from_json(raw_text(record))
    if isinstance(message, ModelCommand):
        _check_command(record, message)
    return message


def _check_command(record: Record, command: ModelCommand) -> None:
    """A command comes from outside: what else would be taken silently for something else is refused."""
    key = record.key()
    if (key.decode("utf-8", "replace") if isinstance(key, bytes) else key) != command.model_id:
        raise ValueError(f"the record's key is not its model_id '{command.model_id}'")
    if (name := repeated_key(raw_text(record))) is not None:
        raise ValueError(f"the key {name[:100]!r} stands there twice")
    if not all(map(isfinite, command.readings.values())):
        raise ValueError("a reading is NaN or infinite")
