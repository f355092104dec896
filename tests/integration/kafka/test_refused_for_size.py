"""What the real broker answers where a record or a transaction is too large, and what becomes of it."""

import string
import time
from random import Random

import pytest
from confluent_kafka.admin import NewTopic
from tests.contract.loop.conftest import Counter
from tests.quiescence import Quiescence

from driftloop.contracts.topics import DEAD_LETTERS
from driftloop.kafka.admin.topics import create_topics
from driftloop.kafka.clients.clients import admin_client, plain_producer
from driftloop.kafka.clients.log_reader import LogReader
from driftloop.kafka.loop.kafka_transport import KafkaTransport
from driftloop.kafka.loop.loop import Loop
from driftloop.kafka.loop.writer import Writer
from driftloop.kafka.settings import LoopSettings
from driftloop.processor import Effects, Outgoing

pytestmark = pytest.mark.broker

SETTINGS = LoopSettings(service="framer", group="framer", inputs=("outcome-frames",), state="keyed")
LIMIT = 20_000


class Framer(Counter):
    """Puts a whole batch into one record."""

    def process(self, records, now, *, tables_current=False):
        counted = super().process(records, now)
        frame = b"".join(record.value() for record in records)
        return Effects((Outgoing("drift-signals", "frame", frame),), counted.state_changes)


def read(kafka, topic):
    reader = LogReader(kafka, [topic])
    try:
        return list(reader.read_to(reader.ends()))
    finally:
        reader.close()


def run_to_the_end(kafka, core, transport=None):
    loop = Loop(core, SETTINGS, kafka, transport=transport)
    loop.start()
    watch = Quiescence(kafka, {"framer": ("outcome-frames",)})
    try:
        for _ in range(400):
            if not loop.step() and watch.quiescent():
                return loop
        raise AssertionError("it aborts and starts over, without end")
    finally:
        loop._transport.close()


@pytest.fixture
def small(kafka):
    """A cluster whose signals may have 20 kB, uncompressed."""
    config = {"max.message.bytes": str(LIMIT), "compression.type": "uncompressed"}
    names = {"outcome-frames": {}, "drift-signals": config, DEAD_LETTERS: {}}
    wanted = [NewTopic(kafka.topic_prefix + name, 1, 1, config=config) for name, config in names.items()]
    create_topics(admin_client(kafka), wanted)
    return kafka


def send(kafka, values):
    producer = plain_producer(kafka)
    for number, value in enumerate(values):
        producer.produce(f"{kafka.topic_prefix}outcome-frames", value, f"k{number}")
    assert producer.flush(30) == 0


def noise(number, size):
    """Text that lz4 makes no smaller."""
    return bytes(Random(number).choices(string.ascii_letters.encode(), k=size))


def test_a_frame_above_the_limit_of_the_broker_is_cut_and_a_record_above_it_is_buried(small):
    values = [noise(number, 1_500) for number in range(40)]
    values[7] = noise(7, 2 * LIMIT)
    send(small, values)
    run_to_the_end(small, Framer())
    assert b"".join(record.value() for record in read(small, "drift-signals")) == b"".join(values[:7] + values[8:])
    (buried,) = read(small, DEAD_LETTERS)
    assert buried.value() == values[7]
    assert dict(buried.headers())["dlq.error.stage"] == b"commit"
    assert b"too large" in dict(buried.headers())["dlq.error.message"]


class SlowWriter(Writer):
    """Needs 60 ms for each record of a transaction."""

    def close(self, offsets, consumer):
        self.flush()
        time.sleep(0.06 * self.written)
        super().close(offsets, consumer)

    def begin(self, writes):
        self.written = len(writes)
        super().begin(writes)


def test_a_transaction_that_the_broker_takes_back_for_its_age_is_made_smaller(small):
    kafka = small.model_copy(update={"transaction_timeout_ms": 1_000})
    send(kafka, [b"%03d" % number for number in range(20)])
    transport = KafkaTransport(SETTINGS, kafka)
    transport.new_writer = SlowWriter
    loop = run_to_the_end(kafka, Counter(), transport)
    written = [record.value() for record in read(kafka, "drift-signals")]
    assert written == [b"k%d=1" % number for number in range(20)]
    assert read(kafka, DEAD_LETTERS) == []
    assert loop.metrics.registry.get_sample_value("driftloop_consecutive_aborts", {"service": "framer"}) == 0
    ends = {"service": "framer", "end": "aborted"}
    assert loop.metrics.registry.get_sample_value("driftloop_transactions_total", ends) >= 3
