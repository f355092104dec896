"""What happens to the brokers, one fault after the other, each over before the next one begins.

A line is a kind of fault under one name; its faults come for as long as they are asked for.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count, cycle
from random import Random

from confluent_kafka import KafkaException
from tests.cluster.brokers import NODES, Brokers
from tests.cluster.coordinators import group_coordinator, transaction_coordinator
from tests.cluster.network import Cut, from_brokers, from_clients, isolated
from tests.cluster.reassign import elect_preferred_leaders, reassign, replicas_of

from driftloop.errors import UserError

_AWAY_S = (4.0, 9.0)
"""How long a killed broker stays away: its leaderships, and groups and transactions that it coordinates, move on."""
_SHORT_AWAY_S = (1.0, 2.0)
_CUT_S = (2.0, 9.0)
"""Shorter and longer than a broker's session (4 s), so that some cuts move leaderships and some do not."""
_FEW_S = (3.0, 6.0)
"""How long two brokers are away: nothing can be written."""
_ASK_S = 30.0
SLOTS = ("outcome_ingestion-0", "outcome_ingestion-1", "drift_detection-0", "drift_detection-1", "outcome_archive-0")
"""Transactional ids of the pipeline's replicas."""
_GROUPS = ("outcome_ingestion", "drift_detection", "outcome_archive")


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: its name for the report, and what it does."""

    name: str
    inflict: Callable[[], None]


Faults = Callable[[Brokers, Random], Iterator[Fault]]


def all_faults(brokers: Brokers, random: Random) -> Iterator[Fault]:
    """Two rolling restarts, each broker killed twice, partitions moved to other brokers and back, leaders elected."""
    yield _rolling(brokers)
    yield from (_kill(brokers, node, random.uniform(*_AWAY_S)) for node in NODES)
    yield Fault("partitions reassigned", lambda: _reassign(brokers))
    yield Fault("leaders elected", lambda: elect_preferred_leaders(brokers.kafka))
    yield from (_kill(brokers, node, random.uniform(*_AWAY_S)) for node in random.sample(NODES, len(NODES)))
    yield _rolling(brokers)


def few_faults(brokers: Brokers, random: Random) -> Iterator[Fault]:
    """One rolling restart, and one broker killed."""
    yield _kill(brokers, random.choice(NODES), random.uniform(*_SHORT_AWAY_S))
    yield _rolling(brokers)


def splits(brokers: Brokers, random: Random) -> Iterator[Fault]:
    """One broker alone: cut from the others and from clients, or from the others only."""
    for kind in cycle((isolated, from_brokers)):
        node = random.choice(NODES)
        yield _cut(brokers, kind(node), random, f"broker {node} {kind.__name__.replace('_', ' ')}")


def splits_of_clients(brokers: Brokers, random: Random) -> Iterator[Fault]:
    """Clients do not reach one broker, which goes on to lead its partitions."""
    while True:
        node = random.choice(NODES)
        yield _cut(brokers, from_clients(node), random, f"clients cut from broker {node}")


def too_few_in_sync(brokers: Brokers, random: Random) -> Iterator[Fault]:
    """Two brokers are down at once, and come back: `min.insync.replicas` is not met meanwhile, nor a quorum."""
    while True:
        gone = random.sample(NODES, 2)

        def lose(gone: list[int] = gone) -> None:
            for node in gone:
                brokers.kill(node)
            threading.Event().wait(random.uniform(*_FEW_S))
            brokers.start_together(gone)
            brokers.await_in_sync()

        yield Fault(f"brokers {gone[0]} and {gone[1]} down", lose)


def controllers_lost(brokers: Brokers, random: Random) -> Iterator[Fault]:
    """The leader of the quorum is killed, or cut from the others."""
    for number in count():
        node = _asked(brokers.controller)
        if number % 2:
            yield _cut(brokers, from_brokers(node), random, f"controller {node} cut from the others")
        else:
            yield _kill(brokers, node, random.uniform(*_SHORT_AWAY_S), f"controller {node} killed")


def transactions_moved(brokers: Brokers, random: Random) -> Iterator[Fault]:
    """The broker that coordinates a replica's transactions is stopped; leaders are given back by an election."""
    for slot in _endless(SLOTS, random):
        node = _asked(lambda slot=slot: transaction_coordinator(brokers.kafka, slot))
        yield _stop(brokers, node, f"broker {node}, which coordinates the transactions of {slot}, stopped")
        yield Fault("leaders elected", lambda: elect_preferred_leaders(brokers.kafka))


def groups_moved(brokers: Brokers, random: Random) -> Iterator[Fault]:
    """The broker that coordinates a group is stopped; leaders are given back by an election."""
    for group in _endless(_GROUPS, random):
        node = _asked(lambda group=group: group_coordinator(brokers.kafka, group))
        yield _stop(brokers, node, f"broker {node}, which coordinates group {group}, stopped")
        yield Fault("leaders elected", lambda: elect_preferred_leaders(brokers.kafka))


LINES: Mapping[str, Faults] = {
    "split": splits,
    "split-clients": splits_of_clients,
    "min-isr": too_few_in_sync,
    "controller": controllers_lost,
    "transaction-coordinator": transactions_moved,
    "group-coordinator": groups_moved,
}
"""Name → endless faults of that kind."""


def _endless(names: tuple[str, ...], random: Random) -> Iterator[str]:
    while True:
        yield from random.sample(names, len(names))


def _asked(ask: Callable[[], int]) -> int:
    """An answer about a cluster that may be electing just now."""
    deadline = time.monotonic() + _ASK_S
    while True:
        try:
            return ask()
        except (UserError, KafkaException):
            if time.monotonic() > deadline:
                raise
        time.sleep(0.2)


def _rolling(brokers: Brokers) -> Fault:
    def roll() -> None:
        for node in NODES:
            brokers.stop(node)
            brokers.start(node)
            brokers.await_in_sync()

    return Fault("rolling restart", roll)


def _kill(brokers: Brokers, node: int, away_s: float, name: str = "") -> Fault:
    def kill() -> None:
        brokers.kill(node)
        threading.Event().wait(away_s)
        brokers.start(node)
        brokers.await_in_sync()

    return Fault(name or f"broker {node} killed", kill)


def _stop(brokers: Brokers, node: int, name: str) -> Fault:
    def stop() -> None:
        brokers.stop(node)
        brokers.start(node)
        brokers.await_in_sync()

    return Fault(name, stop)


def _cut(brokers: Brokers, cut: Cut, random: Random, name: str) -> Fault:
    """Silent or with resets, in turns of chance."""
    seconds, silent = random.uniform(*_CUT_S), random.random() < 0.5

    def split() -> None:
        assert brokers.network is not None, "the brokers are not proxied"
        with brokers.network.cut(cut, silent=silent):
            threading.Event().wait(seconds)
        brokers.await_in_sync()

    return Fault(f"{name} for {seconds:.1f} s, {'in silence' if silent else 'with resets'}", split)


def _reassign(brokers: Brokers) -> None:
    """Every partition leaves the broker that leads it, and comes back to it as its last choice."""
    before = replicas_of(brokers.kafka)
    reassign(brokers.kafka, {place: nodes[1:] for place, nodes in before.items()})
    reassign(brokers.kafka, {place: [*nodes[1:], nodes[0]] for place, nodes in before.items()})
    brokers.await_in_sync()
