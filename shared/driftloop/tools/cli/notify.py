"""`driftloop notify`: try whom the rules would tell, and have nobody told for a while."""

import json
import re
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from driftloop.errors import ExitCode, UserError
from driftloop.tools.cli.connection import DEFAULT_HOME, AsJson, BootstrapServers, HomeFolder, asked_by, find_kafka
from driftloop.tools.cli.through_console import way_for

if TYPE_CHECKING:
    from driftloop.kafka.settings import KafkaSettings
    from operations_console.core.notify.wording import Telling

app = typer.Typer(help="Try whom the rules would tell, and mute.", no_args_is_help=True)

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
Models = Annotated[str | None, typer.Argument(help="A model, or a pattern in quotes: 'pricing-*'.")]
All = Annotated[bool, typer.Option("--all", help="All models.")]
Span = Annotated[str, typer.Option("--for", help="For how long: 30m, 2h, 1d, 1w.")]
RulesFile = Annotated[Path | None, typer.Option("--file", help="The rules. Default: notifications.yaml in --home.")]


@app.command("test")
def trial(
    channel: Annotated[str | None, typer.Argument(help="One channel. Default: all.")] = None,
    file: RulesFile = None,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Send one message to each channel, and say which were delivered; ends with 1 if one was not."""
    import smtplib
    import urllib.error

    from driftloop.clock import system_now
    from driftloop.tools.local.home import Home
    from operations_console.adapters.deliverer import UnsureError, deliver, read_rules

    rules = read_rules(file or Home(home).notifications)
    if channel is not None and channel not in rules.channels:
        names = ", ".join(rules.channels) or "none"
        raise UserError(f"There is no channel {channel}; declared are: {names}.", ExitCode.NOT_FOUND)
    failed = False
    for name, declared in rules.channels.items():
        if channel in (None, name):
            try:
                deliver(declared, _trial(name, rules.console, system_now()))
            except (UnsureError, urllib.error.URLError, OSError, smtplib.SMTPException, ValueError) as error:
                failed = True
                typer.echo(f"{name}: not delivered: {error}")
            else:
                typer.echo(f"{name}: delivered.")
    if not rules.channels:
        typer.echo("No channel is declared: nobody is told of anything.")
    if failed:
        raise typer.Exit(1)


def _trial(channel: str, console: str | None, now: datetime) -> "Telling":
    from driftloop.contracts.message import derive_id
    from operations_console.core.notify.outbox import Incident
    from operations_console.core.notify.wording import telling

    incident = Incident(
        incident_id=derive_id("trial", channel, now.isoformat()), model_id="trial", kind="shift", since=now,
        opened_at=now, what="This is a trial of `driftloop notify test`; nothing has happened.",
    )  # fmt: skip
    return telling(incident, channel, "open", console)


@app.command()
def mute(
    models: Models = None,
    every: All = False,
    span: Span = "1h",
    reason: Annotated[str, typer.Option(help="Why: others see it.")] = "asked for on the command line",
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Have nobody told of anything new about a model for a while; what still stands then is told."""
    _mute(_which(models, every), span_of(span), reason, as_json, bootstrap_servers, home)


@app.command()
def unmute(
    models: Models = None,
    every: All = False,
    reason: Annotated[str, typer.Option(help="Why: others see it.")] = "asked for on the command line",
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Lift a mute, named as it was set."""
    _mute(_which(models, every), None, reason, as_json, bootstrap_servers, home)


@app.command()
def mutes(as_json: AsJson = False, bootstrap_servers: BootstrapServers = None, home: HomeFolder = DEFAULT_HOME) -> None:
    """Show the mutes that stand."""
    way = way_for(bootstrap_servers)
    found = way.get("/api/mutes")["mutes"] if way else read_mutes(find_kafka(bootstrap_servers, home))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        typer.echo("\n".join(map(mute_words, found)) or "Nothing is muted.")


def read_mutes(kafka: "KafkaSettings") -> list[dict[str, Any]]:
    """The mutes that stand, from the log, those left out that cannot be read; empty where its topic is not there."""
    from driftloop.clock import system_now
    from driftloop.contracts.notification_mutes import NotificationMute
    from driftloop.contracts.reading import readable
    from driftloop.contracts.topics import NOTIFICATION_MUTES
    from driftloop.kafka.clients.tail import Tail

    newest: dict[str, dict[str, Any]] = {}
    try:
        with Tail(kafka, [NOTIFICATION_MUTES]) as tail:
            for record in tail.read_to_end():
                if not record.value:
                    newest.pop(record.key, None)
                elif (one := readable(NotificationMute, record.value)) is not None:  # as the notifier reads them
                    newest[one.model_id] = _facts(one) if one.muted_until and one.muted_until > system_now() else {}
    except UserError as error:
        if error.exit_code != ExitCode.NOT_FOUND:
            raise
    return sorted((facts for facts in newest.values() if facts), key=lambda facts: str(facts["muted_until"]))


def mute_words(one: dict[str, Any]) -> str:
    """A line about a mute.

    >>> one = {"models": "*", "muted_until": "2026-03-02T10:15:00Z", "reason": "the warehouse moves"}
    >>> mute_words({**one, "requested_by": "maria"})
    'Muted until 2026-03-02 10:15 UTC: all models (the warehouse moves; maria)'
    """
    models = "all models" if one["models"] == "*" else one["models"]
    until = datetime.fromisoformat(one["muted_until"])
    return f"Muted until {until:%Y-%m-%d %H:%M} UTC: {models} ({one['reason']}; {one['requested_by']})"


def span_of(text: str) -> timedelta:
    """A span as it is typed. Raises UserError where it is none.

    >>> span_of("90m"), span_of("2d")
    (datetime.timedelta(seconds=5400), datetime.timedelta(days=2))
    """
    match = re.fullmatch(r"([1-9][0-9]{0,3})([mhdw])", text)
    span = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else timedelta(0)
    if not timedelta(0) < span <= timedelta(days=366):
        raise UserError(f"--for {text}: say 30m, 2h, 1d or 1w; a year at most.", ExitCode.USAGE)
    return span


def _which(models: str | None, every: bool) -> str:
    if (models is None) == (not every):
        raise UserError("Name a model (or a pattern), or say --all.", ExitCode.USAGE)
    return models or "*"


def _mute(
    models: str, span: timedelta | None, reason: str, as_json: bool, bootstrap_servers: str | None, home: Path
) -> None:
    if (way := way_for(bootstrap_servers)) is not None:
        seconds = None if span is None else span.total_seconds()
        facts = way.post("/api/mutes", {"models": models, "seconds": seconds, "reason": reason})
    else:
        facts = _publish(find_kafka(bootstrap_servers, home), models, span, reason)
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
    else:
        typer.echo(mute_words(facts) if facts["muted_until"] else f"Not muted: {models}.")


def _is_declared(kafka: "KafkaSettings", models: str) -> bool:
    from driftloop.registry.sources import specs

    try:
        return any(fnmatchcase(spec.model_id, models) for spec in specs(kafka))
    except UserError as error:
        return error.exit_code != ExitCode.NOT_FOUND  # the topic of specs; who may not read it may mute as before


def _publish(kafka: "KafkaSettings", models: str, span: timedelta | None, reason: str) -> dict[str, Any]:
    from pydantic import ValidationError

    from driftloop.clock import system_now
    from driftloop.contracts.message import derive_id
    from driftloop.contracts.notification_mutes import NotificationMute
    from driftloop.contracts.topics import NOTIFICATION_MUTES
    from driftloop.kafka.clients.sender import Sender

    now, who = system_now(), asked_by(kafka)
    try:
        message = NotificationMute(
            message_id=derive_id("mute", models, span, who, now.isoformat()), model_id=models, occurred_at=now,
            muted_until=None if span is None else now + span, reason=reason, requested_by=who,
        )  # fmt: skip
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(f"{first['loc'][0]} {first['input']!r}: {first['msg']}.", ExitCode.USAGE) from error
    if span is not None and not _is_declared(kafka, models):
        typer.echo(f"No declared model is named {models}, so this mutes nobody yet.", err=True)
    sender = Sender(kafka)
    sender.send(NOTIFICATION_MUTES, models, message.to_json())
    sender.close()
    return _facts(message)


def _facts(mute: Any) -> dict[str, Any]:
    told = mute.model_dump(mode="json", include={"muted_until", "reason", "requested_by"})
    return {"models": mute.model_id, **told}
