"""Two worlds in which the same claims about Kafka and its client are held: the simulated one, and the real one.

Seen on Apache Kafka 4.3.0 with librdkafka 2.16.0 (confluent-kafka 2.16.1).
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import NewTopic
from tests.simulation.cases.counter import CounterCase
from tests.simulation.plan import plan_of
from tests.simulation.virtual import simulated
from tests.simulation.world import World

from driftloop.kafka.admin.topics import create_topics
from driftloop.kafka.clients import clients
from driftloop.kafka.settings import KafkaSettings

TOPIC, OTHER = "outcome-frames", "drift-signals"


class Clients:
    """Makes clients as the runtime does; `until` asks again until it is answered, in the world's own time."""

    def __init__(self, kafka: KafkaSettings, now: Callable[[], float], pass_time: Callable[[float], None]) -> None:
        self.kafka, self._now, self._pass = kafka, now, pass_time
        self._open: list[Any] = []

    def named(self, topic: str, offset: int = -1001) -> TopicPartition:
        return TopicPartition(self.kafka.topic_prefix + topic, 0, offset)

    def producer(self, name: str) -> Any:
        made = clients.transactional_producer(self.kafka, name)
        made.init_transactions(15)
        return made

    def plain(self) -> Any:
        return clients.plain_producer(self.kafka)

    def member(self, group: str) -> Any:
        made = clients.group_consumer(self.kafka, group)
        self._open.append(made)
        return made

    def reader(self, topic: str, offset: int = 0) -> Any:
        made = clients.plain_reader(self.kafka)
        made.assign([self.named(topic, offset)])
        self._open.append(made)
        return made

    def asker(self, group: str, *, stable: bool) -> Any:
        made = (clients.group_reader if stable else clients.offset_reader)(self.kafka, group)
        self._open.append(made)
        return made

    def until(self, ask: Callable[[], Any], seconds: float = 120.0) -> Any:
        end = self._now() + seconds
        while not (found := ask()):
            assert self._now() < end, "it never came"
            self._pass(0.02)
        return found

    def pass_time(self, seconds: float) -> None:
        end = self._now() + seconds
        while self._now() < end:
            self._pass(0.02)

    def heard(self, consumer: Any, records: int, *, end: bool = True) -> tuple[list[bytes], list[int]]:
        """So many values, and the ends of the partition that were told behind them."""
        values: list[bytes] = []
        ends: list[int] = []

        def hear() -> bool:
            message = consumer.poll(0.05)
            if message is not None and message.error() is None:
                values.append(message.value())
                ends.clear()
            elif message is not None:
                ends.append(message.offset())
            return len(values) >= records and bool(ends or not end)

        self.until(hear)
        return values, ends

    def close(self) -> None:
        for consumer in self._open:
            consumer.close()


@pytest.fixture(params=["simulated", pytest.param("kafka", marks=pytest.mark.broker)])
def world(request: pytest.FixtureRequest) -> Iterator[Clients]:
    if request.param == "simulated":
        plan = plan_of(1)
        with simulated():
            quiet = World(plan, CounterCase(1, 0, 1))
            quiet.active = False
            for topic in (TOPIC, OTHER):
                quiet.cluster.create(topic, 1)
            yield Clients(KafkaSettings(), lambda: quiet.now, quiet.sleep)
        return
    kafka = request.getfixturevalue("kafka").model_copy(update={"fetch_wait_ms": 10})
    create_topics(clients.admin_client(kafka), [NewTopic(kafka.topic_prefix + t, 1, 1) for t in (TOPIC, OTHER)])
    real = Clients(kafka, time.monotonic, time.sleep)
    yield real
    real.close()
