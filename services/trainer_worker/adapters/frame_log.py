"""Frames that went by, read from the topic once more."""

from collections.abc import Iterable

from driftloop.contracts.topics import OUTCOME_FRAMES
from driftloop.kafka.clients.log_reader import LogReader
from driftloop.kafka.settings import KafkaSettings
from driftloop.processor import Record


class KafkaFrames:
    """Satisfies `FrameLog`."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka

    def between(self, model_id: str, partition: int, first: int, last: int) -> Iterable[Record]:
        """The model's frames from offset `first` to offset `last` of a partition."""
        place = (OUTCOME_FRAMES, partition)
        reader = LogReader(self._kafka, start={place: first})
        try:
            found = [record for record in reader.read_to({place: last + 1}) if _offset(record) <= last]
        finally:
            reader.close()
        return [record for record in found if record.key() in (model_id, model_id.encode())]


def _offset(record: Record) -> int:
    return record.offset()
