"""The decision: one pure function of evidence, history, policy and time.

Order: does anything ask? Is it quiet? Do all safeguards let it pass? Then the
first trigger that asks names the run; one whose rows are in quarantine lets those after it go first.
A refusal is a decision too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from driftloop.contracts.message import Version
from driftloop.contracts.retrain_decisions import SafeguardState
from driftloop.spec.policy import Mode, Policy
from retrain_coordinator.core.deciding.evidence import Evidence, History
from retrain_coordinator.core.deciding.safeguards import WAITS, Case, in_quarantine, states
from retrain_coordinator.core.deciding.triggers import asking
from retrain_coordinator.core.state import Asked


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and why. `trigger` is empty where nothing asks.

    `rows` and `fresh_rows` are the trigger's wish for the training window; `allowed_at` says when
    the safeguards that refuse would let go, where all of them know.
    """

    action: Literal["retrain", "reuse", "wait", "refuse"]
    trigger: str
    reason: str
    safeguards: tuple[SafeguardState, ...] = ()
    allowed_at: datetime | None = None
    mode: Mode = "full"
    rows: int | None = None
    fresh_rows: int | None = None
    version: Version | None = None
    evidence: dict[str, float | str | None] = field(default_factory=dict)

    @property
    def refused_by(self) -> tuple[str, ...]:
        """Names of the safeguards that stand in the way."""
        return tuple(state.name for state in self.safeguards if not state.passed)


def decide(
    evidence: Evidence, history: History, policy: Policy, now: datetime, asked: Sequence[Asked] | None = None
) -> Decision:
    """What to do about a model now. `asked`: the triggers that ask, if they have been computed already.

    >>> from datetime import UTC
    >>> from driftloop.spec.policy import preset
    >>> decide(Evidence(), History(), preset("default"), datetime(2026, 1, 1, tzinfo=UTC)).action
    'wait'
    """
    triggers = tuple(asking(evidence, history, policy, now)) if asked is None else asked
    if not triggers:
        return Decision("wait", "", "nothing asks for a run")
    first = next((one for one in triggers if not in_quarantine(one, history, policy)), triggers[0])
    return _judged(first, states(Case(first, evidence, history, policy, now)), policy, history)


def _judged(asked: Asked, found: tuple[SafeguardState, ...], policy: Policy, history: History) -> Decision:
    """What becomes of a trigger, given how every safeguard stands."""
    in_the_way = [state for state in found if not state.passed]
    mode = asked.mode or policy.mode
    if history.champion is None:
        mode = "full"
    if not in_the_way:
        action: Literal["retrain", "reuse"] = "reuse" if asked.reuse else "retrain"
        return Decision(
            action, asked.trigger, asked.reason, found, None, mode, asked.rows, asked.fresh_rows, asked.reuse,
            asked.evidence,
        )  # fmt: skip
    waits = all(state.name in WAITS or state.name.startswith("quiet:") for state in in_the_way)
    reason = f"{asked.reason}; but {'; '.join(state.detail for state in in_the_way)}"
    moments = [state.allowed_at for state in in_the_way]
    known = [moment for moment in moments if moment is not None]
    allowed_at = max(known) if len(known) == len(moments) else None
    return Decision(
        "wait" if waits else "refuse", asked.trigger, reason, found, allowed_at, mode, evidence=asked.evidence
    )
