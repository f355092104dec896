"""The loop over a log in memory: the same loop, without Kafka and without waiting."""

from collections.abc import Iterator, Mapping, Sequence

from driftloop.clock import Clock
from driftloop.in_memory.group import MemoryGroup
from driftloop.in_memory.log import MemoryLog
from driftloop.kafka.loop.identity import Stand, note_of
from driftloop.kafka.loop.loop import Loop
from driftloop.kafka.loop.transport import Polled, Position, Rebalance, Write
from driftloop.kafka.settings import KafkaSettings, LoopSettings
from driftloop.processor import LogIdentity, Processor, Record
from driftloop.testing.clock import FakeClock


class MemoryTransport:
    """See `driftloop.kafka.loop.transport.Transport`."""

    def __init__(self, settings: LoopSettings, log: MemoryLog, replica: int = 0) -> None:
        self.owned: set[int] = set()
        self._settings, self._log = settings, log
        self._slot = f"{settings.group}-{replica}"
        self._epoch = 0
        self._next: dict[Position, int] = {}
        self._table_next: dict[Position, int] = {}
        self._group: MemoryGroup = log.group(settings.group)
        self._rebalance: Rebalance | None = None

    def open(self, rebalance: Rebalance) -> None:
        """Fence and join."""
        self._rebalance = rebalance
        self._epoch = self._log.fence(self._slot)
        self._group.join(self)

    def poll(self, limit: int, timeout_s: float) -> Polled:  # noqa: ARG002  (nothing is waited for)
        """What is there, input by input."""
        self._move()
        polled = Polled()
        for position, start in self._next.items():
            found = self._log.slice(position, start, self._log.end(position))[: limit - len(polled.records)]
            polled.records.extend(found)
            last = found[-1].offset() + 1 if found else start
            if not self._log.slice(position, last, self._log.end(position)):
                last = polled.ends[position] = self._log.end(position)
            self._next[position] = last
        return polled

    def _move(self) -> None:
        assert self._rebalance is not None
        if revoked := self._group.to_revoke(self):
            self._rebalance.on_revoked(self._positions(revoked))
            self._let_go(revoked)
        if assigned := self._group.to_assign(self):
            self.owned.update(assigned)
            self._rebalance.on_assigned(self._positions(assigned))

    def _positions(self, numbers: Sequence[int]) -> list[Position]:
        return [(topic, number) for number in numbers for topic in self._settings.inputs]

    def _let_go(self, numbers: Sequence[int]) -> None:
        self.owned.difference_update(numbers)
        for position in self._positions(numbers):
            self._next.pop(position, None)

    def begin_at(self, offsets: Mapping[Position, int]) -> None:
        """Deliver from here on."""
        self._next.update(offsets)

    def identity(self) -> LogIdentity:
        """A log in memory is the same as long as it lives."""
        topics = (*self._settings.inputs, self._settings.changelog)
        return LogIdentity("memory", dict.fromkeys(topics, "memory"), dict.fromkeys(topics, self._log.partitions))

    def stands(self, positions: Sequence[Position]) -> dict[Position, Stand]:
        """Offsets, and where the logs end: nothing is ever deleted here."""
        offsets, note = self._log.offsets[self._settings.group], note_of(self.identity(), self._settings.changelog)
        return {
            position: Stand(offsets.get(position), note, 0, max(self._log.end(position), offsets.get(position, 0)))
            for position in positions
        }

    def partitions(self, topic: str) -> int:  # noqa: ARG002  (all topics are alike here)
        """The log's partition count."""
        return self._log.partitions

    def commit(self, writes: Sequence[Write], offsets: Mapping[Position, int]) -> None:
        """One transaction."""
        self._log.transact(self._slot, self._epoch, self._settings.group, writes, offsets)

    def read(self, position: Position, start: int | None, stop: int | None) -> Iterator[Record]:
        """Committed records of one partition."""
        return iter(self._log.slice(position, start or 0, self._log.end(position) if stop is None else stop))

    def poll_tables(self) -> list[tuple[str, list[Record]]]:
        """New rows."""
        rows: list[tuple[str, list[Record]]] = []
        for topic in self._settings.tables:
            for number in range(self._log.partitions):
                end = self._log.end((topic, number))
                found = self._log.slice((topic, number), self._table_next.get((topic, number), 0), end)
                self._table_next[topic, number] = end
                if found:
                    rows.append((topic, list(found)))
        return rows

    def catch_up_tables(self) -> list[tuple[str, list[Record]]]:
        """New rows."""
        return self.poll_tables()

    def lag(self, positions: Mapping[Position, int | None]) -> dict[Position, int]:
        """Offsets between what is committed and the end."""
        offsets = self._log.offsets[self._settings.group]
        return {
            position: self._log.end(position) - (offsets.get(position, 0) if safe is None else safe)
            for position, safe in positions.items()
        }

    def close(self) -> None:
        """Let go of everything in order and leave."""
        if self.owned and self._rebalance is not None:
            numbers = sorted(self.owned)
            self._rebalance.on_revoked(self._positions(numbers))
            self._let_go(numbers)
        self._group.leave(self)

    def vanish(self) -> None:
        """Be gone without a word, as after kill -9."""
        self._group.leave(self)
        self.owned.clear()


class MemoryLoop(Loop):
    """A core, a log in memory and no waiting.

    log = MemoryLog()
    log.append("prediction-outcomes", key="a", value=b"...")
    MemoryLoop(core, LoopSettings(service="s", group="g", inputs=("prediction-outcomes",)), log).settle()
    log.records("outcome-frames")
    """

    def __init__(
        self,
        processor: Processor,
        settings: LoopSettings,
        log: MemoryLog,
        *,
        clock: Clock | None = None,
        replica: int = 0,
        batch_size: int = 5_000,
    ) -> None:
        self._memory = MemoryTransport(settings, log, replica)
        kafka = KafkaSettings(replica=replica, batch_size=batch_size)
        super().__init__(processor, settings, kafka, clock=clock or FakeClock(), transport=self._memory)
        self._started = False

    def settle(self, most_steps: int = 10_000) -> None:
        """Turn until nothing is left to do; raises RuntimeError where that does not end."""
        if not self._started:
            self._started = True
            self.start()
        idle = 0
        for _ in range(most_steps):
            idle = 0 if self.step() else idle + 1
            if idle > 1:
                return
        raise RuntimeError(f"the loop is still busy after {most_steps} steps")

    def kill(self) -> None:
        """End as kill -9 does: nothing is committed, nobody is told."""
        self._memory.vanish()
