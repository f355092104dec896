"""What a core says by itself is written down with its state, unless that has not changed."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.loop.conftest import Counter

from driftloop.in_memory.log import MemoryLog
from driftloop.in_memory.loop import MemoryTransport
from driftloop.kafka.loop.loop import Loop
from driftloop.kafka.settings import KafkaSettings, LoopSettings
from driftloop.processor import Effects, Outgoing
from driftloop.testing.clock import FakeClock

SETTINGS = LoopSettings(
    service="teller", group="teller", inputs=("outcome-frames",), state="snapshot", snapshot_every=1_000
)


class Teller(Counter):
    """Says a word a second after each record."""

    def __init__(self, *, only_tells: bool) -> None:
        super().__init__(keyed=False, silent=True)
        self._only_tells = only_tells
        self.written = 0

    def process(self, records, now, *, tables_current=False):
        self.wake_at = now
        return super().process(records, now)

    def snapshot(self, partition):
        self.written += 1
        return super().snapshot(partition)

    def wake(self, now):
        super().wake(now)
        return Effects((Outgoing("drift-signals", "k", b"word"),), only_tells=self._only_tells)


@pytest.mark.parametrize("only_tells", [True, False])
def test_state_is_written_down_with_a_word_only_if_it_may_have_changed(only_tells):
    log, clock = MemoryLog(), FakeClock()
    core = Teller(only_tells=only_tells)
    loop = Loop(core, SETTINGS, KafkaSettings(), clock=clock, transport=MemoryTransport(SETTINGS, log))
    loop.start()
    while loop.step():
        pass
    core.written, core.wakes = 0, 0
    log.append("outcome-frames", key="k", value=b"x")
    clock.advance(seconds=1)
    loop.step()
    clock.advance(seconds=1)
    loop.step()
    assert core.wakes == 1
    assert log.records("drift-signals")[-1].value() == b"word"
    assert core.written == (0 if only_tells else 1)


class Waiting(Counter):
    """Asks to be woken again and again, and says nothing then, as one does that waits for a run."""

    def wake(self, now):
        super().wake(now)
        return Effects(wake_at=now)


class WithMarkers(MemoryTransport):
    """Ends are some markers behind the last record; it counts commits."""

    commits = markers = 0

    def poll(self, limit, timeout_s):
        polled = super().poll(limit, timeout_s)
        polled.ends.update({position: end + self.markers for position, end in polled.ends.items()})
        return polled

    def commit(self, writes, offsets):
        self.commits += 1
        super().commit(writes, offsets)


@pytest.mark.parametrize(("marker_commit_ms", "commits"), [(3_600_000, 0), (0, 1)])
def test_a_core_that_wakes_and_says_nothing_commits_nothing_and_keeps_no_marker_from_being_committed(
    marker_commit_ms, commits
):
    log = MemoryLog()
    core, transport = Waiting(keyed=False, silent=True), WithMarkers(SETTINGS, log)
    kafka = KafkaSettings(marker_commit_ms=marker_commit_ms)
    loop = Loop(core, SETTINGS, kafka, clock=FakeClock(), transport=transport)
    loop.start()
    log.append("outcome-frames", key="k", value=b"x")
    while not any(core.counts.values()):
        loop.step()
    transport.commits, transport.markers, core.wakes = 0, 1, 0
    for _ in range(10):
        loop.step()
    assert core.wakes >= 5
    assert transport.commits == commits


class EveryMinute(Counter):
    """Wishes to be woken a minute after each time that it was."""

    def __init__(self) -> None:
        super().__init__(keyed=False, silent=True)

    def wake(self, now):
        super().wake(now)
        return Effects(wake_at=now + timedelta(minutes=1))


@given(st.lists(st.integers(-100_000, 100_000), max_size=20))
def test_a_core_is_woken_within_a_minute_whichever_way_the_clock_is_put(jumps):
    clock, core = FakeClock(), EveryMinute()
    loop = Loop(core, SETTINGS, KafkaSettings(), clock=clock, transport=MemoryTransport(SETTINGS, MemoryLog()))
    loop.start()
    for seconds in (0, *jumps):
        clock.advance(seconds=seconds)
        before = core.wakes
        for _ in range(62):
            loop.step()
            clock.advance(seconds=1)
        assert core.wakes > before
