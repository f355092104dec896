"""What the log holds about models, read once to its end."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from driftloop.contracts import topics
from driftloop.cores.record_fields import key_text
from driftloop.kafka.clients.log_reader import LogReader
from driftloop.kafka.settings import KafkaSettings
from driftloop.processor import Record

INPUTS = (
    topics.MODEL_SPECS,
    topics.MODEL_PROFILES,
    topics.OUTCOME_FRAMES,
    topics.CHALLENGE_SCORES,
    topics.TRAINING_RESULTS,
    topics.MODEL_COMMANDS,
)
OUTPUTS = (
    topics.DRIFT_SIGNALS,
    topics.DRIFT_STATUS,
    topics.RETRAIN_DECISIONS,
    topics.TRAINING_REQUESTS,
    topics.MODEL_EVENTS,
)


class Recorded:
    """Committed records by topic, those of a model together, in the order of the log.

    Copies of the client's records would cost a frame each, so these are the client's own.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self._records: dict[tuple[str, str], list[Record]] = defaultdict(list)
        self.first_frames: dict[str, int] = {}
        for record in records:
            model = model_of(record)
            self._records[record.topic(), model].append(record)
            if record.topic() == topics.OUTCOME_FRAMES:
                self.first_frames.setdefault(model, offset_of(record))

    def models(self) -> list[str]:
        """Models that frames are there of, by name."""
        return sorted(model for topic, model in self._records if topic == topics.OUTCOME_FRAMES)

    def of(self, topic: str, model: str) -> Sequence[Record]:
        """A model's records of a topic."""
        return self._records.get((topic, model), ())


def read_recorded(kafka: KafkaSettings) -> Recorded:
    """Everything that is committed by now; raises UserError where the broker or a topic is not there."""
    reader = LogReader(kafka, (*INPUTS, *OUTPUTS))
    try:
        return Recorded(list(reader.read_to(reader.ends())))
    finally:
        reader.close()


def model_of(record: Record) -> str:
    """The model that a record is about: its key up to a slash (a status is keyed by model and segment)."""
    return key_text(record).partition("/")[0]


def bytes_of(record: Record) -> bytes:
    """The value of a record."""
    return record.value() or b""


def offset_of(record: Record) -> int:
    """The place of a record in its partition."""
    return record.offset()


def milliseconds_of(record: Record) -> int:
    """When the log took a record, in milliseconds since 1970."""
    return record.timestamp()[1]
