"""Every command with its arguments and options."""

import re
from collections.abc import Iterator

import typer.main
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from driftloop.tools.reference.tables import NOTICE, table


def command_line_page() -> str:
    """The page of the command line."""
    from driftloop.tools.cli.main import app

    root = typer.main.get_command(app)
    intro = "# Command line\n\n`driftloop COMMAND --help` says the same. What a script would call knows `--json`.\n"
    return NOTICE + intro + "".join(_section(name, command) for name, command in _commands("driftloop", root))


def _commands(name: str, command: object) -> Iterator[tuple[str, TyperCommand]]:
    if isinstance(command, TyperGroup):
        for inner in sorted(command.commands):
            yield from _commands(f"{name} {inner}", command.commands[inner])
    elif isinstance(command, TyperCommand):
        yield name, command


def _section(name: str, command: TyperCommand) -> str:
    usage = " ".join([name, *(_argument(p) for p in command.params if isinstance(p, TyperArgument))])
    options = [p for p in command.params if isinstance(p, TyperOption) and not p.hidden and p.name != "help"]
    rows = [(_names(option), _default(option), option.help or "") for option in options]
    text = f"\n## {name}\n\n{_prose(command.help or '')}\n\n```\n{usage}{' [OPTIONS]' if rows else ''}\n```\n"
    return text + ("\n" + table(("option", "default", "meaning"), rows) if rows else "")


def _argument(argument: TyperArgument) -> str:
    name = (argument.metavar or argument.name or "").upper().strip("[]")
    return name if argument.required else f"[{name}]"


def _names(option: TyperOption) -> str:
    return ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])


def _default(option: TyperOption) -> str:
    value = option.default
    if value is None or value is False or value == [] or callable(value) or "Sentinel" in type(value).__name__:
        return ""
    return "on" if value is True else f"`{value}`"


def _prose(text: str) -> str:
    return re.sub(r"[\b\f]", "", text).strip()
