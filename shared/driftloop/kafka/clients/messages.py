"""The client's messages as records: under driftloop's own topic names, each with its place.

Why the place is checked: the client's types say that topic, partition and offset may be missing. A record that is
taken for the one at offset 0 would be skipped or counted twice, so a message without a place is an error.
"""

from typing import NamedTuple, cast

from confluent_kafka import Message

from driftloop.processor import Record


class Place(NamedTuple):
    """Where a message, or the end that it tells of, is in the log."""

    topic: str
    partition: int
    offset: int


def place_of(message: Message, prefix: str = "") -> Place:
    """The place, without the prefix of a shared cluster. Raises ValueError where the client gave none.

    >>> from driftloop.testing.records import FakeRecord
    >>> place_of(FakeRecord("a.drift-signals", at_partition=2, at_offset=7), "a.")
    Place(topic='drift-signals', partition=2, offset=7)
    """
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    if topic is None or partition is None or offset is None:
        raise ValueError(
            f"the Kafka client gave a message without a place (topic {topic}, partition {partition}, offset {offset}): "
            "nothing can be committed behind it"
        )
    return Place(topic.removeprefix(prefix), partition, offset)


def record_of(message: Message, prefix: str) -> Record:
    """The message under driftloop's own topic name. Raises ValueError where the client gave no place."""
    place = place_of(message, prefix)
    if prefix:
        message.set_topic(place.topic)  # type: ignore[attr-defined]
    return cast("Record", message)
