"""`driftloop readings MODEL…`: tell the log how busy a host is, for quiet periods and the disk safeguard."""

import json
import time
from typing import Annotated

import typer

from driftloop.tools.cli.connection import DEFAULT_HOME, AsJson, BootstrapServers, HomeFolder, find_kafka


def readings(
    models: Annotated[list[str], typer.Argument(help="The models whose policies go by these figures.")],
    every: Annotated[float | None, typer.Option(min=1, help="Again after so many seconds. Default: once.")] = None,
    prometheus: Annotated[str | None, typer.Option(help="Ask this Prometheus instead of this machine.")] = None,
    disk: Annotated[str, typer.Option(help="A folder on the disk whose free space counts.")] = "/",
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Tell the coordinator how busy a host is: processor, memory, free disk."""
    from driftloop.clock import system_now
    from driftloop.contracts.topics import MODEL_COMMANDS
    from driftloop.kafka.clients.sender import Sender
    from driftloop.telemetry.host_figures import host_figures, prometheus_figures
    from driftloop.tools.local.readings import reading_message

    sender = Sender(find_kafka(bootstrap_servers, home))
    try:
        while True:
            figures = prometheus_figures(prometheus) if prometheus else host_figures(disk)
            for model in models:
                sender.send(MODEL_COMMANDS, model, reading_message(model, figures, system_now()).to_json())
            sender.flush()
            typer.echo(json.dumps(figures) if as_json else " · ".join(f"{k} {v:g}" for k, v in figures.items()))
            if every is None:
                return
            time.sleep(every)
    finally:
        sender.close()
