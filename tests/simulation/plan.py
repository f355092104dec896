"""What a run is made of, all drawn from its seed: how much of what, and how often each fault."""

from dataclasses import dataclass, field, replace
from random import Random

CALLS = {
    "call fails": 0.02,
    "slow answer": 0.02,
    "answer lost": 0.1,
    "request lost": 0.25,
    "delivery failed": 0.02,
    "sent early": 0.3,
    "pause between records": 0.2,
    "fetched ahead": 0.3,
    "rebalance later": 0.3,
    "share in parts": 0.5,
    "fetcher not up": 0.3,
    "records left out": 0.03,
    "end told early": 0.03,
}
"""How often a call suffers what, at most."""
EVENTS = (
    "kill",
    "stop",
    "freeze",
    "take over",
    "scale",
    "broker away",
    "clock jumps",
    "compact",
    "suspend",
    "coordinator moves",
)
"""What happens to processes and brokers."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`weights` of events and `chances` in calls are 0 where a run leaves a fault out: runs differ in kind.

    `ambush`: the share of events that wait for a process to be inside a transaction or a restore.
    """

    seed: int
    classic: bool
    partitions: int
    replicas: int
    inputs: int
    events: int
    chunk: int
    batch: int
    switch: float
    feed: float
    event_rate: float
    weights: dict[str, int] = field(default_factory=dict)
    chances: dict[str, float] = field(default_factory=dict)
    most_steps: int = 60_000
    spread: int = 5
    linger_ms: int = 0
    poll_ms: int = 100
    ambush: float = 0.0

    def without(self, fault: str) -> "Plan":
        """The same, less one kind of fault."""
        return replace(
            self,
            weights={name: weight for name, weight in self.weights.items() if name != fault},
            chances={name: chance for name, chance in self.chances.items() if name != fault},
        )


def plan_of(seed: int, *, inputs: tuple[int, int] = (6, 40), events: tuple[int, int] = (0, 6)) -> Plan:
    """The plan of a seed."""
    random = Random(f"plan {seed}")
    weights = {name: random.choice((0, 1, 1, 3)) for name in EVENTS}
    chances = {name: random.choice((0.0, random.random() * most)) for name, most in CALLS.items()}
    return Plan(
        seed=seed,
        classic=random.random() < 0.4,
        partitions=random.choice((1, 2, 2, 3)),
        replicas=random.choice((1, 2, 2, 2, 3)),
        inputs=random.randint(*inputs),
        events=random.randint(*events) if any(weights.values()) else 0,
        chunk=random.choice((1, 3, 10)),
        batch=random.choice((1, 3, 10, 100)),
        switch=random.choice((0.05, 0.2, 0.5)),
        feed=random.choice((0.01, 0.05, 0.3)),
        event_rate=random.choice((0.01, 0.04, 0.1)),
        weights=weights,
        chances=chances,
        spread=random.choice((1, 3, 6)),
        linger_ms=random.choice((0, 0, 50, 1_000)),
        poll_ms=random.choice((300, 2_000, 5_000)),
        ambush=random.choice((0.0, 0.5, 1.0)),
    )
