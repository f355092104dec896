"""What is said, and done, where committed offsets are not to be had."""

import pytest
from confluent_kafka import OFFSET_INVALID, KafkaError, KafkaException, TopicPartition

from driftloop.errors import AwayError, ExitCode
from driftloop.kafka.loop import pending_offsets
from driftloop.kafka.loop.pending_offsets import PAGE, PendingOffsets
from driftloop.kafka.settings import KafkaSettings

KAFKA = KafkaSettings()
ASKED = [TopicPartition("outcome-frames", number) for number in range(6)]
AWAY = AwayError("asking did not work for 45 s", ExitCode.BROKER_AWAY)


class Coordinator:
    """Answers those who take any offset, and the others once nothing is pending."""

    def __init__(self, *, there=True, pending_of=None):
        self.there, self.pending_of = there, pending_of

    def heard(self, offsets):
        """What a transaction said before it was aborted."""

    def end(self, slot, offsets):
        """A transaction of a slot was aborted."""
        self.heard(offsets)
        if slot == self.pending_of:
            self.pending_of = None

    def reader(self, *, stable):
        return Reader(self, stable)


class Reader:
    offset = 7

    def __init__(self, coordinator, stable):
        self._coordinator, self._stable = coordinator, stable

    def committed(self, asked, timeout):
        if not self._coordinator.there or (self._stable and self._coordinator.pending_of is not None):
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return [TopicPartition(tp.topic, tp.partition, self.offset, "a note") for tp in asked]

    def close(self):
        pass


@pytest.fixture
def settle(monkeypatch):
    """Ask slot 0's replica to settle it with such a coordinator."""

    def settle(coordinator):
        monkeypatch.setattr(pending_offsets, "offset_reader", lambda *_: coordinator.reader(stable=False))
        monkeypatch.setattr(pending_offsets, "group_reader", lambda *_: coordinator.reader(stable=True))
        return PendingOffsets(KAFKA, "archive", lambda offsets, reader: coordinator.end(0, offsets)).settle(ASKED, AWAY)

    return settle


def test_what_is_pending_of_this_replica_is_ended_and_the_offsets_are_there(settle):
    assert [tp.offset for tp in settle(Coordinator(pending_of=0))] == [7] * len(ASKED)


@pytest.mark.parametrize(("offset", "touched"), [(7, 7), (OFFSET_INVALID, 0)], ids=["committed", "none yet"])
def test_the_transaction_that_ends_it_says_what_the_group_has_already(settle, monkeypatch, offset, touched):
    coordinator, said = Coordinator(pending_of=0), []
    monkeypatch.setattr(Reader, "offset", offset)
    monkeypatch.setattr(coordinator, "heard", said.extend)
    settle(coordinator)
    assert [(tp.topic, tp.partition, tp.offset, tp.metadata) for tp in said] == [
        ("outcome-frames", 0, touched, "a note")
    ]


def test_where_the_broker_is_away_the_first_sentence_stands(settle):
    with pytest.raises(AwayError) as away:
        settle(Coordinator(there=False))
    assert away.value is AWAY


def test_where_nothing_is_pending_a_new_clients_answer_is_taken_and_nothing_is_ended(settle, monkeypatch, caplog):
    coordinator, said = Coordinator(), []
    monkeypatch.setattr(coordinator, "heard", said.extend)
    assert [(tp.topic, tp.partition, tp.offset) for tp in settle(coordinator)] == [
        (tp.topic, tp.partition, 7) for tp in ASKED
    ]
    assert said == []
    assert caplog.messages == [
        "a new client was told the offsets of archive, the member was not: asking did not work for 45 s"
    ]


def test_what_is_pending_of_another_producer_is_named_with_the_page_to_read(settle):
    with pytest.raises(AwayError) as away:
        settle(Coordinator(pending_of=1))
    assert away.value.exit_code == ExitCode.BROKER_AWAY
    assert "outcome-frames/0, outcome-frames/1" in away.value.sentence
    assert "pending since" in away.value.sentence
    assert "`driftloop recover archive --yes`" in away.value.sentence
    assert PAGE in away.value.sentence
