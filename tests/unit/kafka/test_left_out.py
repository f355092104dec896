"""A client that misbehaves: the loop must count every record all the same."""

from collections.abc import Callable

import pytest
from tests.contract.loop.conftest import Counter

from driftloop.in_memory.log import MemoryLog
from driftloop.in_memory.loop import MemoryLoop, MemoryTransport
from driftloop.kafka.loop.loop import Loop
from driftloop.kafka.loop.transport import AbortedError, Polled, Write
from driftloop.kafka.settings import KafkaSettings, LoopSettings
from driftloop.testing.clock import FakeClock

SETTINGS = LoopSettings(
    service="counter", group="counter", inputs=("outcome-frames",), state="keyed", snapshot_every=1, attempts=1
)
ROWS = 12


class Sly(MemoryTransport):
    """Does something to what its n-th poll found."""

    def __init__(self, log: MemoryLog, poll: int, trick: Callable[["Sly", Polled], Polled]) -> None:
        super().__init__(SETTINGS, log)
        self._until, self._trick = poll, trick

    def poll(self, limit: int, timeout_s: float) -> Polled:
        found = super().poll(limit, timeout_s)
        self._until -= 1
        return self._trick(self, found) if self._until == 0 else found

    def move(self) -> None:
        """Partitions go and come back, within a poll."""
        positions = self._positions(sorted(self.owned))
        self._rebalance.on_lost(positions)
        for position in positions:
            self._next.pop(position, None)
        self._rebalance.on_assigned(positions)


def left_out(loop: Loop) -> float:
    return loop.metrics.registry.get_sample_value("driftloop_left_out_records_total", {"service": "counter"})


def skip(sly, polled):
    return Polled(polled.records[3:], polled.ends)


def skip_between(sly, polled):
    return Polled(polled.records[:1] + polled.records[4:], polled.ends)


def skip_to_the_end(sly, polled):
    return Polled(polled.records[:-3], polled.ends)


def forget_and_move(sly, polled):
    sly.move()
    return Polled(polled.records[3:], polled.ends)


def end_and_move(sly, polled):
    sly.move()
    return Polled([], polled.ends)


@pytest.mark.parametrize("trick", [skip, skip_between, skip_to_the_end, forget_and_move, end_and_move])
def test_records_that_the_client_leaves_out_are_gone_back_for(trick):
    log = MemoryLog(partitions=1)
    core = Counter()
    loop = Loop(core, SETTINGS, KafkaSettings(), clock=FakeClock(), transport=Sly(log, 2, trick))
    loop.start()
    loop.step()
    for _ in range(ROWS):
        log.append("outcome-frames", key="k", value=b"x")
    while loop.step():
        pass
    assert core.counts[0] == {"k": ROWS}
    assert left_out(loop) == (3 if trick in (skip, skip_between, skip_to_the_end) else 0)
    assert [record.value() for record in log.records("drift-signals")] == [f"k={n + 1}".encode() for n in range(ROWS)]


def test_aborted_records_are_no_loss():
    log = MemoryLog(partitions=1)
    core = Counter()
    loop = MemoryLoop(core, SETTINGS, log)
    log.append("outcome-frames", key="k", value=b"x")
    log.fail_next(AbortedError())
    with pytest.raises(AbortedError):
        log.transact("other", log.fence("other"), "other", [Write("outcome-frames", b"k", b"aborted")] * 3, {})
    log.append("outcome-frames", key="k", value=b"x")
    loop.settle()
    assert core.counts[0] == {"k": 2}
    assert left_out(loop) == 0
