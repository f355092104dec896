"""What a service under fault must bring: its inputs, its command, and how to tell that all is right."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.chaos.replicas import Nest
from tests.chaos.verdict import Verdict

from driftloop.kafka.settings import KafkaSettings

PARTITIONS = 4


@dataclass(frozen=True, slots=True)
class Input:
    """A record to feed."""

    topic: str
    key: str
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()
    partition_by: str | None = None


@dataclass(slots=True)
class World:
    """Where a case runs."""

    kafka: KafkaSettings
    folder: Path
    sent: list[Input] = field(default_factory=list)
    nest: Nest | None = None


class Case(Protocol):
    """One service or role. `rate` is inputs a second, `hold_ms` the time spent within a transaction.

    `control` is what runs in its place where the control run is to have no transactions: the same
    service, but for one whose promise does not rest on Kafka's.
    """

    name: str
    module: tuple[str, ...]
    control: tuple[str, ...]
    rate: float
    hold_ms: float
    outputs: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]]

    def environment(self, world: World) -> Mapping[str, str]: ...

    def prepare(self, world: World) -> Iterator[Input]:
        """What must be there before the service starts: specs, versions."""
        ...

    def inputs(self) -> Iterator[Input]:
        """An endless stream."""
        ...

    def finished(self, world: World) -> bool:
        """Whether work that is on no topic is over too."""
        ...

    def check(self, world: World, verdict: Verdict) -> None:
        """Read what came out, and count."""
        ...
