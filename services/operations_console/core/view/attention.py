"""How a model stands, and what of it waits for a person."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from operations_console.core.view.model_view import ModelView

Health = Literal["harmed", "shifted", "frozen", "steady", "unseen"]
HARM = ("error:", "performance:")
"""Beginnings of the active signals that are alarms on losses."""

_RANK: dict[Health, int] = {"harmed": 3, "shifted": 2, "frozen": 1, "unseen": 1, "steady": 0}


@dataclass(frozen=True, slots=True)
class Waits:
    """Something that goes on only once a person has said a word.

    `kind`: a `run` or a proven `challenger` waits for `approve` or `veto`; a `veto_window` ends by itself.
    """

    kind: Literal["run", "challenger", "veto_window"]
    version: str | None
    reason: str
    since: datetime
    decision_id: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A model at a glance."""

    health: Health
    waits: tuple[Waits, ...]
    loss: float | None
    reference: float | None
    rise: float | None
    failed_run: bool

    @property
    def urgency(self) -> tuple[int, int, int, float]:
        """The greater, the sooner a person should look."""
        return bool(self.waits), _RANK[self.health], self.failed_run, self.rise or 0.0


def standing(model: ModelView) -> Standing:
    """How a model stands now."""
    metrics = model.whole.metrics if model.whole else {}
    runs = model.recent_runs()
    return Standing(
        health=_health(model),
        waits=tuple(waits(model)),
        loss=metrics.get("loss"),
        reference=metrics.get("loss_reference"),
        rise=metrics.get("loss_rise"),
        failed_run=bool(runs) and runs[0].status == "failed",
    )


def _health(model: ModelView) -> Health:
    active = [name for status in model.statuses.values() for name in status.active_signals]
    if any(name.startswith(HARM) for name in active):
        return "harmed"
    if active:
        return "shifted"
    if model.frozen is not None:
        return "frozen"
    return "steady" if model.whole else "unseen"


def waits(model: ModelView) -> list[Waits]:
    """What waits for a person, the newest first."""
    return [*_challengers(model), *_run(model)]


def _challengers(model: ModelView) -> list[Waits]:
    found, settled = [], set()
    for entry in model.decisions.newest():
        decision = entry.head
        version = decision.candidate
        if version is None or version in settled:
            continue
        settled.add(version)
        known = model.versions.get(version)
        under_proof = known is not None and known.status == "challenger"
        if decision.action == "wait" and decision.trigger in ("approval", "veto_window") and under_proof:
            kind: Literal["challenger", "veto_window"] = (
                "challenger" if decision.trigger == "approval" else "veto_window"
            )
            found.append(Waits(kind, version, decision.reason, decision.occurred_at, decision.message_id))
    return found


def _run(model: ModelView) -> list[Waits]:
    for entry in model.decisions.newest():
        decision = entry.head
        refused_by = {str(rule.get("name")) for rule in decision.safeguards if not rule.get("passed", True)}
        if decision.action in ("retrain", "reuse") or (decision.action == "reject" and decision.trigger == "veto"):
            return []
        if decision.action in ("wait", "refuse") and refused_by == {"approval"}:
            return [Waits("run", None, decision.reason, decision.occurred_at, decision.message_id)]
    return []
