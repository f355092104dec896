"""Three worlds in which the same promises of the loop are held: memory, the simulated Kafka, and the real one."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import pytest
from confluent_kafka.admin import NewTopic
from tests.quiescence import Quiescence
from tests.simulation.broker.partition_log import Entry
from tests.simulation.cases.counter import CounterCase
from tests.simulation.cases.parts import committed
from tests.simulation.plan import plan_of
from tests.simulation.virtual import simulated
from tests.simulation.world import World as SimulatedKafka

from driftloop.in_memory.log import KilledError, MemoryLog
from driftloop.in_memory.loop import MemoryLoop
from driftloop.kafka.admin.topics import create_topics
from driftloop.kafka.clients.clients import admin_client, plain_producer
from driftloop.kafka.clients.log_reader import LogReader
from driftloop.kafka.clients.partitioner import partition_of
from driftloop.kafka.loop.kafka_transport import KafkaTransport
from driftloop.kafka.loop.loop import Loop
from driftloop.kafka.loop.transport import AbortedError, Position, Write
from driftloop.kafka.settings import KafkaSettings, LoopSettings
from driftloop.processor import DeadLetter, Effects, Outgoing, Record, StaleTableError, StateChange
from driftloop.testing.clock import FakeClock

PARTITIONS = 2
TOPICS = ("outcome-frames", "model-commands", "drift-signals", "model-specs", "prediction-outcomes-dlq")


class Counter:
    """Counts values by key and says each count. It holds its counts as keyed state or in snapshots.

    A value `poison` raises, `rubbish` is buried, `table:NAME` needs a row of the table.
    """

    def __init__(self, keyed: bool = True, silent: bool = False) -> None:
        self.counts: dict[int, dict[str, int]] = {}
        self.table: set[str] = set()
        self.wakes = 0
        self.wake_at: Any = None
        self._keyed, self._silent = keyed, silent

    def process(self, records: Sequence[Record], now: Any, *, tables_current: bool = False) -> Effects:
        wanted = {r.value()[6:].decode() for r in records if r.value().startswith(b"table:")}
        if wanted - self.table and not tables_current:
            raise StaleTableError
        effects = Effects(wake_at=self.wake_at)
        for record in records:
            effects += self._one(record)
        return effects

    def _one(self, record: Record) -> Effects:
        key, number = record.key().decode(), record.partition()
        counts = self.counts[number]
        counts[key] = counts.get(key, 0) + 1
        if record.value() == b"poison":
            raise ZeroDivisionError("this value is poison")
        if record.value() == b"rubbish":
            counts[key] -= 1
            return Effects(dead_letters=(DeadLetter(record, "decode", "ValueError", "rubbish"),))
        known = record.value()[6:].decode() in self.table
        said = Outgoing("drift-signals", key, f"{key}={counts[key]}{'!' if known else ''}".encode())
        change = (StateChange(number, key, str(counts[key]).encode()),) if self._keyed else ()
        return Effects(() if self._silent else (said,), change)

    def wake(self, now: Any) -> Effects:
        self.wakes += 1
        return Effects()

    def restore(self, partition: int, state: Any) -> None:
        self.counts[partition] = {key: int(value) for key, value in state}

    def snapshot(self, partition: int) -> list[tuple[str, bytes]]:
        return [] if self._keyed else [(k, str(v).encode()) for k, v in self.counts[partition].items()]

    def revoke(self, partition: int) -> None:
        del self.counts[partition]

    def take_table(self, topic: str, records: Sequence[Record]) -> None:
        self.table |= {record.key().decode() for record in records}

    @property
    def total(self) -> dict[str, int]:
        """Counts over all partitions."""
        return {key: count for counts in self.counts.values() for key, count in counts.items()}


class World(Protocol):
    """What the suite asks of either world."""

    clock: FakeClock

    def send(self, topic: str, key: str, value: bytes, partition: int | None = None) -> None: ...
    def loop(self, core: Counter, settings: LoopSettings, replica: int = 0, batch_size: int = 100) -> Loop: ...
    def fail_next(self, loop: Loop, *faults: BaseException) -> None: ...
    def settle(self, *loops: Loop, until: Callable[[], bool] = lambda: True) -> None: ...
    def kill(self, loop: Loop) -> None: ...
    def leave(self, loop: Loop) -> None: ...
    def read(self, topic: str) -> list[Record]: ...
    def caught_up(self, group: str, topics: Sequence[str]) -> bool: ...


class MemoryWorld:
    def __init__(self) -> None:
        self.log, self.clock = MemoryLog(PARTITIONS), FakeClock()

    def send(self, topic: str, key: str, value: bytes, partition: int | None = None) -> None:
        self.log.append(topic, key=key, value=value, partition=partition)

    def loop(self, core: Counter, settings: LoopSettings, replica: int = 0, batch_size: int = 100) -> Loop:
        loop = MemoryLoop(core, settings, self.log, clock=self.clock, replica=replica, batch_size=batch_size)
        loop.start()
        return loop

    def fail_next(self, loop: Loop, *faults: BaseException) -> None:
        self.log.fail_next(*faults)

    def settle(self, *loops: Loop, until: Callable[[], bool] = lambda: True) -> None:
        idle = 0
        for _ in range(1000):
            idle = 0 if sum(loop.step() for loop in loops) else idle + 1
            if idle > 2 and until():
                return
        raise AssertionError("it never came to rest")

    def kill(self, loop: MemoryLoop) -> None:
        loop.kill()

    def leave(self, loop: Loop) -> None:
        loop.finish()
        loop._transport.close()

    def read(self, topic: str) -> list[Record]:
        return self.log.records(topic)

    def caught_up(self, group: str, topics: Sequence[str]) -> bool:
        ends = {(topic, number): self.log.end((topic, number)) for topic in topics for number in range(PARTITIONS)}
        return self.log.offsets[group] == ends


class FaultyTransport(KafkaTransport):
    """The real one; its next transactions end as told."""

    faults: list[BaseException]

    def commit(self, writes: Sequence[Write], offsets: Mapping[Position, int]) -> None:
        fault = self.faults.pop(0) if writes and self.faults else None
        if fault is None:
            super().commit(writes, offsets)
            return
        self.writer.begin(writes)
        self.writer.flush()
        if isinstance(fault, AbortedError):
            self.writer.abort()
        raise fault


class KafkaWorld:
    def __init__(self, kafka: KafkaSettings) -> None:
        self.kafka, self.clock = kafka.model_copy(update={"poll_timeout_ms": 10, "fetch_wait_ms": 10}), FakeClock()
        self._producer, self._open = plain_producer(kafka), []
        admin = admin_client(kafka)
        create_topics(admin, [NewTopic(kafka.topic_prefix + topic, PARTITIONS, 1) for topic in TOPICS])
        self._groups: dict[str, tuple[str, ...]] = {}

    def send(self, topic: str, key: str, value: bytes, partition: int | None = None) -> None:
        self._producer.produce(self.kafka.topic_prefix + topic, value, key, -1 if partition is None else partition)
        self._producer.flush(10)

    def loop(self, core: Counter, settings: LoopSettings, replica: int = 0, batch_size: int = 100) -> Loop:
        kafka = self.kafka.model_copy(update={"replica": replica, "batch_size": batch_size})
        transport = FaultyTransport(settings, kafka)
        transport.faults = []
        loop = Loop(core, settings, kafka, clock=self.clock, transport=transport)
        loop.start()
        self._groups[settings.group] = settings.inputs
        self._open.append(loop)
        return loop

    def fail_next(self, loop: Loop, *faults: BaseException) -> None:
        loop._transport.faults.extend(faults)

    def settle(self, *loops: Loop, until: Callable[[], bool] = lambda: True) -> None:
        watch = Quiescence(self.kafka, self._groups)
        deadline = time.monotonic() + 30
        while sum(loop.step() for loop in loops) or not (watch.quiescent() and until()):
            assert time.monotonic() < deadline, f"it never came to rest: {watch.lag()}"

    def kill(self, loop: Loop) -> None:
        """It raised, so it writes nothing more; leaving the group saves waiting for its session to end."""
        loop._transport.close()
        self._open.remove(loop)

    def leave(self, loop: Loop) -> None:
        loop.finish()
        loop._transport.close()
        self._open.remove(loop)

    def read(self, topic: str) -> list[Record]:
        reader = LogReader(self.kafka, [topic])
        try:
            return sorted(reader.read_to(reader.ends()), key=lambda r: (r.partition(), r.offset()))
        finally:
            reader.close()

    def caught_up(self, group: str, topics: Sequence[str]) -> bool:
        return Quiescence(self.kafka, {group: topics}).quiescent()

    def close(self) -> None:
        for loop in self._open:
            loop._transport.close()


class SimulatedWorld:
    """The loop with Kafka's own transport over simulated clients, without faults but for those that a test asks for."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self._world = SimulatedKafka(plan_of(1), CounterCase(1, 0, 1))
        self._world.active = self._world.cruel = False
        self._cluster, self._groups = self._world.cluster, set()
        for topic in TOPICS:
            self._cluster.create(topic, PARTITIONS)

    def send(self, topic: str, key: str, value: bytes, partition: int | None = None) -> None:
        number = partition_of(key, PARTITIONS) if partition is None else partition
        self._cluster.log((topic, number)).append(Entry(key.encode(), value, (), self._world.wall_ms))

    def loop(self, core: Counter, settings: LoopSettings, replica: int = 0, batch_size: int = 100) -> Loop:
        kafka = KafkaSettings(replica=replica, batch_size=batch_size, poll_timeout_ms=10)
        transport = FaultyTransport(settings, kafka)
        transport.faults = []
        loop = Loop(core, settings, kafka, clock=self.clock, transport=transport)
        loop.start()
        self._groups.add((settings.group, settings.inputs))
        return loop

    def fail_next(self, loop: Loop, *faults: BaseException) -> None:
        loop._transport.faults.extend(faults)

    def settle(self, *loops: Loop, until: Callable[[], bool] = lambda: True) -> None:
        for _ in range(20_000):
            busy = sum(loop.step() for loop in loops)
            if (
                not busy
                and until()
                and not self._cluster.undecided
                and all(self.caught_up(*group) for group in self._groups)
            ):
                return
        raise AssertionError("it never came to rest")

    def kill(self, loop: Loop) -> None:
        loop._transport.close()

    def leave(self, loop: Loop) -> None:
        loop.finish()
        loop._transport.close()

    def read(self, topic: str) -> list[Record]:
        while self._cluster.owed:
            self._cluster.write_marker(0.0)
        return committed(self._world, topic)

    def caught_up(self, group: str, topics: Sequence[str]) -> bool:
        offsets = self._cluster.group(group).offsets
        ends = {(t, number): log.end for t in topics for number, log in enumerate(self._cluster.topics[t])}
        return all(offsets.get(position, (0, ""))[0] == end for position, end in ends.items())


@pytest.fixture(params=["memory", "simulated", pytest.param("kafka", marks=pytest.mark.broker)])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "memory":
        yield MemoryWorld()
        return
    if request.param == "simulated":
        with simulated():
            yield SimulatedWorld()
        return
    kafka_world = KafkaWorld(request.getfixturevalue("kafka"))
    yield kafka_world
    kafka_world.close()


@pytest.fixture(params=["keyed", "snapshot"])
def stateful(request: pytest.FixtureRequest) -> LoopSettings:
    return LoopSettings(
        service="counter",
        group="counter",
        inputs=("outcome-frames", "model-commands"),
        tables=("model-specs",),
        state=request.param,
        snapshot_every=3,
    )


@pytest.fixture
def new_core(stateful: LoopSettings) -> Callable[[], Counter]:
    return lambda silent=False: Counter(keyed=stateful.state == "keyed", silent=silent)


@pytest.fixture
def killed() -> type[KilledError]:
    return KilledError
