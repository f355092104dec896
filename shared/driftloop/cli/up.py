"""`driftloop up`: the whole loop on this machine, until Ctrl-C."""

import signal
from types import FrameType
from typing import Annotated

import typer

from driftloop.cli.connection import DEFAULT_HOME, BootstrapServers, HomeFolder


def up(
    home: HomeFolder = DEFAULT_HOME,
    bootstrap_servers: BootstrapServers = None,
    port: Annotated[int | None, typer.Option(help="The broker's port. Default: a free one.")] = None,
) -> None:
    """Run the broker and all services on this machine until Ctrl-C; what they know stays in --home."""
    from rich.console import Console

    from driftloop.local.home import Home
    from driftloop.local.loop import local_loop

    console = Console()
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        with local_loop(Home(home), bootstrap_servers=bootstrap_servers, port=port, progress=console.print) as loop:
            console.print(f"Kafka: [bold]{loop.broker.bootstrap_servers}[/]")
            for name, metrics_port in loop.ports.items():
                console.print(f"  {name:<20} http://127.0.0.1:{metrics_port}/metrics")
            console.print("Ctrl-C stops it; the next `driftloop up` goes on from there.")
            while True:
                loop.supervisor.pause(0.5)
                loop.check()
    except KeyboardInterrupt:
        console.print("Stopped.")


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
