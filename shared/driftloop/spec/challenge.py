"""How a new version is proven, as a spec declares it."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from driftloop.spec.part import SpecPart


class ChallengeRule(SpecPart):
    """How a new version is proven, and how long it is watched after.

    `minimum_effect` is the least gain that a promotion needs, in shares of the loss bound (points of
    accuracy, where a loss is 0 or 1). `risk` bounds the chance of promoting a version that has not
    got it. `maximum_rows` ends a proof that comes to nothing; `look_rows` is where mode z-test looks
    once (on the same rows) and mode canary too (on so many rows that each version served in production,
    the challenger `traffic_share` of all: see `ChampionWatcher.route`); for `probation_rows` after a
    promotion the predecessor is scored on, ready to come back.
    """

    mode: Literal["e-process", "z-test", "canary", "none"] = "e-process"
    """`e-process`: proof on logged rows; `z-test`: one look; `canary`: live traffic; `none`: promoted unproven."""
    minimum_effect: float = Field(default=0.0, ge=0)
    """Least gain that a promotion needs, in shares of the loss bound."""
    risk: float = Field(default=0.05, gt=0, lt=1)
    """Chance of promoting a version that lacks it."""
    maximum_rows: int = Field(default=20_000, ge=1)
    """A proof ends undecided after so many rows."""
    look_rows: int = Field(default=1000, ge=30)
    """Rows after which mode z-test or canary looks, once."""
    traffic_share: float = Field(default=0.1, gt=0, lt=1)
    """The challenger's share of traffic in mode canary."""
    non_inferiority: float | None = Field(default=None, ge=0)
    """Where given, a promotion needs no gain, only the proof that the loss is not worse by as much as this."""
    segment_tolerance: float | None = Field(default=0.02, ge=0)
    """A challenger proven worse by more than this on a segment is rejected whatever it gains elsewhere; None: not
    looked at."""
    critical_errors: float | None = Field(default=None, ge=0, lt=1, exclude_if=lambda share: share is None)
    """Most of the rows that a challenger answers that may fail, as a share: rows that it served with a `status` that is
    no success, and rows that it could not be run on. It answers the rows that it serves and, but in mode canary, those
    that it is run on beside the champion. With more it is rejected, whatever it gains. None: not looked at. Mode `none`
    looks at no rows."""
    challengers: int = Field(default=1, ge=1, le=8)
    """How many may be under proof at once; they share the risk."""
    probation_rows: int = Field(default=5000, ge=0)
    """Rows after a promotion on which the predecessor is scored too, ready to come back."""


_ALWAYS_PUBLISHED = frozenset(name for name, field in ChallengeRule.model_fields.items() if field.exclude_if is None)


def is_published(told: Mapping[str, Any]) -> bool:
    """Whether this is a rule as it stands on the log: every field is said that was there from the beginning.

    A later field that is not said there is unset, and no preset sets it: a preset that learns a new rule changes no
    spec that was applied before.

    >>> is_published({"risk": 0.01}), is_published(ChallengeRule().model_dump())
    (False, True)
    """
    return told.keys() >= _ALWAYS_PUBLISHED
