"""What the log holds about models: messages by topic and model, and frames one after the other.

Why frames are streamed, and scores and checkpoints kept in a file: they are nearly all of the log, and a log of
months has to fit into the memory of one process.
"""

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Protocol

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
LARGE = frozenset({topics.CHALLENGE_SCORES, topics.DRIFT_STATUS, topics.MODEL_CHECKPOINTS, topics.MODEL_PROFILES})
"""Topics whose values are kept in a file."""


class Frames(Protocol):
    """The frames of all models."""

    def begins(self, partition: int) -> int:
        """The first offset that the partition still holds."""
        ...

    def read(self, starts: Mapping[int, int]) -> Iterator[Record]:
        """Frames from these offsets on, in the order of each partition; partitions that are not named from the first
        that is there."""
        ...


class Recorded:
    """Committed records by topic, those of a model together, in the order of the log."""

    def __init__(self, records: Iterable[Record], frames: Frames | None = None) -> None:
        self._records: dict[tuple[str, str], list[Record]] = defaultdict(list)
        for record in records:
            self._records[record.topic(), model_of(record)].append(record)
        kept = [record for (topic, _), of in self._records.items() if topic == topics.OUTCOME_FRAMES for record in of]
        self.frames = frames or _FramesInMemory(kept)

    def models(self) -> list[str]:
        """Models that anything is there of, by name."""
        return sorted({model for _, model in self._records if model})

    def of(self, topic: str, model: str) -> Sequence[Record]:
        """A model's records of a topic."""
        return self._records.get((topic, model), ())


class _FramesInMemory:
    """Frames of a list."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = sorted(records, key=lambda record: (record.partition(), record.offset()))

    def begins(self, partition: int) -> int:
        """The smallest offset."""
        return min((one.offset() for one in self._records if one.partition() == partition), default=0)

    def read(self, starts: Mapping[int, int]) -> Iterator[Record]:
        """Those from the starts on."""
        return (one for one in self._records if one.offset() >= starts.get(one.partition(), 0))


class _FramesOnKafka:
    """Frames up to what was the end when they were first asked for."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        reader = LogReader(kafka, (topics.OUTCOME_FRAMES,))
        try:
            self._begins, self._ends = reader.beginnings(), reader.ends()
        finally:
            reader.close()

    def begins(self, partition: int) -> int:
        """As the broker says."""
        return self._begins.get((topics.OUTCOME_FRAMES, partition), 0)

    def read(self, starts: Mapping[int, int]) -> Iterator[Record]:
        """One partition after the other, so that no partition waits in memory for another."""
        for position, end in self._ends.items():
            start = max(starts.get(position[1], 0), self._begins[position])
            if start >= end:
                continue
            reader = LogReader(self._kafka, start={position: start})
            try:
                yield from (record for record in reader.read_to({position: end}) if record.offset() < end)
            finally:
                reader.close()


@dataclass(frozen=True, slots=True)
class _OnDisk:
    """A record whose value lies in a file."""

    names: tuple[str, bytes | None]
    place: tuple[int, int]
    at: tuple[int, int]
    file: IO[bytes]
    span: tuple[int, int]

    def topic(self) -> str:
        """Of the record."""
        return self.names[0]

    def partition(self) -> int:
        """Of the record."""
        return self.place[0]

    def offset(self) -> int:
        """Of the record."""
        return self.place[1]

    def key(self) -> bytes | None:
        """Of the record."""
        return self.names[1]

    def value(self) -> bytes | None:
        """Read from the file."""
        self.file.seek(self.span[0])
        return self.file.read(self.span[1])

    def headers(self) -> None:
        """Nobody asks for them."""

    def timestamp(self) -> tuple[int, int]:
        """Of the record."""
        return self.at


def read_recorded(kafka: KafkaSettings) -> Recorded:
    """Everything that is committed by now, in memory; raises UserError where the broker or a topic is not there."""
    reader = LogReader(kafka, (*INPUTS, *OUTPUTS, topics.MODEL_CHECKPOINTS))
    try:
        return Recorded(list(reader.read_to(reader.ends())))
    finally:
        reader.close()


def open_recorded(kafka: KafkaSettings) -> Recorded:
    """The same in bounded memory: frames are read when they are asked for, large values lie in a file."""
    frames = _FramesOnKafka(kafka)
    others = {*INPUTS, *OUTPUTS, topics.MODEL_CHECKPOINTS} - {topics.OUTCOME_FRAMES}
    reader = LogReader(kafka, sorted(others))
    try:
        return Recorded(_kept(reader.read_to(reader.ends())), frames)
    finally:
        reader.close()


def _kept(records: Iterable[Record]) -> Iterator[Record]:
    """The records; large values go into a file that lives as long as they do."""
    file = tempfile.TemporaryFile(prefix="driftloop-verify-")  # noqa: SIM115  (the records hold it)
    end = 0
    for record in records:
        value = record.value()
        if record.topic() not in LARGE or value is None:
            yield record
            continue
        file.seek(end)
        file.write(value)
        names, place = (record.topic(), record.key()), (record.partition(), record.offset())
        yield _OnDisk(names, place, record.timestamp(), file, (end, len(value)))
        end += len(value)


def place_of(message: Mapping[str, object]) -> int | None:
    """The offset of the frame that a message is about; None where it is about none."""
    data = message.get("data")
    until = data.get("until") if isinstance(data, dict) else None
    position = message.get("position") or message.get("from_position") or until
    return position["offset"] if isinstance(position, dict) else None


def json_of(record: Record) -> dict[str, object]:
    """The message in a record that the product wrote."""
    found: dict[str, object] = json.loads(bytes_of(record))
    return found


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
