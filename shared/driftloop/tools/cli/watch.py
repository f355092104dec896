"""`driftloop watch FILE`: what driftloop would have found in predictions that are recorded already."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftloop.errors import ExitCode, UserError
from driftloop.tools.cli.connection import BootstrapServers
from driftloop.tools.cli.lists import names_of
from driftloop.tools.cli.outputs import JsonFile, ReportFile, refuse_overwriting, words_on, write_json
from driftloop.tools.cli.stream_options import BaselineRows, Task

if TYPE_CHECKING:
    from rich.console import Console

    from driftloop.tools.watch.result import WatchResult

_SHOWN = 20


def watch(
    file: Annotated[str, typer.Argument(help="A file, or a folder or address of several (CSV, Parquet, JSON …).")],
    prediction: Annotated[
        str | None, typer.Option(help="The column with the model's predictions; a server's log names it itself.")
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="The column with the truth; without it only columns are watched.")
    ] = None,
    id_column: Annotated[str | None, typer.Option("--id", help="The column that names a prediction.")] = None,
    time: Annotated[str | None, typer.Option(help="When a row was predicted. Default: a minute apart.")] = None,
    labelled_at: Annotated[str | None, typer.Option(help="When its label became known. Default: at once.")] = None,
    version: Annotated[str | None, typer.Option(help="The column with the model's version.")] = None,
    segment: Annotated[list[str] | None, typer.Option(help="Columns whose values are watched one by one.")] = None,
    confidence: Annotated[str | None, typer.Option(help="The column with the model's confidence, 0 to 1.")] = None,
    features: Annotated[list[str] | None, typer.Option(help="Columns to watch, by comma. Default: all others.")] = None,
    without: Annotated[list[str] | None, typer.Option(help="Columns not to watch, by comma.")] = None,
    task: Task = None,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Where probabilities become the second class.")] = 0.5,
    baseline_rows: BaselineRows = None,
    false_alarms: Annotated[float, typer.Option(min=0.001, help="False alarms that you accept in a month.")] = 1.0,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="csv, jsonl, json, parquet, feather (default: detected); or a server's log: sagemaker, azureml, "
            "databricks, vertex, bentoml.",
        ),
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="Where the labels of a server's log lie, if not in it (columns id, label).")
    ] = None,
    separator: Annotated[str | None, typer.Option(help="Of a CSV. Default: detected.")] = None,
    decimal: Annotated[str | None, typer.Option(help="A point or a comma. Default: detected.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of a CSV. Default: detected.")] = None,
    kafka: Annotated[
        bool, typer.Option("--kafka", help="Through the real services over a real Kafka: slower, same result.")
    ] = False,
    json_file: JsonFile = None,
    report: ReportFile = None,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Say what driftloop would have found, and when, in a file that holds predictions and labels already.

    Nothing is trained. The first rows of each version are its reference; the rest go through the cores of
    ingestion and detection.
    """
    from driftloop.files.options import file_options
    from driftloop.tools.watch.options import WatchOptions
    from driftloop.tools.watch.run import watch as run_watch

    console = words_on(json_file)
    options = WatchOptions(
        prediction=prediction or "prediction", label=label, id=id_column, time=time, version=version,
        labelled_at=labelled_at,
        confidence=confidence, segments=names_of(segment), features=names_of(features), without=names_of(without),
        task=task, baseline_rows=baseline_rows, threshold=threshold,
        detection={"false_alarms_per_month": false_alarms},
    )  # fmt: skip
    reading = file_options(form=form, separator=separator, decimal=decimal, encoding=encoding, labels=labels)
    if prediction is None and reading.named is None:
        raise UserError("Say which column holds the predictions: --prediction COLUMN.", ExitCode.USAGE)
    refuse_overwriting([file, labels], [json_file, report])
    result = run_watch(file, reading, options, _player(kafka, bootstrap_servers, console), _Progress(console))
    _print(console, result)
    _write(result, json_file, report)


def _player(kafka: bool, bootstrap_servers: str | None, console: "Console"):  # type: ignore[no-untyped-def]  # noqa: ANN202
    if kafka or bootstrap_servers:
        from driftloop.tools.watch.kafka import OverKafka

        return OverKafka(bootstrap_servers, console.print)
    from driftloop.tools.watch.play import InMemory

    return InMemory()


class _Progress:
    """Says now and then how far it is."""

    def __init__(self, console: "Console") -> None:
        self._console, self._said = console, 0

    def __call__(self, done: int, rows: int) -> None:
        tenths = 10 * done // max(rows, 1)
        if rows > 50_000 and tenths > self._said:
            self._said = tenths
            self._console.print(f"{done:,} of {rows:,} rows", highlight=False)


def _print(console: "Console", result: "WatchResult") -> None:
    from driftloop.tools.reports.watch_page import sentence
    from driftloop.tools.watch.result import result_json

    said = result_json(result)
    console.print(result.file.sentence(), highlight=False, soft_wrap=True, markup=False)
    for note in [*result.file.notes, *said["notes"]]:
        console.print(note, highlight=False, soft_wrap=True, markup=False)
    for name, reason in said["left_out"].items():
        console.print(f"Not watched: {name} ({reason}).", highlight=False, soft_wrap=True, markup=False)
    for reason, rows in said["refused"].items():
        console.print(f"Not taken ({rows:,} ×): {reason}.", highlight=False, soft_wrap=True, markup=False)
    reference = sum(result.baseline_rows.values())
    if reference:
        each = "" if len(result.baseline_rows) == 1 else "of each version "
        console.print(
            f"The first rows {each}are the reference ({reference:,}); those after them are watched for drift.",
            highlight=False,
            soft_wrap=True,
        )
    console.print()
    console.print(sentence(result), highlight=False, soft_wrap=True, markup=False)
    for one in said["signals"][:_SHOWN]:
        harm = "harmful " if one["harmful"] else ""
        where = f" in {one['segment']}" if one["segment"] else ""
        what = f"{harm}{one['kind']} {one['subject']}".strip() + where
        console.print(
            f"  row {one['row']:>9,}  {one['time'][:19]}  {what}, since about row {one['onset_row']:,}",
            highlight=False,
            soft_wrap=True,
            markup=False,
        )
    if len(said["signals"]) > _SHOWN:
        console.print(f"  … and {len(said['signals']) - _SHOWN} more (--json FILE or --report FILE has all)")
    console.print(f"{said['wall_seconds']:.1f} s", highlight=False)


def _write(result: "WatchResult", json_file: Path | None, report: Path | None) -> None:
    from driftloop.tools.reports.page import write_page
    from driftloop.tools.reports.watch_page import watch_page
    from driftloop.tools.watch.result import result_json

    if json_file:
        write_json(result_json(result), json_file)
    if report:
        write_page(watch_page(result), report)
