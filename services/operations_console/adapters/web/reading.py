"""REST calls that read."""

import json
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from driftloop.contracts.drift_status import DriftStatus
from driftloop.contracts.message import Name
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.notification_mutes import NotificationMute
from operations_console.adapters.ports import AwayError, Letter
from operations_console.adapters.web.desk import Call, Desk, model_of, visible
from operations_console.core import told
from operations_console.core.problems import away, not_found
from operations_console.core.report import Report, report, span_of
from operations_console.core.telling import (
    challenges_told,
    command_told,
    decisions_told,
    detail_told,
    letter_told,
    lineage_told,
    run_told,
    signals_told,
    versions_told,
)
from operations_console.core.view.attention import Health
from operations_console.core.view.model_view import ModelView

SHOWN_BYTES = 200_000


class Query(BaseModel):
    """Query parameters; unknown ones are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FleetQuery(Query):
    """Which models."""

    health: Health | None = None
    limit: int = Field(default=1000, ge=1, le=10_000)


class NewestQuery(Query):
    """How many of the newest."""

    limit: int = Field(default=50, ge=1, le=400)


class DecisionsQuery(NewestQuery):
    """Which decisions."""

    action: (
        Literal["retrain", "reuse", "wait", "refuse", "promote", "reject", "roll_back", "freeze", "unfreeze", "cancel"]
        | None
    ) = None


class ReportQuery(Query):
    """Over which span."""

    since: str = Field(default="7d", pattern=r"^[1-9][0-9]{0,2}[hdw]$")
    segments: bool = Field(default=False, description="With the segments of each model.")


class AgentsQuery(Query):
    """Preset agent-outcomes: with its agents or without, and over which span."""

    since: str = Field(default="7d", pattern=r"^[1-9][0-9]{0,2}[hdw]$")
    include_agents: bool = True
    model_id: Name | None = Field(default=None, description="May be left out where one model is declared.")


class LettersQuery(Query):
    """Which dead letters."""

    error_class: str | None = Field(default=None, max_length=200)
    limit: int = Field(default=100, ge=1, le=1000)


async def fleet(desk: Desk, call: Call) -> told.FleetTold:
    """The fleet, what needs a person first."""
    query: FleetQuery = call.query
    found = desk.glances.fleet(desk.view, visible(desk, call), whole=desk.whole, limit=query.limit, health=query.health)
    return found.model_copy(update={"mutes": mutes_seen(desk, call)})


async def mutes(desk: Desk, call: Call) -> told.MutesTold:
    """Mutes that stand."""
    return told.MutesTold(mutes=mutes_seen(desk, call))


def mutes_seen(desk: Desk, call: Call, model_id: str | None = None) -> list[told.MuteTold]:
    """Mutes that stand, of models that the caller may see; of one model those alone that it falls under."""
    models = [one.model_id for one in visible(desk, call)] if model_id is None else [model_id]
    return [
        mute_told(one)
        for one in desk.view.mutes.standing(desk.clock())
        if (model_id is None and "*" in call.principal.models)
        or any(fnmatchcase(name, one.model_id) for name in models)
    ]


def mute_told(mute: NotificationMute) -> told.MuteTold:
    """A mute as it is told."""
    return told.MuteTold(
        models=mute.model_id, muted_until=mute.muted_until, reason=mute.reason, requested_by=mute.requested_by
    )


async def model(desk: Desk, call: Call) -> told.ModelDetailTold:
    """A model in full."""
    return detail_told(model_of(desk, call))


async def versions(desk: Desk, call: Call) -> told.VersionsTold:
    """A model's versions."""
    return versions_told(model_of(desk, call))


async def lineage(desk: Desk, call: Call) -> told.LineageTold:
    """Where a version comes from."""
    known = model_of(desk, call)
    version = known.versions.get(call.path["version"])
    if version is None:
        names = ", ".join(sorted(known.versions)) or "none"
        raise not_found(f"{known.model_id} has no version {call.path['version']}; it has {names}.")
    return lineage_told(known, version)


async def signals(desk: Desk, call: Call) -> told.SignalsTold:
    """Drift signals."""
    return signals_told(model_of(desk, call), call.query.limit)


async def decisions(desk: Desk, call: Call) -> told.DecisionsTold:
    """Decisions."""
    return decisions_told(model_of(desk, call), call.query.limit, call.query.action)


async def history(desk: Desk, call: Call) -> told.EventsTold:
    """What became of a model's versions."""
    newest = model_of(desk, call).events.newest(call.query.limit)
    return told.EventsTold(events=[ModelEvent.from_json(entry.raw) for entry in newest])


async def statuses(desk: Desk, call: Call) -> told.StatusesTold:
    """Statuses in full."""
    known = model_of(desk, call).raw_statuses
    return told.StatusesTold(statuses=[DriftStatus.from_json(known[name]) for name in sorted(known)])


