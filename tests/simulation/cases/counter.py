"""The smallest service with state: it counts by key and says each count. Two inputs, keyed state or snapshots."""

from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache
from random import Random
from typing import TYPE_CHECKING

from tests.simulation.broker.partition_log import Entry
from tests.simulation.cases.parts import compared, loop_of
from tests.simulation.cases.state import DamagedError, kept_state

from driftloop.contracts.topics import DEAD_LETTERS
from driftloop.kafka.clients.partitioner import partition_of
from driftloop.kafka.loop.loop import Loop
from driftloop.kafka.settings import LoopSettings
from driftloop.processor import DeadLetter, Effects, Outgoing, Record, StateChange

if TYPE_CHECKING:
    from tests.simulation.process import Make
    from tests.simulation.world import World

INPUTS, SAID = ("outcome-frames", "model-commands"), "drift-signals"


class KeyCounter:
    """Says `value=count` for each record. A value `p…` raises, `r…` is buried; `m…` is misplaced."""

    def __init__(self, keyed: bool) -> None:
        self.counts: dict[int, dict[str, int]] = {}
        self._keyed = keyed

    def process(self, records: Sequence[Record], now: datetime, *, tables_current: bool = False) -> Effects:
        """Count."""
        said, changes, letters = [], [], []
        for record in records:
            key, value, number = (
                str(bytes(record.key() or b""), "ascii"),
                bytes(record.value() or b""),
                record.partition(),
            )
            if value.startswith(b"r"):
                letters.append(DeadLetter(record, "decode", "ValueError", "rubbish"))
                continue
            counts = self.counts[int(number or 0)]
            counts[key] = counts.get(key, 0) + 1
            if value.startswith(b"p"):
                raise ZeroDivisionError("poison")
            said.append(Outgoing(SAID, key, b"%s=%d" % (value, counts[key])))
            changes.append(StateChange(int(number or 0), key, b"%d" % counts[key]))
        return Effects(tuple(said), tuple(changes) if self._keyed else (), tuple(letters))

    def wake(self, now: datetime) -> Effects:
        """Nothing."""
        return Effects()

    def restore(self, partition: int, state: Iterable[tuple[str, bytes]]) -> None:
        """As written."""
        self.counts[partition] = {key: int(value) for key, value in state}

    def snapshot(self, partition: int) -> list[tuple[str, bytes]]:
        """All counts."""
        return [] if self._keyed else [(key, b"%d" % count) for key, count in self.counts[partition].items()]

    def revoke(self, partition: int) -> None:
        """Forget."""
        del self.counts[partition]

    def take_table(self, topic: str, records: Sequence[Record]) -> None:
        """None."""


@cache
def settings(state: str) -> LoopSettings:
    """Snapshots are written every other commit, so that most restores replay something."""
    return LoopSettings(
        service="counter", group="counter", inputs=INPUTS, state=state, keyed=INPUTS[1:], snapshot_every=3
    )


