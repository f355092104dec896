"""What a slot left open is told from what is only slow, and ended by the word that it was decided by."""

from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from driftloop.kafka.loop import left_open, writer
from driftloop.kafka.loop.left_open import LOOK_EVERY_S, LeftOpen
from driftloop.kafka.loop.transport import Write
from driftloop.kafka.loop.writer import Writer
from driftloop.kafka.settings import KafkaSettings, LoopSettings

SETTINGS = LoopSettings(service="counter", group="counter", inputs=("outcome-frames",), state="keyed")
LONG_S = 120.0


def timed_out():
    return KafkaException(KafkaError(KafkaError._TIMED_OUT, "timed out", False, True))


class Cluster:
    """`held` are partitions of the changelog with something open, `pending`: so is an end of the group's offsets."""

    def __init__(self):
        self.now, self.held, self.pending, self.answers_in_s = 0.0, set(), False, 0.001
        self.clients, self.ended = 0, []

    def reader(self, *, stable):
        self.clients += 1
        return Reader(self, stable)


class Reader:
    def __init__(self, cluster, stable):
        self._cluster, self._stable = cluster, stable

    def _within(self, timeout):
        self._cluster.now += min(timeout, self._cluster.answers_in_s)
        if timeout < self._cluster.answers_in_s:
            raise timed_out()

    def offsets_for_times(self, asked, timeout):
        self._within(timeout)
        held = self._cluster.held if self._stable else ()
        return [TopicPartition(tp.topic, tp.partition, 5 if tp.partition in held else 9) for tp in asked]

    def committed(self, asked, timeout):
        if self._stable and self._cluster.pending:
            self._cluster.now += timeout
            raise timed_out()
        self._within(timeout)
        return [TopicPartition(tp.topic, tp.partition, 7) for tp in asked]

    def close(self):
        self._cluster.clients -= 1


@pytest.fixture
def cluster(monkeypatch):
    cluster = Cluster()
    monkeypatch.setattr(left_open, "offset_reader", lambda *_: cluster.reader(stable=False))
    monkeypatch.setattr(left_open, "group_reader", lambda *_: cluster.reader(stable=True))
    monkeypatch.setattr(left_open, "time", SimpleNamespace(monotonic=lambda: cluster.now))
    return cluster


def of_slot(cluster):
    def end_pending(offsets, reader=None, logs=(), *, commit=False):
        cluster.ended += [(number, commit) for _, number in logs] + [("offsets", commit) for _ in offsets]

    return LeftOpen(KafkaSettings(), SETTINGS, 3, lambda: SimpleNamespace(end_pending=end_pending))


def look_for(cluster, slot, seconds, owned=()):
    until = cluster.now + seconds
    while cluster.now < until:
        cluster.now += LOOK_EVERY_S
        slot.look(owned)


def state(number):
    return Write(SETTINGS.changelog, b"k", b"1", (), number)


@pytest.mark.parametrize("last", [True, False])
def test_state_that_was_written_where_no_offset_moved_is_ended_by_the_word_of_its_own_transaction(cluster, last):
    slot = of_slot(cluster)
    slot.wrote([state(1)], {("outcome-frames", 1): 3}, committed=not last)
    slot.wrote([state(1)], {("outcome-frames", 2): 3}, committed=last)
    cluster.held = {1}
    look_for(cluster, slot, LONG_S)
    assert (1, last) in cluster.ended
    assert (1, not last) not in cluster.ended


def test_what_was_written_since_is_looked_at_anew(cluster):
    slot = of_slot(cluster)
    cluster.held = {0}
    look_for(cluster, slot, 10.0)
    slot.wrote([state(0)], {("outcome-frames", 0): 3}, committed=True)
    cluster.held = {0}
    look_for(cluster, slot, 40.0)
    assert not cluster.ended, "it may be open for as long as any transaction"
    look_for(cluster, slot, LONG_S)
    assert (0, True) in cluster.ended


@pytest.mark.parametrize("answers_in_s", [0.001, 0.7, 2.0, 4.0])
def test_a_slow_line_is_no_pending_end_and_is_not_asked_for_ever(cluster, answers_in_s):
    slot = of_slot(cluster)
    cluster.answers_in_s = answers_in_s
    look_for(cluster, slot, LONG_S)
    assert not cluster.ended
    before = cluster.now
    slot.look(())
    assert cluster.now == before, "all is decided"
    assert cluster.clients == 0


def test_where_the_broker_says_nothing_nothing_is_decided_or_ended(cluster):
    slot = of_slot(cluster)
    cluster.answers_in_s, cluster.held, cluster.pending = 1e9, {0}, True
    look_for(cluster, slot, LONG_S)
    assert not cluster.ended
    assert cluster.clients == 0
    cluster.answers_in_s = 0.001
    look_for(cluster, slot, LONG_S)
    assert {(0, False), ("offsets", False)} <= {*cluster.ended}


@pytest.mark.parametrize(("answers_in_s", "pending"), [(1e9, False), (3.0, True), (0.001, True), (0.001, False)])
def test_a_replica_spends_little_time_on_what_it_asks_in_vain(cluster, answers_in_s, pending):
    slot = of_slot(cluster)
    cluster.answers_in_s, cluster.pending = answers_in_s, pending
    asked, until = 0.0, 3_600.0
    while cluster.now < until:
        cluster.now += 0.1
        before = cluster.now
        slot.look(())
        asked += cluster.now - before
    assert asked < until / 10


class Producer:
    """Its commit is answered at the second time of asking."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        def call(*_, **__):
            self.calls.append(name)
            if name == "commit_transaction" and self.calls.count(name) == 1:
                raise timed_out()

        return call


def test_what_is_to_be_committed_is_not_taken_back_for_one_answer_that_came_late(monkeypatch):
    producer = Producer()
    monkeypatch.setattr(writer, "transactional_producer", lambda *_: producer)
    Writer(KafkaSettings(), "counter-0").end_pending([], logs=[(SETTINGS.changelog, 1)], commit=True)
    assert producer.calls.count("commit_transaction") == 2
    assert "abort_transaction" not in producer.calls
