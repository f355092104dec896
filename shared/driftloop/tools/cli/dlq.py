"""`driftloop dlq`: what could not be processed, and what to do about it."""

import json
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from driftloop.errors import ExitCode, UserError
from driftloop.tools.cli.connection import DEFAULT_HOME, AsJson, BootstrapServers, HomeFolder, find_kafka
from driftloop.tools.cli.through_console import ConsoleWay, way_for

if TYPE_CHECKING:
    from driftloop.kafka.admin.dead_letters_topic import BuriedRecord

app = typer.Typer(help="Dead letters: what could not be processed, and why.", no_args_is_help=True)

ErrorClass = Annotated[str | None, typer.Option("--class", help="Only this error class.")]
Topic = Annotated[str | None, typer.Option(help="Only what came from this topic.")]
Place = Annotated[str, typer.Argument(help="PARTITION:OFFSET, as `dlq list` shows it.")]
_SHOWN_BYTES = 4000


@app.command("list")
def list_(
    error_class: ErrorClass = None,
    topic: Topic = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 50,
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Show dead letters, the newest last, and how many there are of each class."""
    from rich.console import Console
    from rich.table import Table

    if (way := way_for(bootstrap_servers)) is not None:
        from driftloop.tools.cli.console_reading import letters as letters_at

        found, told = letters_at(way, error_class, topic)
        counts = Counter(told)
    else:
        found = [_facts(one) for one in _letters(bootstrap_servers, home, error_class, topic)]
        counts = Counter(one["class"] for one in found)
    if as_json:
        typer.echo(json.dumps({"counts": dict(counts), "letters": found[-limit:]}, indent=2))
        return
    console = Console()
    if not found:
        console.print("No dead letters.")
        return
    table = Table("where", "when", "class", "stage", "from", "key", "why", box=None)
    for facts in found[-limit:]:
        columns = ("place", "at", "class", "stage", "topic", "key", "message")
        table.add_row(*(str(facts[name])[:120] for name in columns))
    console.print(table)
    console.print(f"{counts.total()} in all: " + ", ".join(f"{name} {count}" for name, count in counts.most_common()))


@app.command()
def show(
    place: Place,
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Show one dead letter whole: why it is here, its headers, its value."""
    if (way := way_for(bootstrap_servers)) is not None:
        _show_at(way, place, as_json)
        return
    letter = _one(_letters(bootstrap_servers, home), place)
    text = (letter.value or b"").decode("utf-8", "backslashreplace")
    headers = {name: value.decode("utf-8", "backslashreplace") for name, value in letter.headers}
    facts: dict[str, Any] = {**_facts(letter), "error": letter.error, "headers": headers}
    if as_json:
        typer.echo(json.dumps({**facts, "value": text}, indent=2))
        return
    for name, value in letter.error.items():
        typer.echo(f"{name:>10}: {value}")
    for name, value in headers.items():
        typer.echo(f"{name:>10}: {value}")
    more = f"\n… {len(text) - _SHOWN_BYTES} more characters" if len(text) > _SHOWN_BYTES else ""
    typer.echo(text[:_SHOWN_BYTES] + more)


def _show_at(way: ConsoleWay, place: str, as_json: bool) -> None:
    from driftloop.tools.cli.console_reading import letter, letter_facts

    told = letter(way, place)
    facts = letter_facts(told)
    if as_json:
        typer.echo(json.dumps({**facts, "headers": told["headers"], "value": told["value"]}, indent=2))
        return
    for name, value in {**facts, **told["headers"]}.items():
        typer.echo(f"{name:>10}: {value}")
    more = len(told["value"]) - _SHOWN_BYTES
    typer.echo(told["value"][:_SHOWN_BYTES] + (f"\n… {more} more characters" if more > 0 else ""))


@app.command()
def replay(
    place: Annotated[str | None, typer.Argument(help="PARTITION:OFFSET; default: all that the options name.")] = None,
    error_class: ErrorClass = None,
    topic: Topic = None,
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Send dead letters to the topic they came from once more, after the fault was mended."""
    from driftloop.kafka.admin.dead_letters_topic import send_again

    if (way := way_for(bootstrap_servers)) is not None:
        from driftloop.tools.cli.console_reading import letters as letters_at
        from driftloop.tools.cli.console_reading import send_letters_again

        places = [place] if place else [one["place"] for one in letters_at(way, error_class, topic)[0]]
        count = send_letters_again(way, places)
    else:
        found = _letters(bootstrap_servers, home, error_class, topic)
        count = send_again(find_kafka(bootstrap_servers, home), [_one(found, place)] if place else found)
    typer.echo(json.dumps({"sent": count}) if as_json else f"{count} sent once more; they stay here until `dlq purge`.")


@app.command()
def purge(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    before: Annotated[str | None, typer.Option(help="PARTITION:OFFSET: only up to and with this one.")] = None,
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Delete dead letters for good."""
    from driftloop.kafka.admin.dead_letters_topic import delete_dead_letters

    found = _letters(bootstrap_servers, home)
    if before:
        last = _one(found, before)
        found = [one for one in found if one.partition == last.partition and one.offset <= last.offset]
    if found and not yes:
        typer.confirm(f"Delete {len(found)} dead letters?", abort=True)
    delete_dead_letters(find_kafka(bootstrap_servers, home), found)
    typer.echo(json.dumps({"deleted": len(found)}) if as_json else f"{len(found)} deleted.")


def _letters(
    bootstrap_servers: str | None, home: HomeFolder, error_class: str | None = None, topic: str | None = None
) -> "list[BuriedRecord]":
    from driftloop.kafka.admin.dead_letters_topic import read_dead_letters

    letters = read_dead_letters(find_kafka(bootstrap_servers, home))
    return [
        letter
        for letter in letters
        if error_class in (None, letter.error.get("class")) and topic in (None, letter.topic)
    ]


def _one(letters: "list[BuriedRecord]", place: str) -> "BuriedRecord":
    for letter in letters:
        if f"{letter.partition}:{letter.offset}" == place:
            return letter
    raise UserError(f"There is no dead letter {place}: `driftloop dlq list` shows them.", ExitCode.NOT_FOUND)


def _facts(letter: "BuriedRecord") -> dict[str, Any]:
    return {
        "place": f"{letter.partition}:{letter.offset}",
        "at": datetime.fromtimestamp(letter.timestamp_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S"),
        "class": letter.error.get("class", "?"),
        "stage": letter.error.get("stage", ""),
        "topic": letter.topic,
        "key": (letter.key or b"").decode("utf-8", "backslashreplace"),
        "message": letter.error.get("message", ""),
        "bytes": len(letter.value or b""),
    }
