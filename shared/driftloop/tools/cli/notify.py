"""`driftloop notify`: try whom the rules would tell, before something happens."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftloop.errors import ExitCode, UserError
from driftloop.tools.cli.connection import DEFAULT_HOME, HomeFolder

if TYPE_CHECKING:
    from operations_console.core.notify.wording import Telling

app = typer.Typer(help="Try whom the rules would tell.", no_args_is_help=True)

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
