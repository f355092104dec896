"""`driftloop report`: what became of a model, or of the fleet, over a span of time."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from driftloop.errors import ExitCode, UserError
from driftloop.tools.cli.connection import DEFAULT_HOME, BootstrapServers, HomeFolder, find_kafka
from driftloop.tools.cli.outputs import writable
from driftloop.tools.cli.through_console import model_path, way_for

if TYPE_CHECKING:
    from operations_console.core.report import Report


def report(
    model: Annotated[str | None, typer.Argument(help="One model. Default: --fleet.")] = None,
    fleet: Annotated[bool, typer.Option("--fleet", help="Every model.")] = False,
    since: Annotated[str, typer.Option(help="How far back: 12h, 7d, 4w.")] = "7d",
    form: Annotated[Literal["html", "markdown", "json"], typer.Option("--format", help="What to write.")] = "markdown",
    segments: Annotated[bool, typer.Option("--segments", help="With each model's segments.")] = False,
    out: Annotated[Path | None, typer.Option(callback=writable, help="Write it there. Default: stdout.")] = None,
    archive_uri: Annotated[
        str | None, typer.Option("--archive-uri", help="The archive, which knows what was erased; else HOME/lake.")
    ] = None,
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Report signals, decisions, trainings, promotions, losses before and after, and what to do."""
    from driftloop.clock import system_now
    from operations_console.adapters.loading import load
    from operations_console.adapters.reports import report_text
    from operations_console.core.report import Report, span_of
    from operations_console.core.report import report as reported
    from operations_console.core.view.fleet import FleetView

    if (model is None) != fleet:
        raise UserError("Name a model, or say --fleet.", ExitCode.USAGE)
    try:
        span = span_of(since)
    except ValueError as error:
        raise UserError(f"{error}.", ExitCode.USAGE) from error
    if (way := way_for(bootstrap_servers)) is not None:
        if archive_uri is not None:
            raise UserError("The console has no access to the archive: leave --archive-uri out.", ExitCode.USAGE)
        path = f"{model_path(model)}/report" if model is not None else "/api/report"
        told = Report.model_validate(way.get(path, since=since, segments="true" if segments else None))
        _write(report_text(told, form), out)
        return
    view = FleetView()
    load(view, find_kafka(bootstrap_servers, home), 0, lambda _topic, _records: None)
    if model is not None and model not in view.models:
        names = ", ".join(sorted(view.models)[:20]) or "none"
        raise UserError(f"There is no model {model}; known are: {names}.", ExitCode.NOT_FOUND)
    chosen = [view.models[model]] if model is not None else list(view.models.values())
    until = system_now()
    told = reported(chosen, until - span, until, segments=segments)
    _write(report_text(_with_what_is_erased(told, archive_uri, home / "lake"), form), out)


def _with_what_is_erased(told: "Report", archive_uri: str | None, lake: Path) -> "Report":
    """As `with_erasures`; where no archive is named, the report comes even if that of HOME cannot be read."""
    if archive_uri is not None:
        return with_erasures(told, archive_uri)
    if not lake.is_dir():
        return told
    try:
        return with_erasures(told, str(lake))
    except UserError as error:
        if error.exit_code != ExitCode.NOT_FOUND:
            typer.echo(f"{error.sentence} The report does not say what was erased.", err=True)
        return told


def with_erasures(told: "Report", archive_uri: str) -> "Report":
    """The report with what the archive remembers of its span beside the log; raises UserError without an archive."""
    from driftloop.archive.erasing import erasures
    from operations_console.core.report import ErasedReport

    models, known = [], [one for one in erasures(archive_uri) if told.since <= (one.done or one.at) <= told.until]
    for model in told.models:
        on_log = {one.erasure for one in model.erased}
        erased = model.erased + [
            ErasedReport(at=one.done or one.at, rows=one.rows, erasure=one.name)
            for one in known
            if one.model_id == model.model_id and one.name not in on_log
        ]
        models.append(model.model_copy(update={"erased": sorted(erased, key=lambda one: one.at)}))
    return told.model_copy(update={"models": models})


def _write(text: str, out: Path | None) -> None:
    if out is None:
        typer.echo(text)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    typer.echo(f"Written to {out}.")
