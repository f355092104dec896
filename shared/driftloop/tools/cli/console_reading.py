"""What the commands that read show, where they ask the console and not Kafka.

Facts are those of the commands themselves wherever the console knows them; what only this machine or the cluster
knows (processes, the newest dead letters' sources) is left out.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from driftloop.tools.cli.through_console import ConsoleWay, model_path

if TYPE_CHECKING:
    from driftloop.contracts.drift_signals import DriftSignal
    from driftloop.contracts.drift_status import DriftStatus
    from driftloop.contracts.model_events import ModelEvent
    from driftloop.contracts.retrain_decisions import RetrainDecision
    from driftloop.tools.registry.runs import RunInfo

_MOST_MODELS, _MOST_LETTERS, _NEWEST = 10_000, 1000, 400
"""What the console gives at most."""


def fleet_facts(way: ConsoleWay) -> dict[str, Any]:
    """What `driftloop status` shows."""
    told = way.get("/api/fleet", limit=_MOST_MODELS)
    return {
        "console": way.url,
        "services": {},
        "models": [model_facts(one) for one in sorted(told["models"], key=lambda one: str(one["model_id"]))],
        "refused": [],
        "mutes": told.get("mutes", []),
        "dead_letters": told["dead_letters"],
        "waiting": told["waiting"],
    }


def model_facts(one: dict[str, Any]) -> dict[str, Any]:
    """A model's line in `driftloop status`."""
    return {
        "model": one["model_id"],
        "champion": one["champion"],
        "rows": one["rows"],
        "labelled_rows": one["labelled_rows"],
        "active_signals": one["active_signals"],
        "signals": one["signals"],
        "runs": one["runs"],
        "promotions": one["promotions"],
        "as_of": one["as_of"],
        "waits": {"approval": min(waits["since"] for waits in one["waits"])} if one["waits"] else {},
        "deployed": None,
    }


def statuses(way: ConsoleWay, model: str) -> "dict[str, DriftStatus]":
    """The newest status of each segment ("" is the whole model)."""
    from driftloop.contracts.drift_status import DriftStatus

    told = way.get(f"{model_path(model)}/status")["statuses"]
    return {one.segment: one for one in map(DriftStatus.model_validate, told)}


def signals(way: ConsoleWay, model: str, limit: int) -> "list[DriftSignal]":
    """The newest signals, in the order of the log."""
    from driftloop.contracts.drift_signals import DriftSignal

    told = way.get(f"{model_path(model)}/signals", limit=limit)["signals"]
    return [DriftSignal.model_validate(one) for one in reversed(told)]


def decisions(way: ConsoleWay, model: str, limit: int) -> "list[RetrainDecision]":
    """The newest decisions, in the order of the log."""
    from driftloop.contracts.retrain_decisions import RetrainDecision

    told = way.get(f"{model_path(model)}/decisions", limit=limit)["decisions"]
    return [RetrainDecision.model_validate(one) for one in reversed(told)]


def events(way: ConsoleWay, model: str) -> "list[ModelEvent]":
    """What became of a model's versions, the oldest first."""
    from driftloop.contracts.model_events import ModelEvent

    told = way.get(f"{model_path(model)}/history", limit=_NEWEST)["events"]
    return [ModelEvent.model_validate(one) for one in reversed(told)]


def runs(way: ConsoleWay, model: str | None) -> "list[RunInfo]":
    """The runs that the console keeps, the oldest first."""
    told = way.get(f"{model_path(model)}/runs" if model else "/api/runs", limit=_NEWEST)["runs"]
    return [_run(one) for one in reversed(told)]


def _run(one: dict[str, Any]) -> "RunInfo":
    from driftloop.tools.registry.runs import RunInfo

    return RunInfo(
        run_id=one["run_id"], model_id=one["model_id"], version=one["version"] or "", mode=one["mode"] or "",
        asked_at=datetime.fromisoformat(one["began_at"]), reason=one["reason"] or "",
        status="running" if one["status"] == "asked" else one["status"], seconds=one["seconds"],
        failure=one["failure"], metrics=one["metrics"],
    )  # fmt: skip


def story(way: ConsoleWay, model: str, version: str) -> dict[str, Any]:
    """Where a version comes from, as the console tells it."""
    told: dict[str, Any] = way.get(f"{model_path(model)}/versions/{quote(version, safe='')}")
    return told


def story_lines(model: str, told: dict[str, Any]) -> list[tuple[str, str]]:
    """The same, line by line, for a person."""
    version, decision, run = told["version"], told["decision"], told["run"]
    lines = [("version", f"{model} {version['version']}, {version['status']}, spec {version['spec_version']}")]
    lines += [("signal", f"row {one['raised']['row']:,}: {one['explanation'] or one['kind']} ({one['detector']})")
              for one in told["signals"]]  # fmt: skip
    if decision:
        row = "" if decision["row"] is None else f"row {decision['row']:,}: "
        lines.append(("decision", f"{row}{decision['reason']} (policy {decision['policy']})"))
    if run:
        lines.append(("run", f"{run['run_id']}, {run['mode']}, learner {run['learner']}"))
        if run["seconds"] is not None:
            lines.append(("result", f"{run['status']} in {run['seconds']:.1f} s"))
    lines += [("proof", f"{one['action'].replace('_', ' ')}: {one['reason']}") for one in told["proof"]]
    lines += [
        (one["event"].replace("_", " "), f"{_moment(one['occurred_at'])} {one['reason']}") for one in told["events"]
    ]
    if version["artifact"]:
        lines.append(("artifact", f"{version['artifact']}, sha256 {(version['artifact_sha256'] or '')[:12]}…"))
    return lines


def _moment(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S}"


def letters(way: ConsoleWay, error_class: str | None, topic: str | None) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Dead letters as `driftloop dlq list` shows them, the newest last, and how many there are of each class."""
    told = way.get("/api/dead-letters", limit=_MOST_LETTERS, error_class=error_class)
    found = [letter_facts(one) for one in sorted(told["letters"], key=_order) if topic in (None, one["topic"])]
    return found, told["counts"]


def _order(one: dict[str, Any]) -> tuple[str, int, int]:
    partition, _, offset = str(one["place"]).partition(":")
    return str(one["at"]), int(partition), int(offset)


def letter_facts(one: dict[str, Any]) -> dict[str, Any]:
    """A dead letter's line."""
    return {
        "place": one["place"],
        "at": _moment(one["at"]),
        "class": one["error_class"],
        **{name: one[name] for name in ("stage", "topic", "key", "message", "bytes")},
    }


def letter(way: ConsoleWay, place: str) -> dict[str, Any]:
    """A dead letter whole."""
    told: dict[str, Any] = way.get(f"/api/dead-letters/{quote(place, safe=':')}")
    return told


def send_letters_again(way: ConsoleWay, places: Sequence[str]) -> int:
    """Send dead letters once more; how many."""
    return int(way.post("/api/dead-letters/replay", {"places": list(places)})["sent"]) if places else 0
