"""`driftloop up`: the whole loop on this machine, until Ctrl-C."""

import json
import signal
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from driftloop.tools.cli.connection import DEFAULT_HOME, BootstrapServers, HomeFolder

if TYPE_CHECKING:
    from rich.console import Console

    from driftloop.tools.local.loop import LocalLoop


def up(
    home: HomeFolder = DEFAULT_HOME,
    bootstrap_servers: BootstrapServers = None,
    port: Annotated[int | None, typer.Option(help="The broker's port. Default: a free one.")] = None,
    prometheus: Annotated[
        str | None, typer.Option(help="Quiet periods go by this Prometheus instead of this machine.")
    ] = None,
    console: Annotated[bool, typer.Option(help="Run the operations console, whose page shows the fleet.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Say where all is as one line of JSON on stdout.")] = False,
) -> None:
    """Run the broker and all services on this machine until Ctrl-C; what they know stays in --home."""
    from rich.console import Console

    from driftloop.tools.local.home import Home
    from driftloop.tools.local.loop import local_loop

    terminal = Console(stderr=as_json)
    signal.signal(signal.SIGTERM, _as_interrupt)
    shown = console and _console_is_installed(terminal.print)
    try:
        with local_loop(
            Home(home), bootstrap_servers=bootstrap_servers, port=port, console=shown, progress=terminal.print
        ) as loop:
            if as_json:
                typer.echo(json.dumps(_facts(loop)))
            _print(loop, terminal)
            _keep_going(loop, prometheus, terminal.print)
    except KeyboardInterrupt:
        terminal.print("Stopped.")


def _console_is_installed(say: Callable[[str], None]) -> bool:
    from importlib.util import find_spec

    if find_spec("faust") is not None:
        return True
    say("The operations console is not installed (pip install 'driftloop[console]'); all else runs without it.")
    return False


def _facts(loop: "LocalLoop") -> dict[str, Any]:
    return {
        "console": loop.console,
        "kafka": loop.broker.bootstrap_servers,
        "services": {name: f"http://127.0.0.1:{port}" for name, port in loop.ports.items()},
    }


def _print(loop: "LocalLoop", terminal: "Console") -> None:
    terminal.print(f"Kafka: [bold]{loop.broker.bootstrap_servers}[/]")
    for name, metrics_port in loop.ports.items():
        terminal.print(f"  {name:<20} http://127.0.0.1:{metrics_port}/metrics")
    if loop.console:
        terminal.print(f"Console: [bold]{loop.console}[/]  the fleet, its decisions, and what waits for you")
    terminal.print("Ctrl-C stops it; the next `driftloop up` goes on from there.")


def _keep_going(loop: "LocalLoop", prometheus: str | None, say: Callable[[str], None]) -> None:
    """Watch over the loop, and tell it how busy the machine is; raises where a service or the broker has ended."""
    from functools import partial

    from driftloop.errors import UserError
    from driftloop.telemetry.host_figures import host_figures, prometheus_figures
    from driftloop.tools.local.readings import HostReadings

    here = partial(host_figures, str(loop.home.root), sleep=loop.supervisor.pause)
    figures = partial(prometheus_figures, prometheus) if prometheus else here
    said = ""
    with HostReadings(loop.kafka, figures) as readings:
        while True:
            loop.supervisor.pause(0.5)
            loop.check()
            try:
                readings.tell_if_due()
            except UserError as error:
                loop.check()
                if str(error) != said:
                    said = str(error)
                    say(f"No figures for quiet periods: {said}")


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
