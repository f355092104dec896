"""The door: registers every command, and turns errors into one sentence and an exit code.

A group of commands is a module with a Typer `app`; a single command is a module with a function of
its own name. Modules import what is heavy inside their functions: `driftloop --help` answers at once.
"""

import sys
from importlib import import_module
from importlib.util import find_spec

import typer

from driftloop.errors import UserError

COMMANDS = ("demo", "replay", "up", "status", "retrain", "promote", "rollback", "freeze", "unfreeze", "backtest", "verify")
GROUPS = ("models", "dlq", "topics", "schemas", "bench", "policy")
_SHARED_MODULES = dict.fromkeys(("retrain", "promote", "rollback", "freeze", "unfreeze"), "commands")

app = typer.Typer(
    name="driftloop",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Watches models in production over Kafka, retrains when that pays, proves the result.",
)


def _register() -> None:
    for name in COMMANDS:
        module = f"driftloop.cli.{_SHARED_MODULES.get(name, name)}"
        if find_spec(module):
            app.command(name)(getattr(import_module(module), name))
    for name in GROUPS:
        if find_spec(f"driftloop.cli.{name}"):
            app.add_typer(import_module(f"driftloop.cli.{name}").app, name=name)


_register()


def main() -> None:
    """Run the command line; ends the process with 0, or with what the error asks for (130: Ctrl-C)."""
    try:
        app()
    except UserError as error:
        print(f"driftloop: {error.sentence}", file=sys.stderr)
        sys.exit(int(error.exit_code))
    except KeyboardInterrupt:
        print("driftloop: stopped.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
