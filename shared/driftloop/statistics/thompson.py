"""Thompson sampling: which of some variants answers in a channel, learnt from labelled outcomes.

Each variant of each channel has a Beta belief about its share of right answers. A draw from each belief is
taken, the variant with the largest one answers. Why beliefs forget: a variant that was good for a thousand
outcomes and turns bad would need a thousand bad ones to be left. So a belief remembers about the last `memory`
outcomes of its variant. `floor` is the share of requests that are shared out
evenly whatever is believed: a variant that nobody asks cannot show that it has become good.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from importlib import import_module

import numpy as np


@dataclass(frozen=True, slots=True)
class Bandit:
    """How variants are chosen. Raises ValueError where a number makes no sense."""

    variants: tuple[str, ...]
    floor: float = 0.01
    memory: float = 200.0
    """Outcomes of a variant that its belief remembers."""

    def __post_init__(self) -> None:
        if not self.variants or len(set(self.variants)) != len(self.variants):
            raise ValueError("a bandit needs variants, each named once")
        if not 0 <= self.floor < 1 or self.memory < 10:
            raise ValueError("floor is 0 to below 1, memory at least 10 outcomes")
        import_module("scipy.special")  # only who has a bandit needs it; its first choice then does not wait


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of one variant in one channel: right and wrong answers, the older ones counting less."""

    right: float = 0.0
    wrong: float = 0.0

    @property
    def mean(self) -> float:
        """The share of right answers that is expected.

        >>> Belief(8, 0).mean
        0.9
        """
        return (self.right + 1) / (self.right + self.wrong + 2)


Beliefs = Mapping[tuple[str, str], Belief]
"""By channel and variant; one that is not there is not known yet."""


def choose(bandit: Bandit, beliefs: Beliefs, channel: str, random: np.random.Generator) -> str:
    """The variant that answers the next request of a channel.

    >>> told = {("web", "a"): Belief(90, 10), ("web", "b"): Belief(10, 90)}
    >>> choose(Bandit(("a", "b"), floor=0.0), told, "web", np.random.default_rng(1))
    'a'
    """
    if random.random() < bandit.floor:
        return bandit.variants[int(random.integers(len(bandit.variants)))]
    known = [beliefs.get((channel, variant), Belief()) for variant in bandit.variants]
    drawn = random.beta([belief.right + 1 for belief in known], [belief.wrong + 1 for belief in known])
    return bandit.variants[int(np.argmax(drawn))]


def choose_for_key(bandit: Bandit, beliefs: Beliefs, channel: str, key: str) -> str:
    """The variant that answers a request with this key (a customer, a session) in a channel.

    The key takes the place of a random generator: servers that know the same outcomes choose alike, and a key stays
    with its variant until what is believed moves past its draw. Over many keys it is what `choose` does.

    >>> told = {("web", "a"): Belief(90, 10), ("web", "b"): Belief(10, 90)}
    >>> choose_for_key(Bandit(("a", "b"), floor=0.0), told, "web", "customer-17")
    'a'
    """
    from scipy.special import betaincinv

    if _point("floor", channel, key) < bandit.floor:
        return bandit.variants[int(_point("even", channel, key) * len(bandit.variants))]
    known = [beliefs.get((channel, variant), Belief()) for variant in bandit.variants]
    points = [_point("draw", channel, key, variant) for variant in bandit.variants]
    drawn = betaincinv([belief.right + 1 for belief in known], [belief.wrong + 1 for belief in known], points)
    return bandit.variants[int(np.argmax(drawn))]


def _point(*words: str) -> float:
    """A number from 0 to below 1 that is spread evenly over texts."""
    digest = blake2b("\x00".join(words).encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "little") >> 11) / 2**53


def learn(
    bandit: Bandit, beliefs: Beliefs, channel: str, variant: str, *, right: float
) -> dict[tuple[str, str], Belief]:
    """The beliefs after an outcome became known; `right` is 0 to 1 (a rating may lie between).

    Raises ValueError for a variant that is none.

    >>> learn(Bandit(("a", "b")), {}, "web", "a", right=1.0)[("web", "a")].right
    1.0
    """
    if variant not in bandit.variants:
        raise ValueError(f"there is no variant {variant!r}; the variants are {', '.join(bandit.variants)}")
    old = beliefs.get((channel, variant), Belief())
    return {**beliefs, (channel, variant): told(old, right, bandit.memory)}


def told(belief: Belief, right: float, memory: float) -> Belief:
    """A belief after one outcome more, `right` from 0 to 1; it remembers about the last `memory` outcomes.

    >>> told(Belief(), 0.75, 200.0)
    Belief(right=0.75, wrong=0.25)
    """
    kept = 1.0 - 1.0 / memory
    return replace(belief, right=belief.right * kept + right, wrong=belief.wrong * kept + 1.0 - right)


def leading(bandit: Bandit, beliefs: Beliefs, channel: str) -> str:
    """The variant that is believed to be best in a channel; the first one where nothing is known."""
    means = [beliefs.get((channel, variant), Belief()).mean for variant in bandit.variants]
    return bandit.variants[int(np.argmax(means))]


def switch_variant(bandit: Bandit, beliefs: Beliefs, channels: Sequence[str]) -> dict[str, str]:
    """The leading variant of each channel."""
    return {channel: leading(bandit, beliefs, channel) for channel in channels}
