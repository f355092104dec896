"""`driftloop archive erase`: rows of a person, or of one value of a segment, out of all that can forget them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from driftloop.counted import counted
from driftloop.errors import ExitCode, UserError
from driftloop.tools.cli.connection import DEFAULT_HOME, AsJson, BootstrapServers, HomeFolder, find_kafka

if TYPE_CHECKING:
    from driftloop.archive.erasing import Wanted
    from driftloop.clock import Clock
    from driftloop.kafka.settings import KafkaSettings
    from driftloop.tools.registry.erasing import GoldenRows
    from driftloop.tools.registry.view import RegistryView

_TOPICS = ("prediction-outcomes", "prediction-labels", "outcome-frames")
_PLACES_TOLD = 5


def erase(
    model_id: Annotated[str, typer.Argument(help="The model whose rows are erased.")],
    prediction_id: Annotated[list[str] | None, typer.Option(help="A row's id; may be given several times.")] = None,
    where: Annotated[
        str | None, typer.Option(help="SEGMENT=VALUE: all rows of that value, such as a customer.")
    ] = None,
    safety_hours: Annotated[int, typer.Option(min=0, help="How long files that hold them stay; 0: not at all.")] = 24,
    archive_uri: Annotated[
        str | None, typer.Option("--archive-uri", help="The Delta table, a folder or an address; else HOME/lake.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this nothing is changed.")] = False,
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Erase rows from the archive, the dead letters and the golden set, and say where they stay for how long."""
    from driftloop.clock import system_now

    wanted = _wanted(model_id, prediction_id or [], where)
    plan = _Plan(archive_uri or str(home / "lake"), wanted, _kafka(bootstrap_servers, home), home)
    if yes:
        plan.carry_out(system_now, safety_hours)
        plan.tell()
    facts = plan.facts() | {"done": yes}
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    for line in plan.lines(safety_hours, done=yes):
        typer.echo(line)


def _wanted(model_id: str, ids: list[str], where: str | None) -> "Wanted":
    from driftloop.archive.erasing import Wanted

    if bool(ids) == (where is not None):
        raise UserError("Say which rows: --prediction-id (once or more), or --where SEGMENT=VALUE.", ExitCode.USAGE)
    name, equals, value = (where or "").partition("=")
    if where is not None and not (name and equals and value):
        raise UserError(f"--where is SEGMENT=VALUE, not {where}.", ExitCode.USAGE)
    return Wanted(model_id, tuple(ids), (name, value) if where is not None else None)


def _kafka(bootstrap_servers: str | None, home: Path) -> "KafkaSettings | None":
    """The cluster that is named or runs, if there is one."""
    try:
        return find_kafka(bootstrap_servers, home)
    except UserError:
        if bootstrap_servers is not None:
            raise
        return None


