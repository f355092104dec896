"""Asks where logs end, and how far groups have come.

Why through consumers that never join, and not through the administrator's client: its `list_offsets`
and `list_consumer_group_offsets` wait in vain when a coordinator is only just coming up, and then bring
the whole process down (an assertion in librdkafka 2.16) when the broker's connection breaks.
"""

from collections.abc import Callable, Sequence

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaException, TopicPartition

from driftloop.kafka.clients.clients import offset_reader
from driftloop.kafka.clients.retries import patiently
from driftloop.kafka.loop.transport import Position
from driftloop.kafka.settings import KafkaSettings

_TIMEOUT_S = 10.0


class EndOffsets:
    """The ends of partitions, open transactions counted in. One request a broker."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._prefix = kafka.topic_prefix
        self._consumer = offset_reader(kafka, "driftloop-reader")

    def ask(self, positions: Sequence[Position]) -> dict[Position, int]:
        """The offset that the next record of each partition will have; raises UserError after a minute."""
        return self._ask(positions, OFFSET_END)

    def starts(self, positions: Sequence[Position]) -> dict[Position, int]:
        """The first offset that each partition still has; raises UserError after a minute."""
        return self._ask(positions, OFFSET_BEGINNING)

    def _ask(self, positions: Sequence[Position], where: int) -> dict[Position, int]:
        if not positions:
            return {}
        asked = [TopicPartition(self._prefix + topic, number, where) for topic, number in positions]
        return _asked(lambda: self._consumer.offsets_for_times(asked, timeout=_TIMEOUT_S), self._prefix)

    def close(self) -> None:
        """Let the connection go."""
        self._consumer.close()


class GroupOffsets:
    """The next offsets that a group has committed; 0 where it has none."""

    def __init__(self, kafka: KafkaSettings, group: str) -> None:
        self._prefix = kafka.topic_prefix
        self._consumer = offset_reader(kafka, group)

    def ask(self, positions: Sequence[Position]) -> dict[Position, int]:
        """One answer for each partition; raises UserError after a minute."""
        asked = [TopicPartition(self._prefix + topic, number) for topic, number in positions]
        return _asked(lambda: self._consumer.committed(asked, timeout=_TIMEOUT_S), self._prefix)

    def close(self) -> None:
        """Let the connection go."""
        self._consumer.close()


def _asked(call: Callable[[], list[TopicPartition]], prefix: str) -> dict[Position, int]:
    def answer() -> dict[Position, int]:
        found = call()
        for tp in found:
            if tp.error is not None:
                raise KafkaException(tp.error)
        return {(tp.topic.removeprefix(prefix), tp.partition): max(0, tp.offset) for tp in found}

    return patiently(answer, "asking Kafka for offsets")
