"""`driftloop models baseline`: a file's rows as the reference of a version that was trained elsewhere."""

import json
from typing import Annotated

import typer

from driftloop.counted import counted
from driftloop.tools.cli.connection import DEFAULT_HOME, AsJson, BootstrapServers, HomeFolder, find_kafka


def baseline(
    model: Annotated[str, typer.Argument(help="The model's id.")],
    file: Annotated[str, typer.Argument(help="A file, or a folder or address of several (CSV, Parquet, JSON …).")],
    version: Annotated[str, typer.Option(help="The version whose predictions these are, as outcomes name it.")],
    prediction: Annotated[str, typer.Option(help="The column with its predictions.")],
    label: Annotated[str | None, typer.Option(help="The column with the truth: then its losses are known too.")] = None,
    confidence: Annotated[str | None, typer.Option(help="The column with its confidence, 0 to 1.")] = None,
    time: Annotated[str | None, typer.Option(help="When a row was predicted. Default: the order of the file.")] = None,
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
    home: HomeFolder = DEFAULT_HOME,
) -> None:
    """Publish a file's rows as the reference of a version that was trained elsewhere.

    Do so before its first outcomes come: a version that serves without one is compared with its own first rows.
    """
    from driftloop.contracts.topics import MODEL_PROFILES
    from driftloop.files.opening import open_table
    from driftloop.files.options import FileOptions
    from driftloop.kafka.clients.sender import Sender
    from driftloop.tools.cli.models import open_view, require_model
    from driftloop.tools.watch.declared import BaselineColumns, baseline_profile

    known = require_model(open_view(bootstrap_servers, home), model)
    table = open_table(file, FileOptions())
    named = BaselineColumns(version, prediction, label, confidence, time)
    profile = baseline_profile(table, known.spec, known.spec_version, named)
    sender = Sender(find_kafka(bootstrap_servers, home))
    sender.send(MODEL_PROFILES, f"{model}/{version}", profile.to_json())
    sender.close()
    rows = max([one.rows for one in profile.numeric.values()] + [one.rows for one in profile.categorical.values()])
    if as_json:
        facts = {"model": model, "version": version, "rows": rows, "loss": profile.loss.mean if label else None}
        typer.echo(json.dumps(facts))
    else:
        typer.echo(f"{model} {version}: {counted(rows, 'row', 'are')} its reference.")