class CounterCase:
    """Plain producers and transactional ones, of which some abort, write unique values by key."""

    def __init__(self, seed: int, inputs: int, spread: int) -> None:
        self._random = Random(f"counter {seed}")
        self.state = self._random.choice(("keyed", "snapshot"))
        self._left, self._number, self._spread = inputs, 0, spread
        self._strange = self._random.choice((0.0, 0.0, 0.1))
        self._open: dict[int, list[tuple[str, int]]] = {}
        self._transactional = self._random.choice((0.0, 0.3, 0.8))

    def services(self) -> "Iterator[tuple[str, Make]]":
        """One."""
        yield "counter", self._make

    def _make(self, world: "World", replica: int) -> Loop:
        return loop_of(KeyCounter(self.state == "keyed"), settings(self.state), world, replica)

    def groups(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Its inputs."""
        yield "counter", INPUTS

    def prepare(self, world: "World") -> None:
        """Topics; the changelog is the service's to make."""
        for topic in (*INPUTS, SAID, DEAD_LETTERS):
            world.cluster.create(topic)

    def feed(self, world: "World") -> bool:
        """A few records of one producer; a transaction stays open for a while."""
        if self._open and self._random.random() < 0.5:
            self._end(world, self._random.choice(list(self._open)))
        if self._left:
            owner = self._number + 1_000_000 if self._random.random() < self._transactional else None
            for _ in range(min(self._left, self._random.choice((1, 2, 5)))):
                self._left -= 1
                self._append(world, owner)
        for owner in list(self._open) if not self._left else ():
            self._end(world, owner)
        return bool(self._left or self._open)

    def _append(self, world: "World", owner: int | None) -> None:
        self._number += 1
        key = f"k{self._random.randrange(self._spread)}"
        kind = self._random.choice("prm") if self._random.random() < self._strange else "v"
        position = self._random.choice(INPUTS), partition_of(key, world.plan.partitions)
        if kind == "m":
            if world.plan.partitions == 1:
                kind = "v"
            else:
                position = INPUTS[1], (position[1] + 1) % world.plan.partitions
        entry = Entry(key.encode(), f"{kind}{self._number}".encode(), (), world.wall_ms, owner)
        world.cluster.log(position).append(entry)
        if owner is not None:
            self._open.setdefault(owner, []).append(position)

    def _end(self, world: "World", owner: int) -> None:
        commit = self._random.random() < 0.6
        for position in sorted(set(self._open.pop(owner))):
            world.cluster.log(position).mark(owner, commit, world.wall_ms)

    # -- the independent count ------------------------------------------------------------------------------

    def helped(self, world: "World") -> bool:
        """It never has to be."""
        return False

    def check_stopped(self, world: "World", said: str) -> Iterator[str]:
        """It never has to."""
        yield f"stopped: {said}"[:300]

    def check(self, world: "World") -> Iterator[str]:
        """Each good input said once with the next count of its key, each bad one buried once, state as counted."""
        fed = [(t, e) for t in INPUTS for log in world.cluster.topics[t] for _, e in log.committed()]
        good = [(e.key, e.value) for _, e in fed if e.value.startswith(b"v")]
        said = [e for log in world.cluster.topics[SAID] for _, e in log.committed()]
        found = [(e.key, e.value.split(b"=")[0]) for e in said]
        yield from compared("inputs", good, found)
        counts = Tally(key for key, _ in good)
        told = sorted((e.key, int(e.value.split(b"=")[1])) for e in said)
        if told != sorted((key, place) for key, count in counts.items() for place in range(1, count + 1)):
            yield f"counts are wrong: {told}"[:300]
        buried = [(e.key, e.value) for log in world.cluster.topics[DEAD_LETTERS] for _, e in log.committed()]
        yield from compared("dead letters", [(e.key, e.value) for _, e in fed if not e.value.startswith(b"v")], buried)
        yield from self._order(fed, said)
        try:
            kept = self._kept(world)
        except DamagedError as error:
            yield f"the state is damaged: {error}"
            return
        if kept != {key.decode(): count for key, count in counts.items()}:
            yield f"the state is wrong: {dict(kept)} for {dict(counts)}"[:300]

    def _kept(self, world: "World") -> Tally[str]:
        """The state on the changelog; behind a snapshot what was read since is counted in."""
        kept: Tally[str] = Tally()
        for number in range(world.plan.partitions):
            entries, since = kept_state(world, "counter", number)
            kept.update({key: int(value) for key, value in entries})
            if self.state == "snapshot":
                for topic in INPUTS:
                    log, first = world.cluster.topics[topic][number], (since or {}).get(topic, 0)
                    good = (e for at, e in log.committed() if at >= first and e.value.startswith(b"v"))
                    kept.update(e.key.decode() for e in good)
        return kept

    def _order(self, fed: list[tuple[str, Entry]], said: list[Entry]) -> Iterator[str]:
        """What came first in a partition of an input is said first, key by key."""
        place = {e.value: (topic, at) for at, (topic, e) in enumerate(fed)}
        last: dict[tuple[bytes | None, str], int] = {}
        for entry in said:
            topic, at = place.get(entry.value.split(b"=")[0], ("", -1))
            if at < last.get((entry.key, topic), -1):
                yield f"out of order: {entry.key!r} {entry.value!r}"
            last[entry.key, topic] = at
