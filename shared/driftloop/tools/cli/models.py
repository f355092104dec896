"""`driftloop models`: declare models, and look into the registry."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from driftloop.counted import counted
from driftloop.errors import ExitCode, UserError
from driftloop.tools.cli.baseline import baseline
from driftloop.tools.cli.connection import DEFAULT_HOME, AsJson, BootstrapServers, HomeFolder, find_kafka
from driftloop.tools.cli.storage import storage
from driftloop.tools.cli.through_console import ConsoleWay, model_path, way_for

if TYPE_CHECKING:
    from datetime import datetime

    from driftloop.kafka.settings import KafkaSettings
    from driftloop.spec.model_spec import ModelSpec
    from driftloop.tools.registry.lineage import Lineage
    from driftloop.tools.registry.view import RegistryView, VersionInfo

app = typer.Typer(help="Declare models, and look into the registry.", no_args_is_help=True)

Model = Annotated[str, typer.Argument(help="The model's id.")]


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(help="A model's spec in YAML.")],
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Declare a model, or change what is declared, and say what that changed; the services take it up at once."""
    from driftloop.clock import system_now
    from driftloop.spec.spec_changes import FieldChange
    from driftloop.tools.registry.declaring import Applied, publish_spec

    spec = read_spec(file)
    if (way := way_for(bootstrap_servers)) is not None:
        told = way.post("/api/specs", {"text": file.read_text(encoding="utf-8")})
        found = told.get("changes", [])  # a console of an earlier release tells none
        changes = [FieldChange(one["field"], one.get("before"), one.get("after")) for one in found]
        done = Applied(told["spec_version"], told["changed"], told.get("created", False), changes)
    else:
        done = publish_spec(find_kafka(bootstrap_servers, home), spec, system_now())
    if as_json:
        facts = {**done._asdict(), "changes": [one._asdict() for one in done.changes]}
        typer.echo(json.dumps({"model": spec.model_id, **facts}))
    elif done.changed:
        what = "applied: the model is new." if done.created else "applied."
        typer.echo(
            "\n  ".join(
                [f"{spec.model_id}: spec version {done.spec_version} {what}", *map(FieldChange.line, done.changes)]
            )
        )
    else:
        typer.echo(f"{spec.model_id}: nothing changed since spec version {done.spec_version}.")


@app.command("list")
def list_(as_json: AsJson = False, bootstrap_servers: BootstrapServers = None, home: HomeFolder = DEFAULT_HOME) -> None:
    """Show every model, its champion, and how many versions it has."""
    from rich.console import Console
    from rich.table import Table

    way = way_for(bootstrap_servers)
    models = _declared_at(way) if way is not None else _declared(open_view(bootstrap_servers, home))
    if as_json:
        shown = ("model", "task", "champion", "versions", "spec")
        typer.echo(json.dumps([{name: one[name] for name in shown} for one in models], indent=2))
        return
    table = Table("model", "task", "champion", "versions", "spec", "learner", "policy", box=None)
    for one in models:
        columns = ("model", "task", "champion", "versions", "spec", "learner", "policy")
        table.add_row(*("–" if one[name] is None else str(one[name]) for name in columns))
    Console().print(table if models else "No model is declared: see `driftloop models apply`.")


def _declared(view: "RegistryView") -> list[dict[str, Any]]:
    return [
        {
            "model": m.model_id, "task": m.spec.task, "champion": m.champion, "versions": m.versions,
            "spec": m.spec_version, "learner": m.spec.learner.name,
            "policy": m.spec.policy if isinstance(m.spec.policy, str) else "inline",
        }
        for m in view.models()
    ]  # fmt: skip


def _declared_at(way: ConsoleWay) -> list[dict[str, Any]]:
    told = [one for one in way.get("/api/fleet", limit=10_000)["models"] if one["spec_version"]]
    return [
        {
            "model": one["model_id"], "task": one["task"], "champion": one["champion"], "versions": one["versions"],
            "spec": one["spec_version"], "learner": one["learner"], "policy": one["policy"],
        }
        for one in sorted(told, key=lambda one: str(one["model_id"]))
    ]  # fmt: skip


