"""Rest in a world in memory that goes on between any two questions: it never says so of a loop that is not still."""

import time
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftloop.errors import UserError
from driftloop.kafka.admin import rest as module
from driftloop.kafka.admin.rest import Rest
from driftloop.kafka.settings import KafkaSettings

ROWS, FRAMES, SIGNALS = (("rows", 0), ("frames", 0), ("signals", 0))
GROUPS = {"ingestion": ("rows",), "detection": ("frames",), "coordinator": ("signals",)}
_READS = {"ingestion": ROWS, "detection": FRAMES, "coordinator": SIGNALS}
_WRITES = {"ingestion": FRAMES, "detection": SIGNALS}


@dataclass
class World:
    """Three services in a row. Each takes its records in four steps: read them, write what is made of them, commit the
    offsets, and let the marker follow: a broker writes the markers of a transaction one after the other.
    `moves`: who works between two questions; when they are used up, each in turn.
    """

    moves: list[list[int]]
    ends: dict[Any, int] = field(default_factory=lambda: dict.fromkeys((ROWS, FRAMES, SIGNALS), 0))
    open: dict[Any, int] = field(default_factory=dict)
    committed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(GROUPS, 0))
    stage: dict[str, int] = field(default_factory=lambda: dict.fromkeys(GROUPS, 0))
    read: dict[str, int] = field(default_factory=lambda: dict.fromkeys(GROUPS, 0))
    asked: int = 0
    was_still: bool = False

    def step(self) -> None:
        """What goes on between two questions."""
        self.asked += 1
        self.was_still |= self.still
        names = list(GROUPS)
        for number in self.moves.pop() if self.moves else [self.asked]:
            self.work(names[number % len(names)])
            self.was_still |= self.still

    def work(self, name: str) -> None:
        """One step of a service."""
        source, sink = _READS[name], _WRITES.get(name)
        if self.stage[name] == 0 and self.records(source) > self.committed[name]:
            self.stage[name], self.read[name] = 1, self.records(source)
        elif self.stage[name] == 1:
            if sink is not None:
                self.open[sink] = self.ends[sink]
                self.ends[sink] += 1
            self.stage[name] = 2
        elif self.stage[name] == 2:
            self.committed[name], self.stage[name] = self.read[name], 3
        elif self.stage[name] == 3:
            if sink is not None:
                self.ends[sink] += 1
                del self.open[sink]
            self.stage[name] = 0

    def records(self, position: Any) -> int:
        """Behind the last record that a reader of what is committed sees."""
        stable = self.open.get(position, self.ends[position])
        return stable if position == ROWS else max(0, stable - 1)

    @property
    def still(self) -> bool:
        """Whether every service has done all there is, with nothing under way."""
        return not self.open and all(self.records(_READS[name]) <= self.committed[name] for name in GROUPS)


def _rest(world: World, monkeypatch: pytest.MonkeyPatch) -> Rest:
    class Ends:
        def __init__(self, _kafka: KafkaSettings, *, stable: bool = False) -> None:
            self.stable = stable

        def ask(self, positions: Any) -> dict[Any, int]:
            world.step()
            found = world.ends | world.open if self.stable else world.ends
            return {position: found[position] for position in positions}

        def close(self) -> None:
            """Nothing is held."""

    class Offsets(Ends):
        def __init__(self, _kafka: KafkaSettings, group: str) -> None:
            self.group = group

        def ask(self, positions: Any) -> dict[Any, int]:
            world.step()
            return dict.fromkeys(positions, world.committed[self.group])

    monkeypatch.setattr(module, "EndOffsets", Ends)
    monkeypatch.setattr(module, "GroupOffsets", Offsets)
    monkeypatch.setattr(module, "partition_count", lambda *_: 1)
    monkeypatch.setattr(module, "admin_client", lambda _kafka: None)
    monkeypatch.setattr(time, "sleep", lambda _seconds: world.step())
    return Rest(KafkaSettings(), GROUPS, plain=("rows",))


_MOVES = st.lists(st.lists(st.integers(0, 2), max_size=8), max_size=40)


@settings(max_examples=300)
@given(moves=_MOVES, rows=st.lists(st.integers(0, 3), min_size=1, max_size=4), vain=st.integers(0, 5))
def test_a_loop_that_is_said_to_be_at_rest_was_so_at_some_moment_of_the_question(
    moves: list[list[int]], rows: list[int], vain: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        world = World(moves)
        rest = _rest(world, patch)
        for count in rows:
            world.ends[ROWS] += count
            for attempt in range(200):
                if attempt >= vain:  # before that it is asked in the midst of the work
                    rest.await_groups(60.0, lambda: None)
                world.was_still = world.still
                ends = rest.ends_at_rest()
                if ends is not None:
                    break
            assert ends is not None, "the loop comes to rest"
            assert world.was_still
            assert ends[ROWS] == world.ends[ROWS]
        rest.close()


def test_who_is_known_to_be_there_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World([])
    rest = _rest(world, monkeypatch)
    world.ends[ROWS] += 1
    while rest.ends_at_rest() is None:
        rest.await_groups(60.0, lambda: None)
    before = world.asked
    rest.await_groups(60.0, lambda: None)
    assert rest.ends_at_rest() is not None
    assert world.asked - before == len(GROUPS) + 2, "the ends of each group's inputs, and all ends twice"


def test_a_group_that_does_not_come_is_named_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World([[2]] * 1000)  # only the coordinator works
    rest = _rest(world, monkeypatch)
    world.ends[ROWS] += 2
    with pytest.raises(UserError, match="ingestion is 2 behind"):
        rest.await_groups(0.0, lambda: None)
