"""Splits traffic between versions: sticky, seeded, without state."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

_SPACE = 2**64


def canary_router(model_id: str, challenger: str, share: float) -> "TrafficRouter":
    """The router of a live canary: every server of a model splits alike, and each canary anew.

    >>> canary_router("pricing", "1.0.3", 0.1) == canary_router("pricing", "1.0.3", 0.1)
    True
    """
    seed = int.from_bytes(blake2b(f"{model_id}/{challenger}".encode(), digest_size=7).digest(), "little")
    return TrafficRouter({"champion": 1.0 - share, "challenger": share}, seed)


@dataclass(frozen=True, slots=True)
class TrafficRouter:
    """Sends a share of the keys to each arm, and a key always to the same one.

    `shares` sum to 1; the order matters: when only the last shares change, keys of the first arms
    stay where they are. Two routers with the same seed agree, on whatever machine.

    Raises ValueError where the shares are negative or do not sum to 1.

    >>> router = TrafficRouter({"champion": 0.9, "challenger": 0.1}, seed=7)
    >>> router.route("customer-17") == router.route("customer-17")
    True
    >>> sum(router.route(f"key-{i}") == "challenger" for i in range(10_000)) in range(900, 1100)
    True
    """

    shares: Mapping[str, float] = field(default_factory=lambda: {"champion": 0.9, "challenger": 0.1})
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.shares or min(self.shares.values()) < 0 or abs(sum(self.shares.values()) - 1.0) > 1e-9:
            raise ValueError(f"shares must be positive and sum to 1, these are {dict(self.shares)}")

    def route(self, key: str) -> str:
        """The arm of a key (a customer, a session: whatever shall see one version only)."""
        digest = blake2b(key.encode(), digest_size=8, salt=self.seed.to_bytes(8, "little", signed=True)).digest()
        point = int.from_bytes(digest, "little") / _SPACE
        edge = 0.0
        for arm, share in self.shares.items():
            edge += share
            if point < edge:
                return arm
        return next(reversed(list(self.shares)))
