"""Ingestion with its own core: good rows, repeats, late labels and rubbish, as in the chaos runs."""

from collections import Counter as Tally
from collections.abc import Iterator
from functools import cache
from itertools import islice
from random import Random
from typing import TYPE_CHECKING, Any

from tests.chaos.case import Input
from tests.chaos.cases.ingestion import MODELS, kind_of, rows_of, spec_input
from tests.chaos.cases.ingestion import IngestionCase as Chaos
from tests.simulation.broker.partition_log import Entry
from tests.simulation.cases.parts import committed, compared, loop_of
from tests.simulation.cases.state import kept_state

from driftloop.contracts.topics import (
    DEAD_LETTERS,
    MODEL_SPECS,
    OUTCOME_FRAMES,
    PREDICTION_LABELS,
    PREDICTION_OUTCOMES,
)
from driftloop.kafka.clients.partitioner import partition_of
from driftloop.kafka.loop.loop import Loop
from outcome_ingestion.app import INGEST
from outcome_ingestion.core.ingest import Ingest

if TYPE_CHECKING:
    from tests.simulation.process import Make
    from tests.simulation.world import World

INPUTS = (PREDICTION_OUTCOMES, PREDICTION_LABELS)


@cache
def inputs() -> list[Input]:
    """The stream of the chaos runs: its labels come 40 rows later, its repeats 100."""
    return list(islice(Chaos().inputs(), 400))


@cache
def spec_inputs() -> list[Input]:
    """One spec a model."""
    return [spec_input(model) for model in MODELS]


class IngestionCase:
    """`length` records from some place of the stream on; its specs may come later than its first rows."""

    def __init__(self, seed: int, length: int) -> None:
        self._random = Random(f"ingestion {seed}")
        first = self._random.choice((0, 0, 60, 120))
        self._left = inputs()[first : first + length]
        self.sent: list[Input] = []
        self._aborted = self._random.choice((0.0, 0.2))
        self._number = 0

    def services(self) -> "Iterator[tuple[str, Make]]":
        """One."""
        yield "outcome_ingestion", self._make

    def _make(self, world: "World", replica: int) -> Loop:
        return loop_of(Ingest(), INGEST, world, replica)

    def groups(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Its inputs."""
        yield "outcome_ingestion", INPUTS

    def prepare(self, world: "World") -> None:
        """Topics and specs."""
        for topic in (*INPUTS, MODEL_SPECS, OUTCOME_FRAMES, DEAD_LETTERS):
            world.cluster.create(topic)
        for item in spec_inputs():
            append(world, item)

    def feed(self, world: "World") -> bool:
        """A few records; now and then a transaction of another producer that is taken back."""
        for _ in range(self._random.choice((1, 3, 8))):
            if not self._left:
                return False
            self._number += 1
            item = self._left.pop(0)
            if self._random.random() < self._aborted:
                position = append(world, item, owner=1_000_000 + self._number)
                world.cluster.log(position).mark(1_000_000 + self._number, commit=False, at_ms=world.wall_ms)
            append(world, item)
            self.sent.append(item)
        return bool(self._left)

    def helped(self, world: "World") -> bool:
        """It never has to be."""
        return False

    def check_stopped(self, world: "World", said: str) -> Iterator[str]:
        """It never has to."""
        yield f"stopped: {said}"[:300]

    def check(self, world: "World") -> Iterator[str]:
        """Each good row and each label in a frame once, each bad record buried once, the state as it must be."""
        fine = [item for item in self.sent if not item.value.endswith(b"!")]
        good = {item.key for item in fine if item.topic == PREDICTION_OUTCOMES}
        labelled = {item.key for item in fine if b'"label"' in item.value}
        rows = [row for record in committed(world, OUTCOME_FRAMES) for row in rows_of(record)]
        events = Tally((row["prediction_id"], kind_of(row["event"])) for row in rows)
        yield from compared("rows", sorted(good), [name for name, kind in events.elements() if kind == "row"])
        found = [row["prediction_id"] for row in rows if row["event"] in ("outcome", "label")]
        yield from compared("labels", sorted(good & labelled), found)
        buried = [record.value() for record in committed(world, DEAD_LETTERS)]
        yield from compared("dead letters", [item.value for item in self.sent if item not in fine], buried)
        rank: dict[str, int] = {}
        for item in self.sent:
            if item.topic == PREDICTION_OUTCOMES:
                rank.setdefault(item.key, len(rank))
        last: dict[Any, int] = {}
        for row in (row for row in rows if kind_of(row["event"]) == "row"):
            place = row["model_id"], partition_of(row["prediction_id"], world.plan.partitions)
            number = rank.get(row["prediction_id"], -1)
            if number <= last.get(place, -1):
                yield f"out of order: {row['prediction_id']}"
            last[place] = number
        yield from self._state(world, good, labelled)

    def _state(self, world: "World", good: set[str], labelled: set[str]) -> Iterator[str]:
        core = Ingest()
        core.take_table(MODEL_SPECS, committed(world, MODEL_SPECS))
        for number in range(world.plan.partitions):
            core.restore(number, kept_state(world, "outcome_ingestion", number)[0])
        if core.rows_waiting != len(good - labelled):
            yield f"{core.rows_waiting} rows wait for their label, {len(good - labelled)} must"
        if core.labels_waiting != len(labelled - good):
            yield f"{core.labels_waiting} labels wait for their row, {len(labelled - good)} must"


def append(world: "World", item: Input, owner: int | None = None) -> tuple[str, int]:
    """Put an input on its topic."""
    number = partition_of(item.partition_by or item.key, world.plan.partitions)
    entry = Entry(item.key.encode(), item.value, item.headers, world.wall_ms, owner)
    world.cluster.log((item.topic, number)).append(entry)
    return item.topic, number
