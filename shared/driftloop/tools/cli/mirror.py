"""`driftloop mirror`: keep a registry of others up with what driftloop decides."""

from pathlib import Path
from typing import Annotated, Any

import typer

from driftloop.errors import ExitCode, UserError
from driftloop.tools.cli.connection import DEFAULT_HOME, BootstrapServers, HomeFolder, find_kafka

app = typer.Typer(help="Keep a registry of others up with what driftloop decides.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """A group, though it has one command as yet."""


@app.command()
def mlflow(
    url: Annotated[str | None, typer.Argument(metavar="URL", help="Where MLflow is: http://mlflow:5000.")] = None,
    token_file: Annotated[Path | None, typer.Option(help="A file with a token, sent as Bearer.")] = None,
    prefix: Annotated[str | None, typer.Option(help="Goes before the names of registered models.")] = None,
    console_url: Annotated[str | None, typer.Option(help="Where the console is, for links to it.")] = None,
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Mirror versions, aliases and deployments to MLflow, until Ctrl-C.

    As a service it is `python -m operations_console --role mirror`. What is not given here comes from the settings
    DRIFTLOOP_OPERATIONS_CONSOLE_MLFLOW_*.
    """
    from pydantic import ValidationError

    from driftloop.telemetry.logs import configure_logs
    from operations_console.app import build
    from operations_console.settings import Settings

    given: dict[str, Any] = {
        "mlflow_url": url, "mlflow_token_file": token_file, "mlflow_prefix": prefix, "console_url": console_url,
    }  # fmt: skip
    try:
        settings = Settings(role="mirror", metrics_port=0, **{k: v for k, v in given.items() if v is not None})
    except ValidationError as error:
        raise UserError(f"{error.errors()[0]['msg']}.", ExitCode.USAGE) from error
    kafka = find_kafka(bootstrap_servers, home)
    configure_logs("operations_mirror")
    code = build(settings, kafka).run()
    if code:
        raise typer.Exit(code)