async def challenges(desk: Desk, call: Call) -> told.ChallengesTold:
    """Challenges."""
    return challenges_told(model_of(desk, call))


async def runs(desk: Desk, call: Call) -> told.RunsTold:
    """A model's runs."""
    known = model_of(desk, call)
    return told.RunsTold(runs=[run_told(known, run) for run in known.recent_runs()[: call.query.limit]])


async def all_runs(desk: Desk, call: Call) -> told.RunsTold:
    """Runs of the whole fleet."""
    found = [(model, run) for model in visible(desk, call) for run in model.runs.values()]
    found.sort(key=lambda one: one[1].began_at.timestamp() if one[1].began_at else 0.0, reverse=True)
    return told.RunsTold(runs=[run_told(model, run) for model, run in found[: call.query.limit]])


def owner_of_run(desk: Desk, call: Call, run_id: str) -> ModelView | None:
    """The model that a run belongs to, among those that the caller sees."""
    return next((model for model in visible(desk, call) if run_id in model.runs), None)


async def run(desk: Desk, call: Call) -> told.RunTold:
    """A run with its steps."""
    owner = owner_of_run(desk, call, call.path["run_id"])
    if owner is None:
        raise not_found(f"There is no run {call.path['run_id']}; GET /api/runs lists the newest.")
    return run_told(owner, owner.runs[call.path["run_id"]], steps=True)


async def commands(desk: Desk, call: Call) -> told.CommandsTold:
    """Commands and their answers."""
    known = model_of(desk, call)
    newest = known.commands.newest(call.query.limit)
    return told.CommandsTold(commands=[command_told(known, entry.head) for entry in newest])


async def command(desk: Desk, call: Call) -> told.CommandTold:
    """One command and its answer."""
    known = model_of(desk, call)
    entry = known.commands.get(call.path["command_id"])
    if entry is None:
        raise not_found(f"{known.model_id} has no command {call.path['command_id']} among the newest.")
    return command_told(known, entry.head)


async def letters(desk: Desk, call: Call) -> told.LettersTold:
    """Dead letters' heads."""
    call.require_all_models()
    query: LettersQuery = call.query
    found = desk.view.letters.newest(query.error_class, query.limit)
    return told.LettersTold(letters=[letter_told(head) for head in found], counts=dict(desk.view.letters.counts))


async def letter(desk: Desk, call: Call) -> told.LetterWholeTold:
    """A dead letter whole."""
    call.require_all_models()
    place = call.path["place"]
    found = await opened(desk, (place,))
    if not found:
        raise not_found(f"There is no dead letter {place}; GET /api/dead-letters lists the newest.")
    return letter_whole(desk, found[0])


def letter_whole(desk: Desk, letter: Letter) -> told.LetterWholeTold:
    """A dead letter as it is shown."""
    head = next((head for head in desk.view.letters.newest(None, 10_000) if head.place == letter.place), None)
    text = (letter.value or b"")[:SHOWN_BYTES].decode("utf-8", "backslashreplace")
    facts = letter_told(head).model_dump() if head else _facts_of(letter)
    return told.LetterWholeTold(
        **facts,
        headers={name: value.decode("utf-8", "backslashreplace") for name, value in letter.headers},
        value=text,
        truncated=len(letter.value or b"") > SHOWN_BYTES,
    )


def _facts_of(letter: Letter) -> dict[str, object]:
    return {
        "place": letter.place,
        "at": letter.error.get("at", "1970-01-01T00:00:00Z"),
        "error_class": letter.error.get("class", "?"),
        "stage": letter.error.get("stage", ""),
        "topic": letter.topic,
        "message": letter.error.get("message", ""),
        "key": (letter.key or b"").decode("utf-8", "backslashreplace"),
        "bytes": len(letter.value or b""),
    }


async def opened(desk: Desk, places: tuple[str, ...]) -> list[Letter]:
    """Dead letters whole; raises 503 where the broker is away."""
    try:
        return await desk.port.letters(places)
    except AwayError as error:
        raise away(f"{error}; try again.") from error


async def fleet_report(desk: Desk, call: Call) -> Report:
    """A report on the fleet."""
    return _report(desk, call, visible(desk, call))


async def model_report(desk: Desk, call: Call) -> Report:
    """A report on a model."""
    return _report(desk, call, [model_of(desk, call)])


def _report(desk: Desk, call: Call, models: list[ModelView]) -> Report:
    now = desk.clock()
    return report(models, now - span_of(call.query.since), now, segments=call.query.segments)


async def spec(desk: Desk, call: Call) -> told.SpecTold:
    """The declared spec."""
    known = model_of(desk, call)
    if known.spec is None:
        raise not_found(f"No spec is declared for {known.model_id}: POST /api/specs declares one.")
    return told.SpecTold(
        model_id=known.model_id,
        spec_version=known.spec_version,
        applied_at=known.applied_at,
        spec=json.loads(known.spec),
    )
