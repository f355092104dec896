"""`driftloop versions register`: take in a version that was made elsewhere, whatever made it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftloop.errors import ExitCode, UserError
from driftloop.tools.cli.connection import DEFAULT_HOME, AsJson, BootstrapServers, HomeFolder, asked_by, find_kafka
from driftloop.tools.cli.lists import names_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from driftloop.archive.rows import ArchivedRows
    from driftloop.learners.protocol import Model, Rows
    from driftloop.spec.model_spec import ModelSpec
    from driftloop.tools.registry.view import ModelInfo, RegistryView
    from trainer_worker.adapters.registering import Brought, Check, Registered

JUDGED_ROWS = 2_000
"""Newest labelled rows that a version is judged on."""
MAKES = ("onnx", "skops", "open-inference", "logged")


def register(
    model: Annotated[str, typer.Argument(help="The model's id.")],
    source: Annotated[str, typer.Argument(help="A model's file (.onnx, .skops), or the address of its server.")],
    version: Annotated[str, typer.Option(help="Its version, above the highest so far.")],
    make: Annotated[
        str | None,
        typer.Option("--format", help="onnx, skops, open-inference or logged. Default: by the ending of the source."),
    ] = None,
    inputs: Annotated[
        list[str] | None, typer.Option(help="Features in the order of the model's one matrix, by comma.")
    ] = None,
    output: Annotated[
        list[str] | None, typer.Option(help="FIELD=OUTPUT: which output predicts a field of the target.")
    ] = None,
    check: Annotated[
        str | None,
        typer.Option(
            help="For ONNX: a table of features, some missing, with what the model's own framework says in the "
            "columns of the target."
        ),
    ] = None,
    served_model: Annotated[
        str | None, typer.Option(help="For open-inference: the model's name on its server.")
    ] = None,
    served_version: Annotated[str | None, typer.Option(help="For open-inference: its version there.")] = None,
    protocol: Annotated[str, typer.Option(help="For open-inference: v2, or mlflow for `mlflow models serve`.")] = "v2",
    deadline: Annotated[float, typer.Option(min=0.01, help="For open-inference: seconds for an answer.")] = 5.0,
    rows: Annotated[
        str | None, typer.Option(help="A table of labelled rows to judge it on. Default: the newest archived ones.")
    ] = None,
    archive_uri: Annotated[str | None, typer.Option(help="Where the archive lies. Default: in --home.")] = None,
    artifact_uri: Annotated[
        str | None, typer.Option(help="Where artifacts lie. Default: the folder in --home.")
    ] = None,
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Take in a version that was made elsewhere; it is proven like every other one.

    It is loaded, judged on labelled rows beside the champion, profiled, and sent to be registered. A
    served model stays where it is: its server is called whenever it is scored.
    """
    from driftloop.clock import system_now
    from driftloop.tools.cli.models import open_view, require_model
    from driftloop.tools.local.home import Home
    from trainer_worker.adapters.registering import take_in

    view = open_view(bootstrap_servers, home)
    known = require_model(view, model)
    kind = make or _make_of(source)
    if kind == "logged":
        raise UserError(_about_logged(known), ExitCode.USAGE)
    require_new(view, model, version)
    kafka = find_kafka(bootstrap_servers, home)
    try:
        judged, at = _judged(rows, archive_uri or str(Home(home).lake), known)
        served = {"model": served_model or "", "version": served_version, "protocol": protocol, "deadline": deadline}
        brought = _brought(known, version, kind, source, names_of(inputs), _outputs(output), check, served)
        done = take_in(
            brought, judged, at, _champion(view, known), artifact_uri or str(Home(home).artifacts),
            requested_by=asked_by(kafka), now=system_now(),
        )  # fmt: skip
    except ValueError as error:
        raise UserError(f"{model} {version} is not taken in: {error}.", ExitCode.ERROR) from error
    _publish(kafka, done)
    _say(done, as_json=as_json)


def _make_of(source: str) -> str:
    if source.startswith(("http://", "https://")):
        return "open-inference"
    ending = Path(source).suffix.lower().lstrip(".")
    if ending not in MAKES:
        raise UserError(f"Nothing tells what {source} is: name it with --format ({', '.join(MAKES)}).", ExitCode.USAGE)
    return ending


def require_new(view: "RegistryView", model: str, version: str) -> None:
    """Raises UserError where the version is there already, or a run makes it: its artifact would be written over."""
    found = view.version(model, version)
    if found is not None and found.status != "deprecated":
        raise UserError(
            f"{model} has a version {version} already ({found.status}): name one above the highest.", ExitCode.USAGE
        )
    run = next((one for one in view.decisions(model) if one.action == "retrain" and one.candidate == version), None)
    if run is not None:
        raise UserError(
            f"Version {version} of {model} is that of training run {run.run_id}: name one above it.", ExitCode.USAGE
        )


