"""Loads the view to the ends of the log, and says where the tail has to go on."""

from collections.abc import Callable

from driftloop.contracts.topics import CHALLENGE_SCORES, DEAD_LETTERS
from driftloop.kafka.clients.log_reader import LogReader, OffsetsGoneError
from driftloop.kafka.settings import KafkaSettings
from driftloop.processor import Record
from operations_console.core.view.fleet import TOPICS, FleetView, Position

NEWEST_ONLY = (DEAD_LETTERS, CHALLENGE_SCORES)
"""Topics with large values, of which the newest records are enough."""


def load(view: FleetView, kafka: KafkaSettings, newest: int, count: Callable[[str, int], None]) -> dict[Position, int]:
    """Fold the whole log into the view; the next offset of every partition.

    Of dead letters and challenge scores the `newest` of each partition are read: their values are large.
    Raises UserError where the broker is away or a topic is missing.
    """
    offsets: dict[Position, int] = {}
    for topics, start in (
        ([topic for topic in TOPICS if topic not in NEWEST_ONLY], {}),
        ([], _newest(kafka, newest)),
    ):
        reader = LogReader(kafka, topics, start=start)
        try:
            for record in reader.read_to(reader.ends()):
                view.take(record)
                count(record.topic(), 1)
            offsets |= {position: max(0, offset) for position, offset in reader.positions.items()}
        finally:
            reader.close()
    return offsets


def _newest(kafka: KafkaSettings, most: int) -> dict[Position, int]:
    reader = LogReader(kafka, NEWEST_ONLY)
    try:
        first, ends = reader.beginnings(), reader.ends()
    finally:
        reader.close()
    return {position: max(first[position], end - most) for position, end in ends.items()}


def read_at(kafka: KafkaSettings, position: Position, offset: int) -> Record | None:
    """The record at an offset; None where there is none any more, or yet. Raises UserError as `load` does."""
    reader = LogReader(kafka, start={position: offset})
    try:
        if not reader.beginnings()[position] <= offset < reader.ends()[position]:
            return None
        found = next(iter(reader.read_to({position: offset + 1})), None)
        return found if found is not None and found.offset() == offset else None
    except OffsetsGoneError:
        return None
    finally:
        reader.close()
