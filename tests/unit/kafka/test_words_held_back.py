"""What a core holds back is said once, whoever comes and goes. After an abort: perhaps again, never out of order."""

from datetime import timedelta

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contract.loop.conftest import Counter

from driftloop.in_memory.log import MemoryLog
from driftloop.in_memory.loop import MemoryTransport
from driftloop.kafka.loop.loop import Loop
from driftloop.kafka.loop.transport import AbortedError
from driftloop.kafka.settings import KafkaSettings, LoopSettings
from driftloop.processor import Effects, Outgoing
from driftloop.testing.clock import FakeClock

SETTINGS = LoopSettings(
    service="holder", group="holder", inputs=("outcome-frames",), state="snapshot", snapshot_every=1_000
)
LATER = timedelta(seconds=1)


class Holder(Counter):
    """Says of each key only the newest value, a second later; restored, it holds nothing back."""

    def __init__(self):
        super().__init__(keyed=False, silent=True)
        self._held = {}

    def process(self, records, now, *, tables_current=False):
        for record in records:
            self._held.setdefault(record.partition(), {})[record.key().decode()] = record.value()
        self.wake_at = now + LATER
        return super().process(records, now)

    def wake(self, now):
        super().wake(now)
        return Effects(tuple(word for number in [*self._held] for word in self.say_held(number)), only_tells=True)

    def say_held(self, partition):
        return [Outgoing("drift-signals", key, word) for key, word in self._held.pop(partition, {}).items()]

    def restore(self, partition, state):
        super().restore(partition, state)
        self._held.pop(partition, None)

    def revoke(self, partition):
        super().revoke(partition)
        self._held.pop(partition, None)


class Replicas:
    """Two at most, over one log."""

    def __init__(self):
        self.log, self.clock, self.loops = MemoryLog(2), FakeClock(), {}
        self.sent = 0
        self.newest = {}

    def start(self, replica):
        if replica not in self.loops:
            transport = MemoryTransport(SETTINGS, self.log, replica)
            self.loops[replica] = Loop(Holder(), SETTINGS, KafkaSettings(), clock=self.clock, transport=transport)
            self.loops[replica].start()

    def send(self, key):
        self.sent += 1
        self.newest[key] = f"{self.sent}".encode()
        self.log.append("outcome-frames", key=key, value=self.newest[key])

    def step(self):
        for _ in range(6):
            for loop in self.loops.values():
                loop.step()

    def stop(self, replica):
        loop = self.loops.pop(replica, None)
        if loop is not None:
            loop.stop()
            loop.finish()
            loop._watched.close()

    def said(self):
        return [(record.key().decode(), record.value()) for record in self.log.records("drift-signals")]


KEYS = [f"k{number}" for number in range(4)]
STEPS = st.one_of(
    st.tuples(st.just("send"), st.sampled_from(KEYS)),
    st.tuples(st.just("start"), st.integers(0, 1)),
    st.tuples(st.just("stop"), st.integers(0, 1)),
    st.tuples(st.just("step"), st.none()),
    st.tuples(st.just("wait"), st.none()),
    st.tuples(st.just("abort"), st.none()),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=25))
def test_each_word_is_said_once_and_the_newest_of_each_key_last_unless_a_transaction_was_aborted(steps):
    world, aborted = Replicas(), False
    world.start(0)
    for what, which in steps:
        if what == "wait":
            world.clock.advance(seconds=2)
        elif what == "abort":
            aborted = True
            world.log.fail_next(AbortedError("asked for"))
        elif what == "step":
            world.step()
        else:
            getattr(world, what)(which)
    world.start(0)
    world.step()
    for replica in [*world.loops]:
        world.stop(replica)
    said = world.said()
    for key in KEYS:
        numbers = [int(word) for of, word in said if of == key]
        assert numbers == sorted(numbers)
    if not aborted:
        assert len(said) == len(set(said))
        assert dict(said) == world.newest


@pytest.mark.usefixtures("plain_logs")
@pytest.mark.parametrize(("aborts", "said"), [(0, True), (1, True), (2, False)])
def test_the_last_words_before_a_stop_are_tried_once_more_and_then_go_with_a_warning(aborts, said):
    world = Replicas()
    world.start(0)
    world.step()
    world.send("k0")
    world.step()
    assert world.said() == []
    for _ in range(aborts):
        world.log.fail_next(AbortedError("asked for"))
    with structlog.testing.capture_logs() as told:
        world.stop(0)
    assert world.said() == ([("k0", b"1")] if said else [])
    assert sum("was aborted" in entry["event"] for entry in told) == aborts
