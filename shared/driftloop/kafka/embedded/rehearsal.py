"""What a loop asks of its broker, done once on a broker that notes what it loads for that.

Without it the cache holds what a start needs; every kind of request then costs the next broker the classes that it
brings along.
"""

import time
from contextlib import closing
from uuid import uuid4

from confluent_kafka import Consumer, TopicPartition

from driftloop.contracts import topics
from driftloop.kafka.admin.topics import apply_topics
from driftloop.kafka.clients.clients import group_consumer, plain_producer, require_broker, transactional_producer
from driftloop.kafka.clients.log_reader import LogReader
from driftloop.kafka.clients.offsets import EndOffsets, GroupOffsets
from driftloop.kafka.settings import KafkaSettings

_GROUP = "rehearsal"
_TIMES = 20
_SECONDS = 30.0
_INPUT, _OUTPUT = topics.PREDICTION_OUTCOMES, topics.OUTCOME_FRAMES


def rehearse(bootstrap_servers: str) -> None:
    """Make the topics; read, write in transactions with offsets, and look at both, some times over.

    Raises UserError or KafkaException where the broker does not do it.
    """
    kafka = KafkaSettings(bootstrap_servers=bootstrap_servers, topic_prefix="")
    require_broker(kafka)
    for _ in range(2):  # the second time they are there, and get their settings
        apply_topics(kafka, partitions=1)
    _read_and_write(kafka)
    start, end = {(_OUTPUT, 0): 0}, {(_OUTPUT, 0): _TIMES}
    with closing(LogReader(kafka, start=start)) as reader:
        for _ in reader.read_to(end):
            pass
    for stable in (False, True):
        with closing(EndOffsets(kafka, stable=stable)) as ends:
            ends.ask([(_INPUT, 0), (_OUTPUT, 0)])
    with closing(GroupOffsets(kafka, _GROUP)) as offsets:
        offsets.ask([(_INPUT, 0)])


def _from_the_beginning(consumer: Consumer, found: list[TopicPartition]) -> None:
    for partition in found:
        partition.offset = 0
    consumer.incremental_assign(found)


def _read_and_write(kafka: KafkaSettings) -> None:
    plain, writer = plain_producer(kafka), transactional_producer(kafka, f"{_GROUP}-{uuid4()}")
    writer.init_transactions(_SECONDS)
    with closing(group_consumer(kafka, _GROUP)) as consumer:
        consumer.subscribe([_INPUT], on_assign=_from_the_beginning)
        deadline = time.monotonic() + _SECONDS
        for _ in range(_TIMES):
            plain.produce(_INPUT, key="model", value=b"row")
            plain.flush(_SECONDS)
            while not any(one.error() is None for one in consumer.consume(1, 0.1)) and time.monotonic() < deadline:
                continue
            writer.begin_transaction()
            for topic in (_OUTPUT, topics.DRIFT_SIGNALS):
                writer.produce(topic, key="model", value=b"made of it")
            positions = consumer.position(consumer.assignment())
            writer.send_offsets_to_transaction(positions, consumer.consumer_group_metadata(), _SECONDS)
            writer.commit_transaction(_SECONDS)
            if time.monotonic() > deadline:
                return