def _about_logged(known: "ModelInfo") -> str:
    if known.spec.serving == "external":
        return (
            f"A logged version of {known.model_id} needs no registration: publish what it says under `shadow` with "
            "each outcome, and it is a challenger from its first row on."
        )
    return (
        f"driftloop serves {known.model_id} itself, and a version without a model cannot serve: bring its model, or "
        "declare `serving: external` in the spec."
    )


def _outputs(given: list[str] | None) -> dict[str, str]:
    found = dict(one.partition("=")[::2] for one in given or ())
    if any(not name or not output for name, output in found.items()):
        raise UserError("--output wants FIELD=OUTPUT.", ExitCode.USAGE)
    return found


def _brought(
    known: "ModelInfo",
    version: str,
    kind: str,
    source: str,
    inputs: tuple[str, ...],
    outputs: dict[str, str],
    check: str | None,
    served: Mapping[str, object],
) -> "Brought":
    from driftloop.learners.served_model import ServedAt
    from trainer_worker.adapters.registering import Brought

    if kind not in MAKES:
        raise UserError(f"There is no format {kind}: {', '.join(MAKES)} are known.", ExitCode.USAGE)
    at = None
    if kind == "open-inference":
        at = ServedAt.model_validate({
            "url": source, "protocol": served["protocol"], "model": served["model"], "version": served["version"],
            "inputs": inputs, "outputs": outputs, "deadline_seconds": served["deadline"],
        })  # fmt: skip
    return Brought(
        model_id=known.model_id,
        version=version,
        spec=known.spec,
        spec_version=known.spec_version,
        make=kind,  # type: ignore[arg-type]
        contents=b"" if at is not None else _contents(source),
        inputs=inputs,
        outputs=outputs,
        at=at,
        check=None if check is None else _check(check, known),
    )


def _contents(source: str) -> bytes:
    import fsspec

    try:
        with fsspec.open(source, "rb") as file:
            return bytes(file.read())
    except (OSError, ImportError, ValueError) as error:
        raise UserError(f"The model's file {source} cannot be read: {error}.", ExitCode.NOT_FOUND) from error


def _check(file: str, known: "ModelInfo") -> "Check":
    from driftloop.learners.protocol import Predictions, Rows
    from trainer_worker.adapters.golden_set import read_golden_set
    from trainer_worker.adapters.registering import Check

    found = read_golden_set(file, known.spec).rows
    return Check(Rows(found.features), Predictions(found.labels))


def _judged(rows: str | None, archive_uri: str, known: "ModelInfo") -> "tuple[Rows, NDArray[np.int64] | None]":
    from driftloop.archive.reading import newest_rows
    from trainer_worker.adapters.golden_set import read_golden_set

    if rows is not None:
        return read_golden_set(rows, known.spec).rows, None
    return told_rows(newest_rows(archive_uri, known.model_id, JUDGED_ROWS), known.spec)


def told_rows(found: "ArchivedRows", spec: "ModelSpec") -> "tuple[Rows, NDArray[np.int64]]":
    """The rows whose labels somebody told, and when they were predicted: a pseudo-label says what a version said."""
    from trainer_worker.adapters.data_set import data_set

    data = data_set(found, spec)
    told = (~data.pseudo).nonzero()[0]
    return data.rows.take(told), data.predicted_at[told]


def _champion(view: "RegistryView", known: "ModelInfo") -> "Model | None":
    from driftloop.artifacts.store import open_artifact
    from driftloop.spec.compatibility import predicts_the_same

    found = next((one for one in view.versions(known.model_id) if one.version == known.champion), None)
    if found is None or found.artifact is None:
        return None
    artifact, model = open_artifact(found.artifact, found.artifact_sha256)
    return model if predicts_the_same(artifact.manifest.spec, known.spec) else None


def _publish(kafka: object, done: "Registered") -> None:
    """The profile first: detection has it when the first rows of the version come."""
    from driftloop.contracts.topics import MODEL_COMMANDS, MODEL_PROFILES
    from driftloop.kafka.clients.sender import Sender
    from driftloop.kafka.settings import KafkaSettings

    assert isinstance(kafka, KafkaSettings)
    sender, manifest = Sender(kafka), done.artifact.manifest
    sender.send(MODEL_PROFILES, f"{manifest.model_id}/{manifest.version}", done.profile.to_json())
    sender.send(MODEL_COMMANDS, manifest.model_id, done.command.to_json())
    sender.close()


def _say(done: "Registered", *, as_json: bool) -> None:
    manifest, metrics = done.artifact.manifest, done.metrics
    if as_json:
        facts = {"model": manifest.model_id, "version": manifest.version, "format": manifest.learner}
        typer.echo(json.dumps({**facts, "artifact": done.artifact.uri, "sha256": done.artifact.sha256, **metrics}))
        return
    beside = f", the champion {metrics['champion_loss']:.4g}" if "champion_loss" in metrics else ""
    typer.echo(
        f"{manifest.model_id} {manifest.version} ({manifest.learner}) loses {metrics['loss']:.4g} on "
        f"{metrics['held_out_rows']:,.0f} rows{beside}; it was sent to be registered."
    )
