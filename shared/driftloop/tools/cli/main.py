"""The door: registers every command, and turns errors into one sentence and an exit code.

A group of commands is a module with a Typer `app`; a single command is a module with a function of
its own name. Modules import what is heavy inside their functions: `driftloop --help` answers at once.
"""

import errno
import math
import signal
import sys
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from io import TextIOWrapper
from types import FrameType
from typing import Annotated, Any

import typer

from driftloop.errors import ExitCode, UserError

COMMANDS = {
    "demo": "demo",
    "replay": "replay",
    "watch": "watch",
    "up": "up",
    "status": "status",
    "retrain": "commands",
    "promote": "commands",
    "rollback": "commands",
    "freeze": "commands",
    "unfreeze": "commands",
    "approve": "commands",
    "veto": "commands",
    "cancel": "commands",
    "backtest": "backtest",
    "verify": "verify",
    "readings": "readings",
    "report": "report",
    "recover": "recover",
}
"""Command → the module whose function of that name it is."""

GROUPS = (
    "models",
    "runs",
    "versions",
    "archive",
    "sources",
    "dlq",
    "topics",
    "schemas",
    "bench",
    "policy",
    "tokens",
    "notify",
    "mirror",
)
"""Modules whose Typer `app` is a group of that name."""


_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR}
"""Errors that a person can mend, and that a traceback would not explain better."""
_WIDEST = 120
"""Columns that help takes where the terminal has them."""


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"driftloop {version('driftloop')}")
        raise typer.Exit


def _options(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    pass


def command_line(word: str | None = None) -> typer.Typer:
    """The command line. With the first word that was typed only that command is read in, if it is one."""
    made = typer.Typer(
        name="driftloop",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # to read in rich takes as long as all else that help needs
        context_settings={"max_content_width": _WIDEST},
        help="Watches models in production over Kafka, retrains when that pays, proves the result.",
    )
    made.callback()(_options)
    known = word in COMMANDS or word in GROUPS
    for name, module in COMMANDS.items():
        if not known or name == word:
            function = getattr(import_module(f"driftloop.tools.cli.{module}"), name)
            made.command(name, short_help=_in_short(function.__doc__))(_finite(function))
    for name in GROUPS:
        if not known or name == word:
            group = import_module(f"driftloop.tools.cli.{name}").app
            for one in group.registered_commands:
                one.short_help = _in_short(one.help or one.callback.__doc__)
                one.callback = _finite(one.callback)
            made.add_typer(group, name=name, short_help=group.info.help)
    return made


def _finite(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command, refusing numbers that are infinite or none: `inf` is within a range that has only a least value."""

    @wraps(command)
    def run(*given: Any, **words: Any) -> Any:
        for name, value in words.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise UserError(f"--{name.replace('_', '-')} is a finite number, not {value}.", ExitCode.USAGE)
        return command(*given, **words)

    return run


def _say_all() -> None:
    """Write what a terminal cannot show (names of files in another encoding, a locale without …) in its place."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _in_short(text: str | None) -> str:
    """The first paragraph, whole: left to itself Typer cuts it off."""
    return " ".join((text or "").strip().partition("\n\n")[0].split())


def __getattr__(name: str) -> typer.Typer:
    """`app`, with every command: made when somebody asks for it."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = made = command_line()
    return made


def main() -> None:
    """Run the command line; ends the process with 0, or with what the error asks for.

    130 after Ctrl-C, 143 after SIGTERM: both stop what was started, and remove what was temporary.
    """
    signal.signal(signal.SIGTERM, _end)
    _say_all()
    try:
        command_line(next(iter(sys.argv[1:]), None))()
    except UserError as error:
        from driftloop.tools.cli.untrusted import sentence_of

        print(f"driftloop: {sentence_of(error)}", file=sys.stderr)
        sys.exit(int(error.exit_code))
    except ModuleNotFoundError as error:
        from driftloop.plugins import extra_of

        extra = extra_of(error.name or "")
        if extra is None:
            raise
        print(f"driftloop: this needs {error.name}: pip install 'driftloop[{extra}]'", file=sys.stderr)
        sys.exit(int(ExitCode.USAGE))
    except BrokenPipeError:
        sys.exit(0)
    except OSError as error:
        if error.errno not in _OF_THE_DISK:
            raise
        where = f"{error.filename}: " if error.filename else ""
        print(f"driftloop: {where}{error.strerror}.", file=sys.stderr)
        sys.exit(int(ExitCode.ERROR))
    except KeyboardInterrupt:
        print("driftloop: stopped.", file=sys.stderr)
        sys.exit(130)


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(143)
