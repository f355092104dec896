"""`driftloop verify`: what was published, made again from the log and compared byte for byte."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from driftloop.counted import counted
from driftloop.errors import ExitCode, UserError
from driftloop.tools.cli.connection import DEFAULT_HOME, AsJson, BootstrapServers, HomeFolder, find_kafka

if TYPE_CHECKING:
    from driftloop.contracts.archive_erasures import RowsErased
    from driftloop.kafka.settings import KafkaSettings
    from driftloop.tools.verify.artifacts import Artifacts
    from driftloop.tools.verify.comparison import Verified


def verify(
    since: Annotated[
        str | None,
        typer.Option("--from", "--since", help="Compare from here on: a frame's offset, or a time (ISO 8601)."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="One model. Default: all.")] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(help="A public key; checkpoints and artifacts must be signed by one of those given."),
    ] = None,
    artifacts: Annotated[bool, typer.Option("--artifacts", help="Read the artifacts of all versions too.")] = False,
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
    as_json: AsJson = False,
) -> None:
    """Run detection and coordination again over the recorded log, and name the first difference.

    Starts at a model's first frame or, where that is gone or lies before --from, at a checkpoint. Ends with 1 where a
    signal, status, decision, request, event, checkpoint or artifact is not the same. Rows that were erased from the
    archive by an order are named, and are no difference.
    """
    from driftloop.tools.verify.artifacts import verify_artifacts
    from driftloop.tools.verify.comparison import verify as compare
    from driftloop.tools.verify.erased import erasure_words
    from driftloop.tools.verify.recorded import open_recorded

    start, keys = _since(since), _keys(key or [])
    kafka = find_kafka(bootstrap_servers, home)
    recorded = open_recorded(kafka)
    found = compare(recorded, model=model, since=start, keys=keys)
    if model is not None and model not in found.models:
        raise UserError(f"The log has no frames of a model {model!r}.", ExitCode.NOT_FOUND)
    files = verify_artifacts(recorded, found.models, keys) if artifacts else None
    if files is not None:
        found = replace(found, differences=(*found.differences, *files.differences))
    erased, unknown = _erasures(kafka, found.models)
    if as_json:
        told = _told(found, files) | {"erasures": [one.model_dump(mode="json") for one in erased]}
        typer.echo(json.dumps(told | ({"erasures_unknown": unknown} if unknown else {}), indent=2, default=str))
    else:
        for one in erased:
            typer.echo(erasure_words(one))
        if unknown:
            typer.echo(f"Whether rows were erased is not known: {unknown}")
        _print(found, files)
    if found.differences or found.incomplete:
        raise typer.Exit(1)


def _erasures(kafka: "KafkaSettings", models: Sequence[str]) -> tuple[list["RowsErased"], str]:
    """The erasures of some models, or why the log does not tell of any."""
    from driftloop.tools.verify.erased import read_erasures

    try:
        return [one for one in read_erasures(kafka) if one.model_id in models], ""
    except UserError as error:
        return [], error.sentence


def _told(found: "Verified", files: "Artifacts | None") -> dict[str, object]:
    started = {name: position.model_dump() for name, position in found.started.items()}
    told: dict[str, object] = {**asdict(replace(found, started={})), "started": started}
    return told if files is None else {**told, "artifacts": {"right": files.right, "gone": files.gone}}


def _print(found: "Verified", files: "Artifacts | None") -> None:
    for name in found.incomplete:
        typer.echo(f"{name}: its oldest frames are gone from the log, and no checkpoint tells what came of them")
    for name, position in found.started.items():
        typer.echo(f"{name}: run from its checkpoint of the frame at offset {position.offset}")
    for difference in found.differences:
        typer.echo(difference.sentence)
    if files is not None:
        typer.echo(f"{files.right:,} artifacts are as they were registered; {files.gone:,} are not there any more")
    verdict = "first differences are above" if found.differences else "no difference"
    typer.echo(f"{counted(found.compared, 'message')} came out the same, byte for byte; {verdict}")


def _keys(keys: list[str]) -> tuple[str, ...]:
    from driftloop.contracts.signing import checked_public_key

    try:
        return tuple(map(checked_public_key, keys))
    except ValueError as error:
        raise UserError(f"--key: {error}.", ExitCode.USAGE) from error


def _since(text: str | None) -> int | datetime | None:
    if text is None:
        return None
    if text.isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UserError(f"--from {text!r} is neither an offset nor a time like 2026-03-01T06:00:00Z.", 2) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