@app.command()
def show(
    model: Model,
    version: Annotated[str | None, typer.Argument(help="Default: the champion.")] = None,
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
    archive_uri: Annotated[
        str | None, typer.Option("--archive-uri", help="The archive, which knows what was erased; else HOME/lake.")
    ] = None,
) -> None:
    """Show where a version comes from: signal, decision, run, data, proof, promotion."""
    from dataclasses import asdict

    from driftloop.tools.registry.erased_rows import erased_since
    from driftloop.tools.registry.lineage import lineage

    if (way := way_for(bootstrap_servers)) is not None:
        _show_at(way, model, version, as_json)
        return
    view = open_view(bootstrap_servers, home)
    known = require_model(view, model)
    chosen = version or known.champion
    if chosen is None:
        typer.echo(f"{model} has no champion yet." if not as_json else "null")
        return
    story = lineage(view, model, chosen)
    if story is None:
        names = ", ".join(one.version for one in view.versions(model)) or "none"
        raise UserError(f"{model} has no version {chosen}; it has {names}.", ExitCode.NOT_FOUND)
    erased = erased_since(view, story, archive_uri or str(home / "lake"))
    if as_json:
        typer.echo(json.dumps({**_facts(story), "erased": [asdict(one) for one in erased]}, indent=2, default=str))
        return
    for word, text in [*_story(story), *(("erased", one.words) for one in erased)]:
        typer.echo(f"{word:>10}  {text}")


def _show_at(way: ConsoleWay, model: str, version: str | None, as_json: bool) -> None:
    from driftloop.tools.cli.console_reading import story, story_lines

    chosen = version or way.get(model_path(model))["champion"]
    if chosen is None:
        typer.echo(f"{model} has no champion yet." if not as_json else "null")
        return
    told = story(way, model, chosen)
    if as_json:
        typer.echo(json.dumps(told, indent=2))
        return
    for word, text in story_lines(model, told):
        typer.echo(f"{word:>10}  {text}")


