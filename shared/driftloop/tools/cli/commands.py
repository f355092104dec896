"""What a person may ask of the coordinator: retrain, promote, roll back, freeze, approve, veto, cancel.

Each sends one message on `model-commands` and waits for the decision that answers it; through the operations
console, where `DRIFTLOOP_CONSOLE_URL` names one.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from driftloop.errors import UserError
from driftloop.tools.cli.connection import DEFAULT_HOME, AsJson, BootstrapServers, HomeFolder, asked_by, find_kafka
from driftloop.tools.cli.through_console import ConsoleWay, way_for

if TYPE_CHECKING:
    from driftloop.contracts.model_commands import ModelCommand
    from driftloop.contracts.retrain_decisions import RetrainDecision
    from driftloop.kafka.settings import KafkaSettings

Model = Annotated[str, typer.Argument(help="The model's id.")]
Reason = Annotated[str, typer.Option(help="Why: it is written into the decision.")]
Wait = Annotated[float, typer.Option(min=0, help="Seconds to wait for the answer; 0 only sends.")]
Seen = Annotated[
    str | None,
    typer.Option(metavar="VERSION", help="The champion that you have seen: refused where another one serves by now."),
]
Command = Literal["retrain", "promote", "roll_back", "freeze", "unfreeze", "approve", "veto", "cancel"]


def retrain(
    model: Model,
    reason: Reason = "asked for on the command line",
    incremental: Annotated[bool, typer.Option("--incremental", help="Go on from the champion.")] = False,
    wait: Wait = 15.0,
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Ask for a retraining of a model; the safeguards still hold."""
    _ask(_way(bootstrap_servers, home), model, "retrain", reason, wait, as_json, full=not incremental)


