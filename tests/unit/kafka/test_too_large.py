"""What a broker refuses for its size is made smaller, or buried; the rest goes on."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contract.loop.conftest import Counter

from driftloop.contracts.topics import DEAD_LETTERS
from driftloop.errors import UserError
from driftloop.in_memory.log import MemoryLog
from driftloop.in_memory.loop import MemoryLoop, MemoryTransport
from driftloop.kafka.loop.batch_size import BatchSize
from driftloop.kafka.loop.loop import Loop
from driftloop.kafka.loop.transport import AbortedError, Polled, Position, TooLargeError, Write
from driftloop.kafka.settings import KafkaSettings, LoopSettings
from driftloop.processor import Effects, Outgoing
from driftloop.testing.clock import FakeClock

SETTINGS = LoopSettings(service="framer", group="framer", inputs=("outcome-frames",), state="keyed")


class Framer(Counter):
    """Puts a whole batch into one record, as ingestion puts rows into a frame; counts what it took."""

    def process(self, records, now, *, tables_current=False):
        counted = super().process(records, now)
        frame = b"".join(record.value() for record in records)
        return Effects((Outgoing("drift-signals", "frame", frame),), counted.state_changes)


class Limited(MemoryTransport):
    """A broker that takes no signal above `limit` bytes, and no transaction of more than `most` of them in time."""

    def __init__(self, log: MemoryLog, limit: int = 1_000, most: int = 1_000) -> None:
        super().__init__(SETTINGS, log)
        self._largest, self._most = limit, most
        self.sizes: list[int] = []
        self.empty, self._began = 0, True

    def commit(self, writes: Sequence[Write], offsets: Mapping[Position, int]) -> None:
        self.sizes += [len(write.value or b"") for write in writes if write.topic == "drift-signals"]
        fault = TooLargeError("Broker: Message size too large")
        if any(len(write.value or b"") > self._largest for write in writes if write.topic == "drift-signals"):
            self._log.fail_next(fault)
        elif sum(write.topic == "drift-signals" for write in writes) > self._most:
            self._log.fail_next(AbortedError("Broker: Producer attempted an operation with an old epoch"))
        self.empty += not any(write.topic == "drift-signals" for write in writes)
        super().commit(writes, offsets)

    def poll(self, limit: int, timeout_s: float) -> Polled:
        """Nothing at first after each restore: a transaction without records comes between two with the same ones."""
        polled = super().poll(limit, timeout_s) if self._began else Polled()
        self._began = True
        return polled

    def begin_at(self, offsets: Mapping[Position, int]) -> None:
        self._began = False
        super().begin_at(offsets)


def settled(log, transport, core, most_steps=2_000):
    loop = Loop(core, SETTINGS, KafkaSettings(), clock=FakeClock(), transport=transport)
    loop.start()
    idle = 0
    for _ in range(most_steps):
        idle = 0 if loop.step() else idle + 1
        if idle > 1:
            return loop
    raise AssertionError("abort and start over, without end")


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(1, 150), min_size=1, max_size=40), limit=st.integers(50, 120))
def test_whatever_can_be_written_is_and_only_what_never_can_is_buried(sizes, limit):
    log, core = MemoryLog(), Framer()
    for number, size in enumerate(sizes):
        log.append("outcome-frames", key=f"k{number}", value=b"%c" % (97 + number % 26) * size)
    settled(log, Limited(log, limit), core)
    written = b"".join(record.value() for record in log.records("drift-signals"))
    fit = [record.value() for record in log.records("outcome-frames") if len(record.value()) <= limit]
    assert written == b"".join(fit)
    buried = log.records(DEAD_LETTERS)
    assert [r.value() for r in buried] == [r.value() for r in log.records("outcome-frames") if len(r.value()) > limit]
    assert core.total == {f"k{number}": 1 for number, size in enumerate(sizes) if size <= limit}


def test_the_dead_letter_says_what_happened_and_at_which_stage():
    log = MemoryLog()
    log.append("outcome-frames", key="giant", value=b"x" * 2_000)
    log.append("outcome-frames", key="k", value=b"small")
    settled(log, Limited(log), Framer())
    (buried,) = log.records(DEAD_LETTERS)
    why = dict(buried.headers())
    assert why["dlq.error.stage"] == b"commit"
    assert why["dlq.error.class"] == b"TooLargeError"
    assert why["dlq.error.message"].startswith(b"what this record leads to can never be written")
    assert [record.value() for record in log.records("drift-signals")] == [b"small"]


def test_a_transaction_that_takes_too_long_is_made_smaller_and_no_record_is_blamed():
    log, core = MemoryLog(), Counter()
    for number in range(64):
        log.append("outcome-frames", key=f"k{number}", value=b"x")
    transport = Limited(log, most=20)
    settled(log, transport, core)
    assert transport.empty > 3
    assert core.total == {f"k{number}": 1 for number in range(64)}
    assert log.records(DEAD_LETTERS) == []


def test_a_size_that_was_refused_is_not_tried_again_at_once():
    log = MemoryLog()
    transport = Limited(log, limit=100)
    loop = Loop(Framer(), SETTINGS, KafkaSettings(batch_size=40), clock=FakeClock(), transport=transport)
    loop.start()
    for _ in range(40 * 10):
        log.append("outcome-frames", key="k", value=b"xxxx")
    while loop.step():
        pass
    assert sum(size > 100 for size in transport.sizes) <= 2


def test_a_state_that_cannot_be_written_stops_with_the_setting_that_helps():
    log = MemoryLog()
    loop = MemoryLoop(Counter(), SETTINGS, log)
    loop.settle()
    log.append("outcome-frames", key="k", value=b"poison")
    log.fail_next(TooLargeError("Broker: Message size too large"))
    with pytest.raises(UserError, match=r"framer-changelog.*max\.message\.bytes"):
        loop.settle()


class Wishful(Counter):
    """Wishes for something by itself that no broker takes."""

    def wake(self, now):
        self.wakes += 1
        return Effects((Outgoing("drift-signals", "wish", b"x" * 2_000),))


def test_a_wish_that_can_never_be_written_is_tried_now_and_then_and_records_go_on():
    log, core, clock = MemoryLog(), Wishful(), FakeClock()
    loop = Loop(core, SETTINGS, KafkaSettings(), clock=clock, transport=Limited(log))
    loop.start()
    for number in range(50):
        log.append("outcome-frames", key=f"k{number}", value=b"x")
        loop.step()
        loop.step()
    assert core.wakes < 5
    assert core.total == {f"k{number}": 1 for number in range(50)}
    clock.advance(seconds=61)
    loop.step()
    loop.step()
    assert core.wakes >= 2


def test_a_batch_grows_again_only_after_a_calm():
    size = BatchSize(100)
    size.halve(100, too_large=True)
    for _ in range(20):
        size.went_well()
        assert size.limit == 50
    size.went_well()
    assert size.limit == 100
    size.halve(1)
    assert size.limit == 1
