"""One run: a service's two replicas under load, faults, rest, and the count."""

import tempfile
import threading
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from random import Random

from tests.chaos.case import PARTITIONS, Case, Input, World
from tests.chaos.replicas import Replica, environment_of, inflict
from tests.chaos.verdict import Verdict
from tests.chaos.witness import aborted_records

from driftloop.kafka.clients import plain_producer
from driftloop.kafka.partitioner import partition_of
from driftloop.kafka.quiescence import Quiescence
from driftloop.kafka.settings import KafkaSettings
from driftloop.kafka.topics import apply_topics

SESSION = {"group.consumer.session.timeout.ms": "3000", "group.consumer.heartbeat.interval.ms": "300"}
"""Of the broker: a killed replica's partitions move on after three seconds."""

REPLICAS = 2


class Feeder(threading.Thread):
    """Feeds inputs at a steady rate until it is told to stop; `world.sent` lists them."""

    def __init__(self, world: World, inputs: Iterable[Input], rate: float) -> None:
        super().__init__(daemon=True)
        self._world, self._inputs, self._rate = world, iter(inputs), rate
        self._stopping = threading.Event()

    def run(self) -> None:
        started = time.monotonic()
        while not self._stopping.wait(0.01):
            due = int((time.monotonic() - started) * self._rate) - len(self._world.sent)
            batch = [next(self._inputs) for _ in range(max(0, due))]
            send(self._world.kafka, batch)
            self._world.sent += batch

    def stop(self) -> None:
        """Finish the batch and end."""
        self._stopping.set()
        self.join()


_producer = cache(plain_producer)


def send(kafka: KafkaSettings, inputs: Iterable[Input]) -> None:
    """Put records on their topics, acknowledged when this returns."""
    producer = _producer(kafka)
    for item in inputs:
        number = -1 if item.partition_by is None else partition_of(item.partition_by, PARTITIONS)
        producer.produce(kafka.topic_prefix + item.topic, item.value, item.key, number, headers=list(item.headers))
    assert producer.flush(30) == 0


def run(case: Case, kafka: KafkaSettings, *, faults: int, control: bool = False, seed: int = 1) -> Verdict:
    """Run `case` through `faults` faults and give the count."""
    started = time.monotonic()
    verdict = Verdict(case.name, faults, control)
    with tempfile.TemporaryDirectory(prefix="driftloop-chaos-") as folder:
        world = World(kafka, Path(folder))
        apply_topics(kafka, partitions=PARTITIONS, replication=1)
        send(kafka, case.prepare(world))
        _suffer(case, world, verdict, Random(seed))
        prefix = kafka.topic_prefix
        case.check(world, verdict)
        verdict.aborted_records = aborted_records(kafka.bootstrap_servers, [prefix + name for name in case.outputs])
    verdict.rows = len(world.sent)
    verdict.wall_seconds = round(time.monotonic() - started, 1)
    return verdict


def _suffer(case: Case, world: World, verdict: Verdict, random: Random) -> None:
    environment = environment_of(world.kafka, control=verdict.control, hold_ms=case.hold_ms)
    environment |= case.environment(world)
    logs = [world.folder / f"replica-{slot}.log" for slot in range(REPLICAS)]
    replicas = [Replica(case.module, slot, environment, log) for slot, log in enumerate(logs)]
    watch = Quiescence(world.kafka, case.groups, and_also=lambda: case.finished(world))
    feeder = Feeder(world, case.inputs(), case.rate)
    try:
        watch.wait(60)
        feeder.start()
        inflict(replicas, verdict.faults, random, (0.2, 2.0))
        feeder.stop()
        watch.wait(180)
    except BaseException:
        print(*(log.read_text(errors="replace")[-4000:] for log in logs), sep="\n")  # noqa: T201
        raise
    finally:
        for replica in replicas:
            replica.stop()
