"""`driftloop verify`: what was published, made again from the log and compared byte for byte."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from driftloop.errors import ExitCode, UserError
from driftloop.tools.cli.connection import DEFAULT_HOME, AsJson, BootstrapServers, HomeFolder, find_kafka

if TYPE_CHECKING:
    from driftloop.tools.verify.comparison import Verified


def verify(
    since: Annotated[
        str | None, typer.Option("--from", help="Compare from here on: a frame's offset, or a time (ISO 8601).")
    ] = None,
    model: Annotated[str | None, typer.Option(help="One model. Default: all.")] = None,
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
    as_json: AsJson = False,
) -> None:
    """Run detection and coordination again over the recorded log, and name the first difference.

    Ends with 1 where a signal, status, decision, request or event does not come out the same.
    """
    from driftloop.tools.verify.comparison import verify as compare
    from driftloop.tools.verify.recorded import read_recorded

    start = _since(since)
    recorded = read_recorded(find_kafka(bootstrap_servers, home))
    if model is not None and model not in recorded.models():
        raise UserError(f"The log has no frames of a model {model!r}.", ExitCode.NOT_FOUND)
    found = compare(recorded, model=model, since=start)
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=2))
    else:
        _print(found)
    if found.differences or found.incomplete:
        raise typer.Exit(1)


def _print(found: "Verified") -> None:
    for name in found.incomplete:
        typer.echo(f"{name}: its oldest frames are gone from the log, so it cannot be run again from the start")
    for difference in found.differences:
        typer.echo(difference.sentence)
    verdict = "first differences are above" if found.differences else "no difference"
    typer.echo(f"{found.compared:,} messages came out the same, byte for byte; {verdict}")


def _since(text: str | None) -> int | datetime | None:
    if text is None:
        return None
    if text.isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UserError(f"--from {text!r} is neither an offset nor a time like 2026-03-01T06:00:00Z.", 2) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
