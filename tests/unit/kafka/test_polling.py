"""How a batch is taken from the client."""

from confluent_kafka import KafkaError, Message

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
