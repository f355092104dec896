"""Lag, readiness and liveness say what is, above all when nothing goes on."""

import pytest
from tests.contract.loop.conftest import Counter

from driftloop.in_memory.log import MemoryLog
from driftloop.in_memory.loop import MemoryLoop, MemoryTransport
from driftloop.kafka.loop.loop import Loop
from driftloop.kafka.loop.transport import AbortedError
from driftloop.kafka.settings import KafkaSettings, LoopSettings
from driftloop.testing.clock import FakeClock

ONE = LoopSettings(service="counter", group="counter", inputs=("outcome-frames",), state="keyed")
TWO = ONE.model_copy(update={"inputs": ("prediction-outcomes", "prediction-labels")})


def value(loop, name, **labels):
    return loop.metrics.registry.get_sample_value(name, {"service": "counter", **labels})


def lag(loop, topic="outcome-frames", partition=0):
    return value(loop, "driftloop_lag_records", topic=topic, partition=str(partition))


@pytest.fixture
def at_once(monkeypatch):
    """The lag is looked at in every turn."""
    monkeypatch.setattr("driftloop.kafka.loop.loop._LAG_EVERY_S", -1.0)


def test_a_loop_that_aborts_again_and_again_has_a_lag_is_not_ready_and_says_how_often(at_once):
    log = MemoryLog()
    loop = MemoryLoop(Counter(), ONE, log)
    loop.settle()
    assert loop.ready
    for _ in range(5):
        log.append("outcome-frames", key="k", value=b"x")
    log.fail_next(*[AbortedError("the broker says no")] * 4)
    for turn in range(4):
        loop.step()
        assert lag(loop) == 5
        assert value(loop, "driftloop_consecutive_aborts") == turn + 1
        assert loop.ready == (turn < 2)
    loop.settle()
    assert lag(loop) == 0
    assert value(loop, "driftloop_consecutive_aborts") == 0
    assert loop.ready


class SaysOtherwise(MemoryTransport):
    """Its third transaction goes through, and nobody is told."""

    tried = 0

    def commit(self, writes, offsets):
        self.tried += 1
        if self.tried == 3:
            super().commit(writes, offsets)
        if self.tried <= 3:
            raise AbortedError("no answer")
        super().commit(writes, offsets)


def test_a_commit_that_went_through_unheard_makes_ready_though_no_record_is_left():
    log = MemoryLog()
    for _ in range(5):
        log.append("outcome-frames", key="k", value=b"x")
    loop = Loop(Counter(), ONE, KafkaSettings(), clock=FakeClock(), transport=SaysOtherwise(ONE, log))
    loop.start()
    for _ in range(6):
        loop.step()
    assert len(log.records("drift-signals")) == 5
    assert value(loop, "driftloop_consecutive_aborts") == 0
    assert loop.ready


class HalfAssigned(MemoryTransport):
    """Is given the partition of one input only: the other has none of that number."""

    def _positions(self, numbers):
        return [("prediction-outcomes", number) for number in numbers]


def test_a_partition_that_waits_for_its_twin_has_a_lag_a_count_and_makes_not_ready(at_once):
    log = MemoryLog()
    for _ in range(7):
        log.append("prediction-outcomes", key="k", value=b"x")
    loop = Loop(Counter(), TWO, KafkaSettings(), clock=FakeClock(), transport=HalfAssigned(TWO, log))
    loop.start()
    loop.step()
    loop.step()
    assert lag(loop, "prediction-outcomes") == 7
    assert value(loop, "driftloop_incomplete_partitions") == 1
    assert value(loop, "driftloop_partitions") == 0
    assert not loop.ready


def test_the_lag_of_a_partition_that_went_is_told_by_its_new_owner_only(at_once):
    log = MemoryLog(partitions=2)
    first = MemoryLoop(Counter(), ONE, log)
    first.settle()
    assert lag(first, partition=1) == 0
    second = MemoryLoop(Counter(), ONE, log, replica=1)
    for loop in (second, first, second, first, second):
        loop.settle()
    told = [(lag(loop, partition=0), lag(loop, partition=1)) for loop in (first, second)]
    assert sorted(told, key=str) == [(0, None), (None, 0)]


def test_lag_counts_what_was_read_and_is_not_committed():
    log = MemoryLog()
    for _ in range(3):
        log.append("outcome-frames", key="k", value=b"x")
    transport = MemoryTransport(ONE, log)
    loop = Loop(Counter(), ONE, KafkaSettings(), clock=FakeClock(), transport=transport)
    loop.start()
    transport.poll(10, 0.0)
    assert transport.lag({("outcome-frames", 0): None}) == {("outcome-frames", 0): 3}
    assert transport.lag({("outcome-frames", 0): 2}) == {("outcome-frames", 0): 1}


def test_a_transaction_that_only_says_how_far_was_read_is_no_progress():
    """Between two aborts of the same batch some go through that hold nothing: an alert must not take them for work."""
    log = MemoryLog()
    loop = MemoryLoop(Counter(), ONE, log)
    loop.settle()
    ends = {end: value(loop, "driftloop_transactions_total", end=end) for end in ("committed", "empty")}
    assert ends == {"committed": None, "empty": 1}
    log.append("outcome-frames", key="k", value=b"x")
    loop.settle()
    assert value(loop, "driftloop_transactions_total", end="committed") == 1
