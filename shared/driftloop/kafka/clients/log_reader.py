"""The runtime's own reader of partitions: committed records only, outside every group.

It gives the client's messages as they are, knows positions behind transaction markers, and awaits
open transactions; state and tables are restored through it.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from driftloop.errors import AwayError, ExitCode
from driftloop.kafka.clients.clients import plain_reader
from driftloop.kafka.clients.messages import place_of, record_of
from driftloop.kafka.clients.offsets import EndOffsets
from driftloop.kafka.deadlines import DEADLINES
from driftloop.kafka.loop.consumer_errors import raise_lasting
from driftloop.kafka.loop.transport import Position
from driftloop.kafka.settings import KafkaSettings
from driftloop.processor import Record

GONE = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError._LOG_TRUNCATION})
"""What a client says of a position that the log does not have: any more, yet, or for the leader it was read from."""


class OffsetsGoneError(KafkaException):
    """A position to start from is not in the log any more (or not yet)."""


class LogReader:
    """Reads topics from their beginning, and single partitions from the offsets in `start`."""

    def __init__(
        self, kafka: KafkaSettings, topics: Iterable[str] = (), *, start: Mapping[Position, int] | None = None
    ) -> None:
        self._kafka = kafka
        self._ends: EndOffsets | None = None
        self._consumer = plain_reader(kafka)
        self._next: dict[Position, int] = {}
        for topic in topics:
            for partition in range(partition_count(self._consumer, kafka, topic)):
                self._next[topic, partition] = OFFSET_BEGINNING
        for position in start or {}:  # a client that knows the leaders starts half a second sooner
            partition_count(self._consumer, kafka, position[0])
        self._next |= start or {}
        self._consumer.assign([self._named(position, offset) for position, offset in self._next.items()])

    def close(self) -> None:
        """Let the connections go."""
        self._consumer.close()
        if self._ends is not None:
            self._ends.close()

    @property
    def positions(self) -> dict[Position, int]:
        """The next offset of every partition; negative where nothing was heard of it yet."""
        return dict(self._next)

    def poll(self, timeout_s: float, limit: int = 10_000) -> list[Record]:
        """Up to `limit` new records; waits at most `timeout_s` for the first thing to hear."""
        first = self._consumer.poll(timeout_s)
        if first is None:
            return []
        return self._sorted_out([first, *self._consumer.consume(limit, 0.0)])

    def read_to(self, ends: Mapping[Position, int], timeout_s: float = DEADLINES.delivery_s) -> Iterator[Record]:
        """Records until each partition's position is at its end; raises AwayError where none come in time."""
        deadline = time.monotonic() + timeout_s
        while any(self._next[position] < end for position, end in ends.items() if end):
            found = self.poll(0.1)
            if found:
                deadline = time.monotonic() + timeout_s
            elif time.monotonic() > deadline:
                raise AwayError(f"Kafka delivered nothing for {timeout_s:.0f} s", ExitCode.BROKER_AWAY)
            yield from found

    def ends(self) -> dict[Position, int]:
        """The end offset of every partition, open transactions included."""
        self._ends = self._ends or EndOffsets(self._kafka)
        return self._ends.ask(list(self._next))

    def beginnings(self) -> dict[Position, int]:
        """The offset of the first record that every partition still holds."""
        self._ends = self._ends or EndOffsets(self._kafka)
        return self._ends.starts(list(self._next))

    def _named(self, position: Position, offset: int) -> TopicPartition:
        return TopicPartition(self._kafka.topic_prefix + position[0], position[1], offset)

    def _sorted_out(self, messages: Sequence[Message]) -> list[Record]:
        records: list[Record] = []
        for message in messages:
            if (error := message.error()) is None:
                record = record_of(message, self._kafka.topic_prefix)
                self._next[record.topic(), record.partition()] = record.offset() + 1
                records.append(record)
            elif error.code() == KafkaError._PARTITION_EOF:
                topic, partition, end = place_of(message, self._kafka.topic_prefix)
                self._next[topic, partition] = max(self._next[topic, partition], end)
            elif error.code() in GONE:
                raise OffsetsGoneError(error)
            else:
                raise_lasting(message, error, self._kafka.topic_prefix)
        return records


def bare_reader(kafka: KafkaSettings, position: Position) -> Consumer:
    """The client's own reader of one partition from its beginning: what a benchmark compares with."""
    consumer = plain_reader(kafka)
    partition_count(consumer, kafka, position[0])
    consumer.assign([TopicPartition(kafka.topic_prefix + position[0], position[1], OFFSET_BEGINNING)])
    return consumer


def partition_count(client: Any, kafka: KafkaSettings, topic: str) -> int:
    """How many partitions a topic has; raises AwayError where it is not there."""
    name = kafka.topic_prefix + topic
    try:
        found = client.list_topics(name, timeout=DEADLINES.call_s).topics.get(name)
    except KafkaException as error:
        raise AwayError(
            f"no Kafka broker answers at {kafka.bootstrap_servers}: start it, or check the address",
            ExitCode.BROKER_AWAY,
        ) from error
    if found is None or found.error is not None:
        raise AwayError(f"topic {name} is not there: run `driftloop topics apply`", ExitCode.NOT_FOUND)
    return len(found.partitions)