class _Plan:
    """What is found, and what is done about it."""

    def __init__(self, uri: str, wanted: "Wanted", kafka: "KafkaSettings | None", home: Path) -> None:
        from driftloop.archive.erasing import find_rows
        from driftloop.kafka.admin.dead_letters_topic import read_dead_letters
        from driftloop.tools.cli.models import view_of
        from driftloop.tools.registry.erased_letters import look_into

        self._uri, self._kafka = uri, kafka
        self._told: int | str | None = None
        self.found = find_rows(uri, wanted)
        ids = {*self.found.prediction_ids, *wanted.prediction_ids}
        self._letters = [] if kafka is None else read_dead_letters(kafka)
        self.looked = look_into(self._letters, wanted, ids)
        self._view = None if kafka is None else view_of(kafka, home)
        self.golden = None if self._view is None else _golden(wanted, ids, self._view)

    def carry_out(self, now: "Clock", safety_hours: int) -> None:
        """Erase all that was found, the archive last: it alone knows the ids if this has to be done again."""
        from driftloop.archive.erasing import erase_rows
        from driftloop.kafka.admin.dead_letters_topic import erase_dead_letters
        from driftloop.tools.registry.erasing import write_golden

        if self._kafka is not None and self.looked.about:
            erase_dead_letters(self._kafka, self._letters, self.looked.about)
        if self.golden is not None and self.golden.rows:
            write_golden(self.golden)
        erase_rows(self._uri, self.found, now, safety_hours=safety_hours)

    def tell(self) -> None:
        """Tell the log what the archive remembers of erasures. The rows are gone, whether that succeeds or not."""
        from driftloop.tools.registry.erasures_told import tell_erasures
        from driftloop.tools.registry.sync import sync

        if self._kafka is None or self._view is None:
            return
        try:
            sync(self._view, self._kafka)  # to erase takes a while: versions may have been made
            self._told = tell_erasures(self._kafka, self._view, self._uri, self.found.wanted.model_id)
        except UserError as error:
            self._told = error.sentence

    def facts(self) -> dict[str, Any]:
        """For a script."""
        golden = self.golden
        return {
            "model": self.found.wanted.model_id,
            "archive": {"uri": self._uri, "rows": self.found.rows, "days": [str(day) for day in self.found.days]},
            "dead_letters": None if self._kafka is None else len(self.looked.about),
            "dead_letters_unread": None if self._kafka is None else len(self.looked.unread),
            "golden_set": None
            if golden is None
            else {"uri": golden.uri, "rows": golden.rows, "why_not": golden.why_not},
            "told": self._told,
            "stays": _retention(),
        }

    def lines(self, safety_hours: int, *, done: bool) -> list[str]:
        """For a person."""
        word, golden = "erased" if done else "would be erased", self.golden
        days = f", of {self.found.days[0]} to {self.found.days[-1]}" if self.found.days else ""
        told = [f"archive {self._uri}: {counted(self.found.rows, 'row')}{days} {word}"]
        if done and safety_hours and self.found.rows:
            told.append(
                f"  files that held them stay for {safety_hours} h; run it again then, or with --safety-hours 0"
            )
        if self._kafka is None:
            told.append("dead letters, golden set: not looked at, no Kafka is named and none runs here")
        else:
            told.append(f"dead letters: {len(self.looked.about):,} {word}{self._unread()}")
        if golden is not None:
            said = f"not touched, {golden.why_not}" if golden.why_not else f"{counted(golden.rows, 'row')} {word}"
            told.append(f"golden set {golden.uri}: {said}")
        told += self._said_of_telling(done=done)
        told.append(
            "folders of training runs: not looked at; rows leave them when a run ends (runs_path of the trainer)"
        )
        kept = ", ".join(
            f"{name} {days:g} {'day' if days == 1 else 'days'}" for name, days in _retention().items() if days
        )
        told.append(f"Kafka forgets by itself, oldest records first: {kept}; a label or a repeat brings a row again")
        return told if done else [*told, "Nothing was changed; with --yes it is."]

    def _said_of_telling(self, *, done: bool) -> list[str]:
        if not done:
            return []
        if isinstance(self._told, str):
            return [f"consoles and reports: not told ({self._told}); run the command again"]
        if self._told is None:
            return ["consoles and reports: not told, no Kafka is named and none runs here; run it again with one"]
        return [f"consoles and reports: told of {self._told:,} erasures, without ids and values"]

    def _unread(self) -> str:
        places = sorted(self.looked.unread)
        named = ", ".join(f"{partition}:{offset}" for partition, offset in places[:_PLACES_TOLD])
        more = ", …" if len(places) > _PLACES_TOLD else ""
        said = f"; {len(places):,} cannot be looked into: look at them yourself (driftloop dlq show: {named}{more})"
        return said if places else ""


def _golden(wanted: "Wanted", ids: set[str], view: "RegistryView") -> "GoldenRows | None":
    from driftloop.tools.registry.erasing import golden_rows

    model = view.model(wanted.model_id)
    uri = None if model is None else model.spec.training.golden_set
    return None if uri is None else golden_rows(uri, wanted, ids)


def _retention() -> dict[str, float | None]:
    from driftloop.contracts.topics import topics

    declared = topics()
    return {name: declared[name].retention_days for name in _TOPICS}
