"""What happens to the brokers, one fault after the other, each over before the next one begins."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from tests.cluster.brokers import NODES, Brokers
from tests.cluster.reassign import elect_preferred_leaders, reassign, replicas_of

_AWAY_S = (4.0, 9.0)
"""How long a killed broker stays away: its leaderships, and groups and transactions that it coordinates, move on."""
_SHORT_AWAY_S = (1.0, 2.0)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: its name for the report, and what it does."""

    name: str
    inflict: Callable[[], None]


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


def _rolling(brokers: Brokers) -> Fault:
    def roll() -> None:
        for node in NODES:
            brokers.stop(node)
            brokers.start(node)
            brokers.await_in_sync()

    return Fault("rolling restart", roll)


def _kill(brokers: Brokers, node: int, away_s: float) -> Fault:
    def kill() -> None:
        brokers.kill(node)
        threading.Event().wait(away_s)
        brokers.start(node)
        brokers.await_in_sync()

    return Fault(f"broker {node} killed", kill)


def _reassign(brokers: Brokers) -> None:
    """Every partition leaves the broker that leads it, and comes back to it as its last choice."""
    before = replicas_of(brokers.kafka)
    reassign(brokers.kafka, {place: nodes[1:] for place, nodes in before.items()})
    reassign(brokers.kafka, {place: [*nodes[1:], nodes[0]] for place, nodes in before.items()})
    brokers.await_in_sync()
