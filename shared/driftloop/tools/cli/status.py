"""`driftloop status`: what runs here, and how the models are doing."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from driftloop.tools.cli.connection import DEFAULT_HOME, AsJson, BootstrapServers, HomeFolder, find_kafka
from driftloop.tools.cli.through_console import ConsoleWay, model_path, way_for

if TYPE_CHECKING:
    from rich.console import Console

    from driftloop.contracts.drift_signals import DriftSignal
    from driftloop.contracts.drift_status import DriftStatus
    from driftloop.contracts.retrain_decisions import RetrainDecision
    from driftloop.kafka.settings import KafkaSettings
    from driftloop.tools.cli.waits_shown import Waits
    from driftloop.tools.registry.view import RegistryView

_REFUSED_SHOWN = 10
Facts = list[dict[str, Any]]


def status(
    model: Annotated[str | None, typer.Argument(help="One model, in full.")] = None,
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Show what runs here and how every model is doing; with a model, all that is measured about it."""
    if (way := way_for(bootstrap_servers)) is not None:
        _status_of_console(way, model, as_json)
        return
    from driftloop.tools.cli.fleet import totals
    from driftloop.tools.cli.models import require_model

    kafka = find_kafka(bootstrap_servers, home)
    view, newest, waits, letters, muted = _read(kafka, home)
    if model is not None:
        require_model(view, model)
        mine = {segment: one for (name, segment), one in newest.items() if name == model}
        _show_model(view, model, mine, waits.get(model, {}), as_json)
        return
    from driftloop.tools.cli.status_ignored import left_out

    running = services(home) if bootstrap_servers is None else {}
    facts = {
        "kafka": kafka.bootstrap_servers,
        "services": running,
        "left_out": left_out(running),
        "models": [
            _facts(view, info.model_id, newest.get((info.model_id, "")), waits.get(info.model_id, {}))
            for info in view.models()
        ],
        "refused": letters,
        "mutes": muted,
        "fleet": totals(one for (_, segment), one in newest.items() if not segment),
    }
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
    else:
        _print(facts)


def _status_of_console(way: ConsoleWay, model: str | None, as_json: bool) -> None:
    from driftloop.tools.cli import console_reading as reading

    if model is None:
        facts = reading.fleet_facts(way)
        if as_json:
            typer.echo(json.dumps(facts, indent=2))
        else:
            _print(facts)
        return
    told = way.get(model_path(model))
    newest = reading.statuses(way, model)
    signals, decisions = reading.signals(way, model, 5), reading.decisions(way, model, 10)
    _print_model(reading.model_facts(told), newest, signals, decisions, as_json)


def _read(
    kafka: "KafkaSettings", home: Path
) -> "tuple[RegistryView, dict[tuple[str, str], DriftStatus], dict[str, Waits], Facts, Facts]":
    """All that the log says. Kafka is waited for side by side, and while the registry's database is read in."""
    from concurrent.futures import ThreadPoolExecutor

    from driftloop.contracts import (  # noqa: F401  (here, so that no two threads read them in)
        drift_status,
        notification_mutes,
        topics,
    )
    from driftloop.kafka.admin import dead_letters_topic  # noqa: F401
    from driftloop.tools.cli.models import view_of
    from driftloop.tools.cli.notify import read_mutes
    from driftloop.tools.cli.waits_shown import read_waits

    with ThreadPoolExecutor(4) as beside:
        newest, waits = beside.submit(read_statuses, kafka), beside.submit(read_waits, kafka)
        letters, muted = beside.submit(refused, kafka), beside.submit(read_mutes, kafka)
        view = view_of(kafka, home)
        return view, newest.result(), waits.result(), letters.result(), muted.result()


def refused(kafka: "KafkaSettings") -> list[dict[str, Any]]:
    """Whose records were buried in the last day, and why, by the newest dead letters."""
    from datetime import timedelta

    from driftloop.clock import system_now
    from driftloop.kafka.admin.dead_letters_topic import recently_refused

    since = int((system_now() - timedelta(days=1)).timestamp() * 1000)
    return [
        {"source": one.source, "class": one.error_class, "count": one.count, "message": one.message}
        for one in recently_refused(kafka, since)
    ]


def services(home: Path) -> dict[str, Any]:
    """The processes of the loop that runs in `home`: pid, metrics port, whether they are alive, state and waits.

    The state is `ready`, `not running`, or what a service says that it waits for.
    """
    from driftloop.tools.cli.service_waits import waits_of
    from driftloop.tools.local.home import Home
    from driftloop.tools.local.readiness import readiness

    running = Home(home).running() or {"services": {}}
    alive = {name: {**facts, "alive": _is_alive(facts["pid"])} for name, facts in running["services"].items()}
    return {
        name: {
            **facts,
            "state": readiness(facts["port"]) if facts["alive"] else "not running",
            "waits": waits_of(facts["port"]) if facts["alive"] else [],
        }
        for name, facts in alive.items()
    }


def read_statuses(kafka: "KafkaSettings") -> "dict[tuple[str, str], DriftStatus]":
    """The newest status of every model and segment (\"\" is the whole model), those left out that cannot be read."""
    from driftloop.contracts.drift_status import DriftStatus
    from driftloop.contracts.reading import readable
    from driftloop.contracts.topics import DRIFT_STATUS
    from driftloop.kafka.clients.tail import Tail

    with Tail(kafka, [DRIFT_STATUS]) as tail:
        found = [readable(DriftStatus, record.value) for record in tail.read_to_end() if record.value is not None]
    return {(one.model_id, one.segment): one for one in found if one is not None}


