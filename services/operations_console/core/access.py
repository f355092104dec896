"""Who may what: roles, tokens, and how many requests in which time. Pure: the moment is an argument."""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Role = Literal["viewer", "operator", "approver"]
"""viewer reads; operator asks for runs, replays and labels too; approver lets versions serve as well."""

_RANK: dict[Role, int] = {"viewer": 0, "operator": 1, "approver": 2}
PREFIX = "dlt_"
"""Every token begins so, for scanners of secrets to know it."""


class TokenEntry(BaseModel):
    """A token as it is kept: its hash, never itself. `models` are patterns of the models it is good for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=100)
    role: Role
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    models: tuple[str, ...] = ("*",)
    expires_at: AwareDatetime | None = None


class TokenFile(BaseModel):
    """The file of tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens: tuple[TokenEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `means` says how they showed who they are: `token`, `oidc` or `loopback`."""

    name: str
    role: Role
    models: tuple[str, ...] = ("*",)
    means: str = "token"
    expires_at: datetime | None = None

    def may(self, role: Role, model_id: str | None = None) -> bool:
        """Whether they may do what `role` is asked for, on that model.

        >>> Principal("ann", "operator", ("plant-*",)).may("operator", "plant-1")
        True
        """
        return _RANK[self.role] >= _RANK[role] and (model_id is None or self.sees(model_id))

    def sees(self, model_id: str) -> bool:
        """Whether they may see that model at all."""
        return any(fnmatchcase(model_id, pattern) for pattern in self.models)

    def is_current(self, now: datetime) -> bool:
        """Whether their time has not run out."""
        return self.expires_at is None or now < self.expires_at


ANYBODY = Principal("anybody on this machine", "approver", means="loopback")
"""Who asks where access is open, which it is on loopback only."""


def hashed(token: str) -> str:
    """A token's hash. It was drawn at random, so it needs no salt and no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def principal_of(token: str, entries: tuple[TokenEntry, ...], now: datetime) -> Principal | None:
    """Whose token it is; None where it is nobody's, or has expired."""
    digest = hashed(token)
    for entry in entries:
        if hmac.compare_digest(digest, entry.sha256):
            found = Principal(entry.name, entry.role, entry.models, "token", entry.expires_at)
            return found if found.is_current(now) else None
    return None


@dataclass(slots=True)
class RateLimit:
    """A bucket for each caller: `burst` requests at once, `per_second` in the long run."""

    per_second: float
    burst: float
    _buckets: dict[str, tuple[float, float]] = field(default_factory=dict)

    def allows(self, caller: str, now_s: float) -> bool:
        """Whether one more request is allowed now; it counts if it is."""
        left, at = self._buckets.get(caller, (self.burst, now_s))
        left = min(self.burst, left + (now_s - at) * self.per_second)
        allowed = left >= 1.0
        if len(self._buckets) > 10_000:
            self._buckets.clear()
        self._buckets[caller] = (left - 1.0 if allowed else left, now_s)
        return allowed
