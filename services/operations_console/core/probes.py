"""What is overdue at a slot of the probes' schedule: a run that the champion's age asks for, or that had to wait.

Why beside the coordinator's own triggers: it decides when something comes in. Of a model whose producers are silent
nothing comes in, and a refusal would stand although its reason is gone. A probe asks again, as a command like any
other: its permissions, safeguards and freeze hold.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from driftloop.contracts.message import derive_id
from driftloop.contracts.model_commands import ModelCommand
from driftloop.spec.policy import policy_in_force
from operations_console.core.view.model_view import ModelView

REQUESTED_BY = "schedule"
"""The name under which probes ask; a spec's permissions may name it."""


class Probe(NamedTuple):
    """A run that is asked for. Its id follows from model, reason and slot: twice asked is one command."""

    model_id: str
    command_id: UUID
    reason: str

    def command(self, now: datetime) -> ModelCommand:
        """The command as it stands on the log."""
        return ModelCommand(
            message_id=self.command_id, model_id=self.model_id, occurred_at=now, command="retrain", full=True,
            reason=self.reason, requested_by=REQUESTED_BY,
        )  # fmt: skip


def probes(models: Iterable[ModelView], slot: datetime) -> Iterator[Probe]:
    """What is overdue at a slot and was not asked for at it."""
    for model in models:
        if model.spec is None or model.champion is None or model.frozen is not None or _under_way(model):
            continue
        kind, reason = _forced_age(model, slot) or _cooled_down(model, slot) or ("", "")
        command_id = derive_id("probe", kind, model.model_id, slot.isoformat())
        if reason and model.commands.get(str(command_id)) is None:
            yield Probe(model.model_id, command_id, reason)


def _under_way(model: ModelView) -> bool:
    challenged = any(one.status == "challenger" for one in model.versions.values())
    return challenged or any(run.status in ("asked", "running") for run in model.runs.values())


def _forced_age(model: ModelView, slot: datetime) -> tuple[str, str] | None:
    allowed = policy_in_force(json.loads(model.spec or b"{}").get("policy") or "default").triggers.forced_age_seconds
    champion = model.versions.get(model.champion or "")
    began = [run.began_at for run in model.runs.values() if run.began_at is not None]
    since = max([*began, *([champion.promoted_at] if champion and champion.promoted_at else [])], default=None)
    if allowed is None or since is None or slot - since < timedelta(seconds=allowed):
        return None
    days = (slot - since) / timedelta(days=1)
    return "forced_age", f"no run for {days:.1f} days, {allowed / 86_400:g} are allowed"


def _cooled_down(model: ModelView, slot: datetime) -> tuple[str, str] | None:
    """The last decision about a run was a refusal by rules that say from when on they allow it, and that has come."""
    runs = (entry.head for entry in model.decisions if entry.head.action in ("retrain", "refuse", "reuse"))
    last = max(runs, key=lambda head: head.occurred_at, default=None)
    if last is None or last.action != "refuse" or last.occurred_at > slot:
        return None
    refused_by = [rule for rule in last.safeguards if not rule["passed"]]
    until = [datetime.fromisoformat(rule["allowed_at"]) for rule in refused_by if rule.get("allowed_at")]
    if not refused_by or len(until) < len(refused_by) or max(until) > slot:
        return None
    names = ", ".join(str(rule["name"]) for rule in refused_by)
    return (
        "cool_down",
        f"{names} refused a run by {last.trigger} until {max(until):%Y-%m-%d %H:%M} UTC, and that is over",
    )
