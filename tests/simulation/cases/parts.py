"""What cases share: clients, metrics that are made once, and the count of what is missing or there too often."""

from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from driftloop.kafka.loop.kafka_transport import KafkaTransport
from driftloop.kafka.loop.loop import Loop
from driftloop.kafka.loop.metrics import LoopMetrics
from driftloop.kafka.settings import KafkaSettings, LoopSettings
from driftloop.testing.records import FakeRecord

if TYPE_CHECKING:
    from tests.simulation.world import World


@cache
def kafka(replica: int, classic: bool, batch: int, linger_ms: int, poll_ms: int) -> KafkaSettings:
    """A process's clients."""
    drawn = {"replica": replica, "group_protocol": "classic" if classic else "consumer", "batch_size": batch}
    return _defaults().model_copy(update={**drawn, "linger_ms": linger_ms, "poll_timeout_ms": poll_ms})


@cache
def _defaults() -> KafkaSettings:
    """To read the environment takes as long as a run."""
    return KafkaSettings()


@cache
def metrics(service: str) -> LoopMetrics:
    """One for all runs, which shows nothing: to make and to count them takes as long as a run may."""
    silent = LoopMetrics(service)
    for name, member in vars(LoopMetrics).items():
        if callable(member) and not name.startswith("_"):
            setattr(silent, name, _nothing)
    return silent


def _nothing(*_: Any) -> None:
    pass


def loop_of(core: Any, settings: LoopSettings, world: "World", replica: int) -> Loop:
    """The services' own loop over the simulated clients."""
    plan = world.plan
    connection = kafka(replica, plan.classic, plan.batch, plan.linger_ms, plan.poll_ms)
    transport = KafkaTransport(settings, connection)
    return Loop(core, settings, connection, clock=world.clock, metrics=metrics(settings.service), transport=transport)


def compared(what: str, wanted: Sequence[Any], found: Sequence[Any]) -> Iterator[str]:
    """What is missing, and what is there too often."""
    lost, doubled = Tally(wanted) - Tally(found), Tally(found) - Tally(wanted)
    if lost:
        yield f"{what} lost: {list(lost.elements())[:5]}"
    if doubled:
        yield f"{what} doubled: {list(doubled.elements())[:5]}"


def committed(world: "World", topic: str) -> list[FakeRecord]:
    """What a reader of committed records finds, partition by partition."""
    return [
        FakeRecord(
            topic, key=e.key, value=e.value, headers=tuple(e.headers), at_partition=number, at_offset=at, at_ms=e.at_ms
        )
        for number, log in enumerate(world.cluster.topics[topic])
        for at, e in log.committed()
    ]