def _is_alive(pid: int | None) -> bool:
    if not pid:  # 0: its start failed; to the system that number means our own processes
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _facts(view: "RegistryView", model: str, newest: "DriftStatus | None", waits: Mapping[str, str]) -> dict[str, Any]:
    info, counts = view.model(model), view.statistics(model)
    return {
        "model": model,
        "champion": info.champion if info else None,
        "rows": newest.rows if newest else 0,
        "labelled_rows": newest.labelled_rows if newest else 0,
        "active_signals": list(newest.active_signals) if newest else [],
        "signals": counts.signals,
        "runs": counts.runs,
        "promotions": counts.promotions,
        "as_of": newest.as_of.isoformat() if newest else None,
        "waits": dict(waits),
        "deployed": next((event.version for event in view.events(model, 20)[::-1] if event.event == "deployed"), None),
    }


def _print(facts: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    from driftloop.tools.cli.fleet import fleet_words
    from driftloop.tools.cli.notify import mute_words
    from driftloop.tools.cli.status_ignored import lines

    console = Console()
    where = f"Kafka: {facts['kafka']}" if "kafka" in facts else f"Console: {facts['console']}"
    console.print(where, highlight=False)
    _print_services(console, facts["services"])
    for line in lines(facts.get("left_out", {})):
        console.print(line, highlight=False, markup=False)
    for one in facts.get("mutes", ()):
        console.print(mute_words(one), highlight=False, markup=False, soft_wrap=True)
    for one in facts["refused"][:_REFUSED_SHOWN]:
        console.print(refused_words(one), highlight=False, markup=False, soft_wrap=True)
    if not facts["models"]:
        console.print("No model is declared: see `driftloop models apply`.")
        return
    table = Table(
        "model", "champion", "labelled rows", "runs", "promotions", "active signals", "waits for", "as of", box=None
    )
    for one in facts["models"]:
        signals = ", ".join(one["active_signals"]) or "none"
        counts = (f"{one['labelled_rows']:,}", str(one["runs"]), str(one["promotions"]))
        waits = ", ".join(one["waits"]) or "nothing"
        table.add_row(one["model"], one["champion"] or "–", *counts, signals, waits, (one["as_of"] or "–")[:19])
    console.print(table)
    for line in map(deployed_words, facts["models"]):
        console.print(line, end="", highlight=False, markup=False, soft_wrap=True)
    if facts.get("dead_letters"):
        console.print(f"{facts['dead_letters']:,} dead letters (see `driftloop dlq list`)", highlight=False)
    words = fleet_words(facts["fleet"]) if "fleet" in facts else ""
    if words:
        console.print(words, highlight=False, soft_wrap=True)


def _print_services(console: "Console", services: dict[str, Any]) -> None:
    from rich.table import Table

    if not services:
        return
    table = Table("service", "pid", "state", "metrics", box=None)
    for name, one in services.items():
        pid = str(one["pid"]) if one["alive"] else "–"
        state = one["state"] if one["state"] == "ready" else f"[red]{one['state']}[/]"
        table.add_row(name, pid, state, f"http://127.0.0.1:{one['port']}/metrics")
    console.print(table)
    for name, one in services.items():
        for words in one["waits"]:
            console.print(f"{name}: {words}", highlight=False, soft_wrap=True)


def deployed_words(one: dict[str, Any]) -> str:
    """A line about a version that its owner deployed though nobody had asked for it; empty where there is none.

    >>> print(deployed_words({"model": "churn", "deployed": "2026-06"}), end="")
    churn: version 2026-06 was deployed, and nobody had asked for it (see `driftloop models history churn`)
    """
    if one["deployed"] is None:
        return ""
    return (
        f"{one['model']}: version {one['deployed']} was deployed, and nobody had asked for it "
        f"(see `driftloop models history {one['model']}`)\n"
    )


def refused_words(one: dict[str, Any]) -> str:
    """What is said of a source whose records are buried.

    >>> refused_words({"source": "model flags", "class": "BadType", "count": 600, "message": "x is true"})
    'Refused in the last day: 600 × BadType, model flags: x is true (see `driftloop dlq list`)'
    """
    return (
        f"Refused in the last day: {one['count']:,} × {one['class']}, {one['source']}: {one['message'][:200]} "
        "(see `driftloop dlq list`)"
    )


def _show_model(
    view: "RegistryView", model: str, newest: "dict[str, DriftStatus]", waits: Mapping[str, str], as_json: bool
) -> None:
    facts = _facts(view, model, newest.get(""), waits)
    _print_model(facts, newest, view.signals(model, limit=5), view.decisions(model, limit=10), as_json)


def _print_model(
    facts: dict[str, Any],
    newest: "dict[str, DriftStatus]",
    signals: "list[DriftSignal]",
    decisions: "list[RetrainDecision]",
    as_json: bool,
) -> None:
    from driftloop.tools.cli.status_model import print_model

    if not as_json:
        print_model(facts, newest, signals, decisions)
        return
    facts["status"] = {segment or "all": one.model_dump(mode="json") for segment, one in newest.items()}
    facts["last_signals"] = [signal.model_dump(mode="json") for signal in signals]
    facts["decisions"] = [decision.model_dump(mode="json") for decision in decisions]
    typer.echo(json.dumps(facts, indent=2))
