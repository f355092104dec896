"""Raw records to the messages that the coordinator understands."""

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
    """The value of a record as text; raises ValueError where there is none, or it is not UTF-8."""
    value = record.value()
    if value is None:
        raise ValueError("the record has no value")
    return value if isinstance(value, str) else value.decode()


def decode(record: Record) -> Incoming:
    """The message in a record; raises ValueError where it is none of its topic's contract."""
    contract = CONTRACTS.get(str(record.topic()))
    if contract is None:
        raise ValueError(f"topic {record.topic()} is none of the coordinator's")
    return contract.from_json(raw_text(record))
