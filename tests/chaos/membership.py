"""Replicas that come and go in good order under load: rebalances, and ends by SIGTERM."""

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from tests.chaos.case import Case
from tests.chaos.replicas import Replica
from tests.chaos.run import load_on, replicas_of, world_of
from tests.chaos.verdict import Verdict

from driftloop.errors import UserError
from driftloop.kafka.clients.clients import admin_client
from driftloop.kafka.settings import KafkaSettings

SIZES = (4, 1, 3, 1)
"""Replicas that there are to be, after the first one; and again."""
_JOIN_S = 90.0
_PAUSE_S = (0.2, 1.0)


class Group:
    """Who is in a group, as the broker says."""

    def __init__(self, case: Case, kafka: KafkaSettings) -> None:
        (name,) = case.groups
        self._name, self._admin = kafka.topic_prefix + name, admin_client(kafka)

    def members(self) -> list[tuple[str, int]]:
        """Who they are, by their client's name, and how many partitions each holds."""
        found = self._admin.describe_consumer_groups([self._name])[self._name].result()
        return [(member.client_id, len(member.assignment.topic_partitions)) for member in found.members]

    def settled(self, members: int, partitions: int) -> bool:
        """Whether so many members share so many partitions, each with some."""
        held = [count for _, count in self.members()]
        return len(held) == members and sum(held) == partitions and all(held)

    def require_left(self, replica: Replica) -> None:
        """Raise where a replica that has ended is a member still.

        Why by its name: on a loaded machine the other replicas may be out for a moment, and back in the next,
        so that how many there are says nothing of this one.
        """
        members = self.members()
        assert replica.client_id not in [name for name, _ in members], f"{replica.client_id} has ended, but: {members}"


def run_rebalances(
    case: Case,
    kafka: KafkaSettings,
    *,
    faults: int,
    seconds: float = math.inf,
    alive: Callable[[], None] = lambda: None,
    said: Callable[[str], None] = lambda _: None,
    keep_in: Path | None = None,
) -> Verdict:
    """1 → 4 → 1 → 3 → 1 replicas and again, one by one, until `faults` have come or gone; the slowest join is told."""
    end = time.monotonic() + seconds
    verdict = Verdict(f"rebalance-{kafka.group_protocol}", faults, control=False)
    with world_of(case, kafka, verdict, keep_in) as world:
        running = replicas_of(case, world, verdict, 1)
        group, stops = Group(case, kafka), Stops()
        partitions = sum(4 for topics in case.groups.values() for _ in topics)
        with load_on(case, world, running, alive):
            for number, wanted in enumerate(_steps(faults)):
                if time.monotonic() > end:
                    verdict.faults = number
                    break
                began = time.monotonic()
                if wanted > len(running):
                    running += replicas_of(case, world, verdict, 1, first_slot=len(running))
                else:
                    ending = running.pop()
                    stops.stop(ending)
                    group.require_left(ending)
                _await(lambda wanted=wanted: group.settled(wanted, partitions), alive)
                took = round(time.monotonic() - began, 1)
                verdict.max_seconds = max(verdict.max_seconds or 0.0, took)
                said(f"{number + 1}: {wanted} replicas share the partitions after {took} s")
                alive()
    verdict.max_stop_seconds, verdict.exits = stops.longest, stops.exits
    return verdict


def run_stops(
    case: Case,
    kafka: KafkaSettings,
    *,
    faults: int,
    seed: int = 1,
    seconds: float = math.inf,
    alive: Callable[[], None] = lambda: None,
    said: Callable[[str], None] = lambda _: None,
    keep_in: Path | None = None,
) -> Verdict:
    """Two replicas; again and again one of them gets SIGTERM, at any moment, and another takes its place."""
    end = time.monotonic() + seconds
    verdict, random = Verdict(f"stop-{kafka.group_protocol}", faults, control=False), Random(seed)
    with world_of(case, kafka, verdict, keep_in) as world:
        running = replicas_of(case, world, verdict)
        group, stops = Group(case, kafka), Stops()
        with load_on(case, world, running, alive):
            for number in range(faults):
                if time.monotonic() > end:
                    verdict.faults = number
                    break
                _await(lambda: all(replica.at_work for replica in running), alive)
                time.sleep(random.uniform(*_PAUSE_S))
                slot = random.randrange(len(running))
                took = stops.stop(running[slot])
                group.require_left(running[slot])
                (running[slot],) = replicas_of(case, world, verdict, 1, first_slot=slot)
                said(f"{number + 1}: ended {took:.1f} s after SIGTERM")
    verdict.max_stop_seconds, verdict.exits = stops.longest, stops.exits
    return verdict


class Stops:
    """How replicas that were told to end did so."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.exits: list[int] = []

    def stop(self, replica: Replica) -> float:
        """SIGTERM, and the seconds to the end."""
        began = time.monotonic()
        self.exits = sorted({*self.exits, replica.stop()})
        seconds = time.monotonic() - began
        self.longest = max(self.longest, round(seconds, 2))
        return seconds


def _steps(count: int) -> Iterator[int]:
    """How many replicas there are to be after each of `count` comings and goings."""
    size, given = 1, 0
    while True:
        for goal in SIZES:
            while size != goal:
                size += 1 if goal > size else -1
                yield size
                given += 1
                if given == count:
                    return


def _await(condition: Callable[[], bool], alive: Callable[[], None]) -> None:
    deadline = time.monotonic() + _JOIN_S
    while not condition():
        alive()
        if time.monotonic() > deadline:
            raise UserError(f"the group did not settle within {_JOIN_S:.0f} s")
        time.sleep(0.05)
