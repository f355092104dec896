#!/usr/bin/env bash
# typer 0.29.2 carries its own copy of click: what typer.main.get_command gives is no click.Command of the click package that
# is installed beside it. Tools that walk click commands (documentation, completion, testing) see nothing of a typer app,
# and isinstance checks are false without an error.
source "$(dirname "$0")/_run.sh"
install typer==0.29.2 click==8.3.3
run <<'PYTHON'
import click, typer, typer.main
app = typer.Typer()

@app.command()
def hello(name: str) -> None:
    """Greet."""

command = typer.main.get_command(app)
print("class:", f"{type(command).__mro__[1].__module__}.{type(command).__mro__[1].__name__}")
print("isinstance of click.Command:", isinstance(command, click.Command))
assert not isinstance(command, click.Command)
PYTHON