@app.command()
def history(
    model: Model,
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Show everything that became of a model's versions, the oldest first."""
    from rich.console import Console
    from rich.table import Table

    if (way := way_for(bootstrap_servers)) is not None:
        from driftloop.tools.cli.console_reading import events as events_at

        events = events_at(way, model)
    else:
        view = open_view(bootstrap_servers, home)
        require_model(view, model)
        events = view.events(model)
    if as_json:
        typer.echo(json.dumps([event.model_dump(mode="json") for event in events], indent=2))
        return
    table = Table("when", "what", "version", "took over from", "why", box=None)
    for event in events:
        what, before = event.event.replace("_", " "), event.previous_version or ""
        table.add_row(_moment(event.occurred_at), what, event.version or "", before, event.reason)
    Console().print(table)


@app.command()
def rebuild(
    model: Model,
    version: Annotated[str | None, typer.Argument(help="Default: the champion.")] = None,
    into: Annotated[Path | None, typer.Option(help="Keep what is made in this folder. Default: only compare.")] = None,
    archive_uri: Annotated[str | None, typer.Option(help="The Delta table. Default: that in --home.")] = None,
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Train a version again from the rows that it names, and say whether it is the same bit for bit."""
    import tempfile

    from driftloop.tools.local.home import Home
    from driftloop.tools.registry.erased_rows import erased_since, why_different
    from driftloop.tools.registry.lineage import lineage
    from trainer_worker.adapters.rebuild import rebuild as make_again

    view = open_view(bootstrap_servers, home)
    chosen = version or require_model(view, model).champion
    info = view.version(model, chosen) if chosen else None
    if info is None or info.artifact is None:
        raise UserError(f"{model} has no version {chosen or 'that serves'} with an artifact.", ExitCode.NOT_FOUND)
    archive = archive_uri or str(Home(home).lake)
    story = lineage(view, model, info.version)
    erased = [] if story is None else erased_since(view, story, archive)
    with tempfile.TemporaryDirectory(prefix="driftloop-rebuild-") as scratch:
        try:
            made = make_again(info.artifact, info.artifact_sha256, archive_uri=archive, into=str(into or scratch))
        except ValueError as error:
            why = "; ".join(why_different([str(error)], erased))
            raise UserError(f"{model} {info.version} cannot be made again: {why}") from error
    differences = [] if made.same else why_different(made.differences, erased)
    if as_json:
        facts = {"version": info.version, "same": made.same, "sha256": made.sha256, "was": info.artifact_sha256}
        typer.echo(
            json.dumps(
                {"model": model, **facts, "artifact": made.artifact if into else None, "differences": differences},
                indent=2,
            )
        )
    else:
        typer.echo(f"{model} {info.version}: {'the same' if made.same else 'DIFFERENT'}, sha256 {made.sha256}")
        typer.echo("\n".join(f"  {line}" for line in differences))
    if not made.same:
        raise typer.Exit(1)


app.command()(baseline)
app.command()(storage)


def read_spec(file: Path) -> "ModelSpec":
    """The spec in a file; raises UserError with the first thing that is wrong with it."""
    from drift_detection.core.presets import check_detection
    from driftloop.learners.entry_points import recency_problem
    from driftloop.spec.model_spec import ModelSpec
    from driftloop.spec.policy import policy_of
    from driftloop.spec.yaml_text import read_file

    if not file.is_file():
        raise UserError(f"There is no file {file}.", ExitCode.NOT_FOUND)
    spec = read_file(file, ModelSpec, "the spec")
    try:
        check_detection(spec.detection)
    except ValueError as error:
        raise UserError(f"{file}: detection: {error}.", ExitCode.USAGE) from error
    try:
        problem = policy_of(spec.policy).problem
    except ValueError as error:
        problem = str(error).splitlines()[0]
    if problem is not None:
        raise UserError(f"{file}: policy: {problem}.", ExitCode.USAGE)
    if (problem := recency_problem(spec)) is not None:
        raise UserError(f"{file}: training: {problem}.", ExitCode.USAGE)
    return spec


def open_view(bootstrap_servers: str | None, home: Path) -> "RegistryView":
    """The registry as of now: the home's own database, or one in memory for another cluster."""
    return view_of(find_kafka(bootstrap_servers, home), home)


def view_of(kafka: "KafkaSettings", home: Path) -> "RegistryView":
    """The same of a cluster that was found already."""
    from driftloop.tools.local.home import Home
    from driftloop.tools.registry.sync import sync
    from driftloop.tools.registry.view import RegistryView

    place = Home(home)
    running = place.running()
    ours = running is not None and running["bootstrap_servers"] == kafka.bootstrap_servers
    view = RegistryView(f"sqlite:///{place.registry.absolute()}" if ours else "sqlite://")
    sync(view, kafka)
    return view


def require_model(view: "RegistryView", model: str) -> Any:
    """What is declared about a model; raises UserError where there is none of that name."""
    known = view.model(model)
    if known is None:
        names = ", ".join(one.model_id for one in view.models()) or "none"
        raise UserError(f"There is no model {model}; declared are: {names}.", ExitCode.NOT_FOUND)
    return known


def _story(story: "Lineage") -> list[tuple[str, str]]:
    version = story.version
    lines = [("version", f"{version.model_id} {version.version}, {version.status}, spec {version.spec_version}")]
    lines += [("signal", f"row {s.raised.row:,}: {s.explanation or s.kind} ({s.detector})") for s in story.signals]
    if story.decision:
        row = "" if story.decision.row is None else f"row {story.decision.row:,}: "
        lines.append(("decision", f"{row}{story.decision.reason} (policy {story.decision.policy})"))
    if story.request:
        lines.append(("run", f"{story.request.message_id}, {story.request.mode}, learner {story.request.learner}"))
    if story.result and story.result.cost:
        lines.append(("result", f"{story.result.status} in {story.result.cost.seconds:.1f} s"))
    if story.data:
        first, last = story.data.first, story.data.last
        frames = f"frames {first.partition}:{first.offset} to {last.partition}:{last.offset}"
        lines.append(("data", f"{counted(story.data.rows, 'row')}, {frames}, sha256 {story.data.sha256[:12]}…"))
    lines += [("proof", f"{decision.action.replace('_', ' ')}: {decision.reason}") for decision in story.proof]
    lines += [(event.event.replace("_", " "), f"{_moment(event.occurred_at)} {event.reason}") for event in story.events]
    if version.artifact:
        lines.append(("artifact", f"{version.artifact}, sha256 {(version.artifact_sha256 or '')[:12]}…"))
    return lines


def _facts(story: "Lineage") -> dict[str, Any]:
    parts = {"decision": story.decision, "request": story.request, "result": story.result}
    lists = {"signals": story.signals, "proof": story.proof, "events": story.events}
    return {
        "version": _version_facts(story.version),
        **{name: part.model_dump(mode="json") if part else None for name, part in parts.items()},
        **{name: [one.model_dump(mode="json") for one in several] for name, several in lists.items()},
    }


def _version_facts(version: "VersionInfo") -> dict[str, Any]:
    return {
        "model": version.model_id,
        "version": version.version,
        "status": version.status,
        "spec_version": version.spec_version,
        "artifact": version.artifact,
        "artifact_sha256": version.artifact_sha256,
        "metrics": version.metrics,
    }


def _moment(at: "datetime") -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"
