"""One run: a service's two replicas under load, faults, rest, and the count."""

import math
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from random import Random

from confluent_kafka import KafkaError, Message
from tests.chaos.case import PARTITIONS, Case, Input, World
from tests.chaos.evidence import keep, logs_kept
from tests.chaos.replicas import Nest, Replica, environment_of, inflict
from tests.chaos.verdict import Verdict
from tests.chaos.witness import aborted_records, read_all
from tests.quiescence import Quiescence

from driftloop.errors import UserError
from driftloop.kafka.admin.topics import apply_topics
from driftloop.kafka.clients.clients import plain_producer
from driftloop.kafka.clients.partitioner import partition_of
from driftloop.kafka.settings import KafkaSettings

SESSION = {"group.consumer.session.timeout.ms": "3000", "group.consumer.heartbeat.interval.ms": "300"}
"""Of the broker: a killed replica's partitions move on after three seconds."""

REPLICAS = 2
PAUSE_S = (0.2, 3.0)
"""Between two faults, counted from when all replicas are at work again: long enough for a first write to a table."""


BATCH_S = 0.1
"""A batch of inputs is at most what is due in this time."""


class Feeder(threading.Thread):
    """Feeds inputs at a steady rate until it is told to stop; `world.sent` lists them.

    Where inputs take longer to make than the rate allows, it gives what it can, all the time. Making up for
    lost time instead would give ever larger batches with ever longer pauses, in which the faults hit a service
    that has nothing to do: a hundred of them on the coordinator aborted nothing.
    """

    def __init__(self, world: World, inputs: Iterable[Input], rate: float) -> None:
        super().__init__(daemon=True)
        self._world, self._inputs, self._rate = world, iter(inputs), rate
        self._most = max(1, int(rate * BATCH_S))
        self._stopping = threading.Event()
        self._error: Exception | None = None

    def run(self) -> None:
        started = time.monotonic()
        try:
            while not self._stopping.wait(0.02):
                due = int((time.monotonic() - started) * self._rate) - len(self._world.sent)
                batch = [next(self._inputs) for _ in range(max(0, min(due, self._most)))]
                send(self._world.kafka, batch)
                self._world.sent += batch
        except Exception as error:  # noqa: BLE001  (whatever ended the load ends the run)
            self._error = error

    def stop(self) -> None:
        """Finish the batch and end; raises what went wrong on the way."""
        self._stopping.set()
        self.join()
        if self._error is not None:
            raise self._error


def catch_up(watch: Quiescence, alive: Callable[[], None], patience_s: float = 150.0) -> None:
    """Return once all is processed; raises UserError where nothing was for that long, however slow the machine."""
    before = math.inf
    while True:
        try:
            return watch.wait(patience_s, alive=alive)
        except UserError:
            behind = sum(watch.lag().values())
            if behind >= before:
                raise
            before = behind


_producer = cache(plain_producer)


def send(kafka: KafkaSettings, inputs: Iterable[Input]) -> None:
    """Put records on their topics, acknowledged when this returns."""
    producer, refused = _producer(kafka), []

    def told(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            refused.append(f"{message.topic()} {message.key()!r}: {error.str()}")

    for item in inputs:
        number = -1 if item.partition_by is None else partition_of(item.partition_by, PARTITIONS)
        producer.produce(
            kafka.topic_prefix + item.topic,
            item.value,
            item.key,
            number,
            headers=list(item.headers),
            on_delivery=told,
        )
    assert producer.flush(180) == 0, "the broker does not take the load"
    assert not refused, f"{len(refused)} inputs were not taken: {refused[0]}"


def run(
    case: Case,
    kafka: KafkaSettings,
    *,
    faults: int,
    control: bool = False,
    seed: int = 1,
    seconds: float = math.inf,
    alive: Callable[[], None] = lambda: None,
    keep_in: Path | None = None,
) -> Verdict:
    """Run `case` through `faults` faults, or as many as `seconds` allow, and give the count.

    `alive` raises where the broker has ended.
    """
    verdict = Verdict(case.name, faults, control)
    with world_of(case, kafka, verdict, keep_in) as world:
        replicas = replicas_of(case, world, verdict)
        with load_on(case, world, replicas, alive):
            verdict.faults = inflict(replicas, faults, Random(seed), PAUSE_S, alive, seconds)
    return verdict


@contextmanager
def world_of(case: Case, kafka: KafkaSettings, verdict: Verdict, keep_in: Path | None = None) -> Iterator[World]:
    """A prepared world; when the block ends, what came out of it is counted into the verdict.

    Where that is not clean, or a process crashed, the evidence is kept in `keep_in`; where the block raises, the logs.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="driftloop-chaos-") as folder:
        world = World(kafka, Path(folder))
        apply_topics(kafka, partitions=PARTITIONS, replication=1)
        send(kafka, case.prepare(world))
        with closing(Nest(_command(case, verdict)[0])) as world.nest, logs_kept(world, keep_in):
            yield world
        prefix = kafka.topic_prefix
        verdict.unwritten = _unwritten(world)
        case.check(world, verdict)
        if keep_in is not None and (verdict.crashed or not verdict.clean):
            keep(case, world, keep_in)
        verdict.aborted_records = aborted_records(kafka.bootstrap_servers, [prefix + name for name in case.outputs])
    verdict.rows = len(world.sent)
    verdict.wall_seconds = round(time.monotonic() - started, 1)


def _unwritten(world: World) -> int:
    """How many inputs are not on the log though they were acknowledged: no service can be blamed for those."""
    prefix = world.kafka.topic_prefix
    topics = sorted({prefix + item.topic for item in world.sent})
    wanted = Counter((prefix + item.topic, item.key.encode(), item.value) for item in world.sent)
    there = Counter((m.topic(), m.key(), m.value()) for m in read_all(world.kafka.bootstrap_servers, topics))
    return sum((wanted - there).values())


def replicas_of(
    case: Case, world: World, verdict: Verdict, count: int = REPLICAS, *, first_slot: int = 0
) -> list[Replica]:
    """Start replicas of a service."""
    environment = environment_of(world.kafka, control=verdict.control, hold_ms=case.hold_ms)
    environment |= case.environment(world)
    arguments = _command(case, verdict)[1:]
    slots = range(first_slot, first_slot + count)
    assert world.nest is not None
    return [Replica(world.nest, arguments, slot, environment, world.folder / f"replica-{slot}.log") for slot in slots]


def _command(case: Case, verdict: Verdict) -> tuple[str, ...]:
    return case.control if verdict.control else case.module


@contextmanager
def load_on(case: Case, world: World, replicas: list[Replica], alive: Callable[[], None]) -> Iterator[Feeder]:
    """Inputs flow while the block runs; after it all that was fed is processed, and the replicas end."""
    feeder = Feeder(world, case.inputs(), case.rate)
    try:
        watch = Quiescence(world.kafka, case.groups, and_also=lambda: case.finished(world))
        watch.wait(120, alive=alive)
        feeder.start()
        yield feeder
        feeder.stop()
        catch_up(watch, alive)
    except BaseException:
        logs = sorted(world.folder.glob("*.log"))
        print(*(log.read_text(errors="replace")[-4000:] for log in logs), sep="\n")  # noqa: T201
        alive()
        raise
    finally:
        for replica in replicas:
            replica.stop()
