"""`driftloop tokens`: who may enter the operations console. The file holds hashes; a token is shown once."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from driftloop.errors import ExitCode, UserError
from driftloop.tools.cli.connection import DEFAULT_HOME, AsJson, HomeFolder

if TYPE_CHECKING:
    from operations_console.core.access import TokenEntry, TokenFile

app = typer.Typer(help="Who may enter the operations console.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Whose token it is: commands go under this name.")]
TokensFile = Annotated[
    Path | None, typer.Option("--file", help="The console's file of tokens. Default: the one in --home.")
]


@app.command()
def create(
    name: Name,
    role: Annotated[
        Literal["viewer", "operator", "approver"],
        typer.Option(help="viewer reads; operator asks for runs too; approver lets versions serve as well."),
    ] = "viewer",
    models: Annotated[list[str] | None, typer.Option("--model", help="Only these models (a pattern).")] = None,
    days: Annotated[float | None, typer.Option(min=0, help="Days until it expires. Default: never.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Do nothing where the name has a token already.")] = False,
    file: TokensFile = None,
    as_json: AsJson = False,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Draw a token and print it; it is shown this once. A console that runs knows it at once."""
    import secrets

    from driftloop.clock import system_now
    from operations_console.core.access import PREFIX, TokenEntry, hashed

    path = _path(file, home)
    known = _read(path)
    if any(entry.name == name for entry in known.tokens):
        if once:
            typer.echo(json.dumps({"name": name, "token": None}) if as_json else f"{name} has a token already.")
            return
        raise UserError(f"{name} has a token already: `driftloop tokens revoke {name}` takes it away.", ExitCode.USAGE)
    token = PREFIX + secrets.token_urlsafe(32)
    expires = None if days is None else system_now() + timedelta(days=days)
    patterns = tuple(models) if models else ("*",)
    entry = TokenEntry(name=name, role=role, sha256=hashed(token), models=patterns, expires_at=expires)
    _write(path, (*known.tokens, entry))
    if as_json:
        typer.echo(json.dumps({"name": name, "role": role, "token": token, "file": str(path)}))
    else:
        typer.echo(f"{token}\n{name} is {role} with this token{_until(expires)}; it is not shown again.")


@app.command("list")
def list_(file: TokensFile = None, as_json: AsJson = False, home: HomeFolder = DEFAULT_HOME) -> None:
    """Show whose tokens there are, with their roles."""
    entries = _read(_path(file, home)).tokens
    if as_json:
        typer.echo(json.dumps([entry.model_dump(mode="json", exclude={"sha256"}) for entry in entries], indent=2))
        return
    for entry in entries:
        typer.echo(f"{entry.name}  {entry.role}  {', '.join(entry.models)}{_until(entry.expires_at)}")
    if not entries:
        typer.echo("No tokens: a console without any is open, and on loopback only.")


@app.command()
def revoke(name: Name, file: TokensFile = None, home: HomeFolder = DEFAULT_HOME) -> None:
    """Take a token away; a console that runs refuses it at once (a page that is logged in, when its session ends)."""
    path = _path(file, home)
    known = _read(path).tokens
    left = tuple(entry for entry in known if entry.name != name)
    if len(left) == len(known):
        raise UserError(f"{name} has no token in {path}.", ExitCode.NOT_FOUND)
    _write(path, left)
    typer.echo(f"{name} has no token any more.")


@app.command("signing-key")
def signing_key(
    file: Annotated[Path, typer.Argument(help="The console's private key (PEM); drawn where it is not there.")],
    as_json: AsJson = False,
) -> None:
    """Show the public key that a spec names in `permissions.signed_by`; draw the private one at the first call."""
    from driftloop.contracts.signed_commands import drawn_key, public_key

    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600)
            file.write_text(drawn_key(), encoding="utf-8")
        shown = public_key(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: {error}.", ExitCode.USAGE) from error
    typer.echo(json.dumps({"public_key": shown, "file": str(file)}) if as_json else shown)


def _path(file: Path | None, home: Path) -> Path:
    from driftloop.tools.local.home import Home

    return file or Home(home).tokens


def _read(path: Path) -> "TokenFile":
    from driftloop.spec.yaml_text import read_file
    from operations_console.core.access import TokenFile

    if not path.is_file():
        return TokenFile()
    return read_file(path, TokenFile, "the file", empty=True, wrong="is no file of tokens")


def _write(path: Path, entries: "tuple[TokenEntry, ...]") -> None:
    """Readers see the old file or the new one; only its owner may read either."""
    import yaml

    text = yaml.safe_dump({"tokens": [entry.model_dump(mode="json") for entry in entries]}, sort_keys=False)
    new = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.touch(mode=0o600)
        new.write_text(text, encoding="utf-8")
        new.replace(path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from error


def _until(expires: datetime | None) -> str:
    return f", until {expires:%Y-%m-%d %H:%M} UTC" if expires else ""
