"""What a scenario is: made data whose drift is known, a real loop over it, and claims that may fail."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from driftloop.tools.replay.recording import Recording
from driftloop.tools.replay.result import ReplayResult, decision_json, in_order, result_json
from driftloop.tools.replay.stream import row_of


@dataclass(frozen=True, slots=True)
class Claim:
    """What a scenario has to show: in words what is wanted, what was seen, and whether that holds.

    >>> Claim.at_least(0.7, 0.83)
    Claim(wanted='at least 0.7', seen=0.83, holds=True)
    """

    wanted: str
    seen: float | str
    holds: bool

    @classmethod
    def at_least(cls, limit: float, seen: float) -> "Claim":
        """A number that must not be smaller."""
        return cls(f"at least {limit:g}", round(seen, 4), seen >= limit)

    @classmethod
    def at_most(cls, limit: float, seen: float) -> "Claim":
        """A number that must not be larger."""
        return cls(f"at most {limit:g}", round(seen, 4), seen <= limit)

    @classmethod
    def between(cls, least: float, most: float, seen: float) -> "Claim":
        """A number that must lie within two limits."""
        return cls(f"{least:g} to {most:g}", round(seen, 4), least <= seen <= most)

    def as_json(self) -> dict[str, Any]:
        """For a script."""
        return {"wanted": self.wanted, "seen": self.seen, "holds": self.holds}


@dataclass(frozen=True, slots=True)
class Change:
    """A drift that was made: the rows it lasts, and what it is called in pictures."""

    first: int
    last: int
    words: str


class Scenario(Protocol):
    """One world for one demonstration; use once, since its agents may act on what the model says.

    The same scenario plays the same rows, and its claims see the same figures, on any machine; only claims
    whose name ends in `_ms` are measured by a clock.
    """

    @property
    def name(self) -> str:
        """How the command line calls it."""
        ...

    @property
    def title(self) -> str:
        """The heading of its page."""
        ...

    @property
    def changes(self) -> Sequence[Change]:
        """The drifts that were made."""
        ...

    def recording(self) -> Recording:
        """The rows, the spec, and where streaming begins."""
        ...

    def claims(self, result: ReplayResult) -> dict[str, Claim]:
        """What was to be shown, held against what came of it."""
        ...

    def story(self, result: ReplayResult) -> list[str]:
        """What happened, for somebody who never heard of drift."""
        ...


def scenario_json(scenario: Scenario, result: ReplayResult, wall_seconds: float) -> dict[str, Any]:
    """A played scenario for a script; the first version's own run and promotion are not counted."""
    said, journal = result_json(result), result.played.journal
    counts = ("rows", "retrains", "promotions", "rejected", "rollbacks", "kafka")
    return {
        "scenario": scenario.name,
        "claims": {name: claim.as_json() for name, claim in scenario.claims(result).items()},
        **{name: said[name] for name in counts},
        "signals": [
            {"row": row_of(s.raised.prediction_id), "kind": s.kind, "detector": s.detector, "harmful": s.harmful}
            for s in in_order(journal.signals)
        ],
        "decisions": [decision_json(decision) for decision in journal.decisions],
        "wall_seconds": round(wall_seconds, 1),
    }
