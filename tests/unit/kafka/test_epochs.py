"""Which leader's epoch goes along with an offset, and what a service says where a leader lacks what was read."""

import pytest
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from driftloop.kafka.loop.epochs import Epochs
from driftloop.kafka.loop.identity import Trouble, sentence, truncated
from driftloop.kafka.loop.polling import Polling
from driftloop.kafka.settings import KafkaSettings

A = ("outcome-frames", 0)
SAID = "Partition log truncation detected at offset 10 (leader epoch 0): broker end offset is 6 (offset leader epoch 0)"


class Reader:
    """A consumer that was given records up to some place."""

    def __init__(self, offset, epoch=-1):
        self.at = TopicPartition("p." + A[0], A[1], offset, leader_epoch=epoch)

    def position(self, asked):
        return [self.at]


class Stranger:
    def position(self, asked):
        raise KafkaException(KafkaError(KafkaError._STATE))


def epoch_with(epochs, offset):
    (named,) = epochs.named({A: offset}, "a note")
    assert (named.topic, named.offset, named.metadata) == ("p." + A[0], offset, "a note")
    return named.leader_epoch


@pytest.mark.parametrize(
    ("offset", "epoch"),
    [
        pytest.param(10, 4, id="behind the last record"),
        pytest.param(7, 4, id="before it: an epoch that is too high ended no earlier"),
        pytest.param(11, None, id="behind a marker that may be of a later leader: no false alarm"),
    ],
)
def test_an_epoch_goes_with_offsets_up_to_where_it_was_seen(offset, epoch):
    epochs = Epochs("p.")
    epochs.read_by(Reader(10, 4), [A])
    assert epoch_with(epochs, offset) == epoch


@pytest.mark.parametrize("reader", [Reader(-1001), Reader(12), Stranger()], ids=["nothing", "no epoch", "not its own"])
def test_what_the_client_does_not_know_leaves_what_was_noted(reader):
    epochs = Epochs("p.")
    epochs.note([TopicPartition("p." + A[0], A[1], 10, leader_epoch=2)])
    epochs.read_by(reader, [A])
    assert epoch_with(epochs, 10) == 2


def test_nothing_is_given_where_nothing_was_seen():
    assert epoch_with(Epochs("p."), 0) is None


def test_a_service_names_what_the_log_has_lost():
    verdict = truncated(A[0], SAID)
    assert verdict.trouble is Trouble.TRUNCATED
    said = sentence("drift_detection", "drift_detection", 3, verdict)
    assert said.startswith("drift_detection stops: the log has lost records that were read in partition 3: ")
    assert "outcome-frames ends at 6" in said
    assert "driftloop recover drift_detection --from group --yes" in said
    assert truncated(A[0], "Offset out of range") is None


@pytest.mark.parametrize("code", [KafkaError._AUTO_OFFSET_RESET, KafkaError._LOG_TRUNCATION])
def test_records_that_are_gone_are_told_of_whichever_code_they_come_with(code):
    told = []

    class Gone:
        def poll(self, timeout):
            return Message(A[0], A[1], 10, error=KafkaError(code, SAID))

        def consume(self, limit, timeout):
            return []

    Polling(KafkaSettings(), Gone(), lambda *gone: told.append(gone[:2])).poll(10, 0.1)
    assert told == [A]