def promote(
    model: Model,
    version: Annotated[str, typer.Argument(help="The version that shall serve.")],
    reason: Reason = "asked for on the command line",
    seen: Seen = None,
    wait: Wait = 15.0,
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Let a version serve, proven or not."""
    _ask(_way(bootstrap_servers, home), model, "promote", reason, wait, as_json, version=version, seen=seen)


def rollback(
    model: Model,
    version: Annotated[str | None, typer.Argument(help="Default: the predecessor.")] = None,
    reason: Reason = "asked for on the command line",
    seen: Seen = None,
    wait: Wait = 15.0,
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Let the predecessor (or another version) serve again.

    Where the champion has come back by a roll-back itself, the version must be named: somebody else has acted already.
    """
    way = _way(bootstrap_servers, home)
    if version is None and seen is None and not isinstance(way, ConsoleWay):
        seen = _seen_by_now(way, home, model)
    _ask(way, model, "roll_back", reason, wait, as_json, version=version, seen=seen)


def _seen_by_now(kafka: "KafkaSettings", home: Path, model: str) -> str | None:
    """The champion as of now. Raises UserError where it has come back by a roll-back."""
    from driftloop.cores.second_roll_back import doubt_of
    from driftloop.tools.cli.models import view_of

    view = view_of(kafka, home)
    if doubt := doubt_of(reversed(view.events(model))):
        raise UserError(doubt, 1)
    champion = view.champion(model)
    return champion.version if champion else None


def _plain(command: Command, words: str) -> Callable[..., None]:
    """A command that names a model and nothing else; `words` is its help."""

    def ask(
        model: Model,
        reason: Reason = "asked for on the command line",
        wait: Wait = 15.0,
        as_json: AsJson = False,
        bootstrap_servers: BootstrapServers = None,
        home: HomeFolder = DEFAULT_HOME,
    ) -> None:
        _ask(_way(bootstrap_servers, home), model, command, reason, wait, as_json)

    ask.__doc__ = words
    return ask


def _of_a_version(command: Command, words: str, otherwise: str) -> Callable[..., None]:
    """A command that may name a version; `otherwise` is the one that is meant where it does not."""

    def ask(
        model: Model,
        version: Annotated[str | None, typer.Argument(help=f"Default: {otherwise}.")] = None,
        reason: Reason = "asked for on the command line",
        wait: Wait = 15.0,
        as_json: AsJson = False,
        bootstrap_servers: BootstrapServers = None,
        home: HomeFolder = DEFAULT_HOME,
    ) -> None:
        _ask(_way(bootstrap_servers, home), model, command, reason, wait, as_json, version=version)

    ask.__doc__ = words
    return ask


approve = _of_a_version(
    "approve",
    "Let what waits for a person go on: a run, or a proven challenger.",
    otherwise="the challenger, or the run, that waits",
)
veto = _of_a_version(
    "veto",
    "Refuse a challenger, or a run that waits for approval.",
    otherwise="the newest challenger, or the run that waits",
)
freeze = _plain("freeze", "Stop every automatic change of a model, until `unfreeze`.")
unfreeze = _plain("unfreeze", "Allow automatic changes again.")
cancel = _plain("cancel", "End the training run that is in progress.")


def _way(bootstrap_servers: str | None, home: Path) -> "ConsoleWay | KafkaSettings":
    """Through the console where the environment names one and no cluster is asked for; else to Kafka itself."""
    return way_for(bootstrap_servers) or find_kafka(bootstrap_servers, home)


def _ask(
    way: "ConsoleWay | KafkaSettings",
    model: str,
    command: Command,
    reason: str,
    wait: float,
    as_json: bool,
    version: str | None = None,
    full: bool = True,
    seen: str | None = None,
) -> None:
    if isinstance(way, ConsoleWay):
        sent, decision = way.send(model, command, reason, version, full=full, wait=wait, seen_champion=seen)
    else:
        message = _message(model, command, reason, version, full, asked_by(way), seen)
        sent, decision = message.message_id, _send(way, message, wait)
    if as_json:
        answer = decision.model_dump(mode="json") if decision else None
        typer.echo(json.dumps({"command": str(sent), "decision": answer}, indent=2))
    elif decision is None:
        typer.echo(f"Sent; no answer after {wait:g} s. Is the coordinator running?" if wait else "Sent.")
    else:
        typer.echo(f"{_done(decision)}: {decision.reason}")
    if decision is not None and decision.action == "refuse":
        raise typer.Exit(1)


def _done(decision: "RetrainDecision") -> str:
    """What the coordinator did; of what changes which version serves, from which one to which one."""
    said = decision.action.replace("_", " ")
    if decision.action not in {"promote", "reuse", "roll_back"}:
        return said
    before = f" from {decision.champion}" if decision.champion else ""
    return f"{said}{before} to {decision.candidate}"


def _message(
    model: str,
    command: Command,
    reason: str,
    version: str | None,
    full: bool,
    requested_by: str,
    seen: str | None,
) -> "ModelCommand":
    from pydantic import ValidationError

    from driftloop.clock import system_now
    from driftloop.contracts.message import derive_id
    from driftloop.contracts.model_commands import ModelCommand

    now = system_now()
    try:
        return ModelCommand(
            message_id=derive_id("command", model, command, version, now.isoformat()),
            model_id=model,
            occurred_at=now,
            command=command,
            version=version,
            full=full,
            reason=reason,
            requested_by=requested_by,
            seen_champion=seen,
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(f"{first['loc'][0]} {first['input']!r}: {first['msg']}.", 2) from error


def _send(kafka: "KafkaSettings", message: "ModelCommand", wait: float) -> "RetrainDecision | None":
    from driftloop.contracts.retrain_decisions import RetrainDecision
    from driftloop.contracts.topics import MODEL_COMMANDS, RETRAIN_DECISIONS
    from driftloop.kafka.clients.sender import Sender
    from driftloop.kafka.clients.tail import Tail

    with Tail(kafka, [RETRAIN_DECISIONS]) as tail:
        tail.read_to_end()
        sender = Sender(kafka)
        sender.send(MODEL_COMMANDS, message.model_id, message.to_json())
        sender.close()
        deadline = time.monotonic() + wait
        while time.monotonic() < deadline:
            for record in tail.read(0.1):
                decision = RetrainDecision.from_json(record.value or b"")
                if message.message_id in decision.caused_by:
                    return decision
    return None
