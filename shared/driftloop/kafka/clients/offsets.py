"""Asks where logs end, and how far groups have come.

Why through consumers that never join, and not through the administrator's client: its `list_offsets`
and `list_consumer_group_offsets` wait in vain when a coordinator is only just coming up, and then bring
the whole process down (an assertion in librdkafka 2.16) when the broker's connection breaks.
"""

import time
from collections.abc import Callable, Sequence

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition

from driftloop.kafka.clients.clients import group_reader, offset_reader
from driftloop.kafka.clients.retries import patiently
from driftloop.kafka.deadlines import DEADLINES
from driftloop.kafka.loop.transport import Position
from driftloop.kafka.settings import KafkaSettings

_ASK_ANEW = frozenset({KafkaError._TIMED_OUT, KafkaError._TIMED_OUT_QUEUE, KafkaError._DESTROY_BROKER})
_STALE_S = 3.0
"""A leader that is elected is known sooner; a client that knows of none for longer looks at what it remembers."""


class EndOffsets:
    """The ends of partitions, open transactions counted in. One request a broker.

    With `stable` the ends are those up to which every transaction is decided.
    """

    def __init__(self, kafka: KafkaSettings, *, stable: bool = False) -> None:
        self._prefix = kafka.topic_prefix
        self._asker = _Asker(kafka, "driftloop-reader", group_reader if stable else offset_reader)

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
        return self._asker.ask(lambda consumer: consumer.offsets_for_times(asked, timeout=DEADLINES.ask_s))

    def close(self) -> None:
        """Let the connection go."""
        self._asker.close()


class GroupOffsets:
    """The next offsets that a group has committed; 0 where it has none."""

    def __init__(self, kafka: KafkaSettings, group: str) -> None:
        self._prefix = kafka.topic_prefix
        self._asker = _Asker(kafka, group)

    def ask(self, positions: Sequence[Position]) -> dict[Position, int]:
        """One answer for each partition; raises UserError after a minute."""
        asked = [TopicPartition(self._prefix + topic, number) for topic, number in positions]
        return self._asker.ask(lambda consumer: consumer.committed(asked, timeout=DEADLINES.ask_s))

    def close(self) -> None:
        """Let the connection go."""
        self._asker.close()


class _Asker:
    """Asks, and asks again through a new client where no answer came.

    Why a new one: a client that has lost a broker may wait for it in each call again, until nothing is left of the
    minute. In an outage of a cluster of three, services stood still for it though two brokers would have answered.
    And a client may go on to say "leader not available" of a partition that has one (librdkafka 2.16: its cache has
    the leader's number and not the leader): after a broker had been stopped and started, all services stood for 45 s
    and ended, while every broker answered.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        group: str,
        opened: Callable[[KafkaSettings, str], Consumer] = offset_reader,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kafka, self._group, self._opened, self._clock = kafka, group, opened, clock
        self._refused_since: float | None = None
        self._consumer = opened(kafka, group)

    def ask(self, question: Callable[[Consumer], list[TopicPartition]]) -> dict[Position, int]:
        """The offsets by partition; raises UserError where no client gets an answer in time."""
        return patiently(lambda: self._answer(question), "asking Kafka for offsets")

    def _answer(self, question: Callable[[Consumer], list[TopicPartition]]) -> dict[Position, int]:
        try:
            found = without_errors(question(self._consumer))
        except KafkaException as error:
            if error.args[0].code() in _ASK_ANEW or self._refused_for_long():
                self.close()
                self._consumer = self._opened(self._kafka, self._group)
                self._refused_since = None
            raise
        self._refused_since = None
        return {(tp.topic.removeprefix(self._kafka.topic_prefix), tp.partition): max(0, tp.offset) for tp in found}

    def _refused_for_long(self) -> bool:
        """Whether this client has had no answer, only errors, for too long."""
        now = self._clock()
        if self._refused_since is None:
            self._refused_since = now
        return now - self._refused_since > _STALE_S

    def close(self) -> None:
        """Let the connection go."""
        self._consumer.close()


def without_errors(found: list[TopicPartition]) -> list[TopicPartition]:
    """The answers; raises the first of their errors, each of which is of one partition, as a KafkaException."""
    for tp in found:
        if tp.error is not None:
            raise KafkaException(tp.error)
    return found
