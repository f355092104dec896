"""How a batch is taken from the client."""

from confluent_kafka import KafkaError, Message
from hypothesis import given
from hypothesis import strategies as st

from driftloop.kafka.loop.polling import Polling
from driftloop.kafka.settings import KafkaSettings


class AtItsEnd:
    """A consumer that tells the end of a partition and has nothing else."""

    def __init__(self):
        self.asked = 0

    def poll(self, timeout):
        return Message("outcome-frames", 0, 7, error=KafkaError(KafkaError._PARTITION_EOF))

    def consume(self, limit, timeout):
        self.asked += 1
        return []


def test_behind_an_end_alone_a_linger_keeps_no_core_busy():
    consumer = AtItsEnd()
    polled = Polling(KafkaSettings(linger_ms=300), consumer, lambda *_: None).poll(100, 0.1)
    assert polled.ends == {("outcome-frames", 0): 7}
    assert consumer.asked == 1


class Full:
    """A consumer that never runs out of records of one size."""

    def __init__(self, size):
        self.size = size

    def poll(self, timeout):
        return Message("outcome-frames", 0, 0, value=b"x" * self.size)

    def consume(self, limit, timeout):
        return [self.poll(timeout) for _ in range(limit)]


@given(size=st.integers(1, 300), most=st.integers(1, 5_000), limit=st.integers(1, 700))
def test_a_batch_of_records_of_one_size_is_no_larger_than_asked_by_more_than_a_record(size, most, limit):
    records = Polling(KafkaSettings(batch_bytes=most), Full(size), lambda *_: None).poll(limit, 0.1).records
    taken = sum(map(len, records))
    assert len(records) == limit or most <= taken
    assert taken < most + size
