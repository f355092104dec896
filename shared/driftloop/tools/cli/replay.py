"""`driftloop replay FILE`: the real loop on a recorded stream."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftloop.errors import ExitCode, UserError
from driftloop.tools.cli.connection import DEFAULT_HOME, BootstrapServers
from driftloop.tools.cli.lists import names_of
from driftloop.tools.cli.outputs import JsonFile, ReportFile, refuse_overwriting, words_on, write_json
from driftloop.tools.cli.reading import (
    ArchiveUri,
    Categories,
    Decimal,
    Encoding,
    Format,
    HeaderOption,
    Ids,
    Labels,
    RowsOption,
    Sample,
    Separator,
    Since,
    Time,
    Without,
    archived,
)
from driftloop.tools.cli.stream_options import (
    DEFAULT_LEARNER,
    Block,
    Features,
    Interval,
    LabelDelay,
    Learner,
    Task,
    TrainRows,
)

if TYPE_CHECKING:
    from rich.console import Console

    from driftloop.tools.local.launching import Launcher
    from driftloop.tools.replay.options import ReplayOptions
    from driftloop.tools.replay.result import ReplayResult


def replay(
    file: Annotated[
        str,
        typer.Argument(
            help="A table of what happened (CSV, JSON lines, Parquet, Feather; packed or not), a folder or URL of "
            "such; with --since, a model."
        ),
    ],
    target: Annotated[
        str | None, typer.Option(help="The column to predict; a server's log and the archive know it themselves.")
    ] = None,
    task: Task = None,
    features: Features = None,
    train_rows: TrainRows = None,
    learner: Learner = DEFAULT_LEARNER,
    policy: Annotated[str, typer.Option(help="The policy preset that decides.")] = "default",
    label_delay: LabelDelay = 0,
    pace: Annotated[str, typer.Option(help="lockstep, max, or rows a second.")] = "lockstep",
    block: Block = None,
    interval: Interval = None,
    without: Without = None,
    ids: Ids = None,
    time: Time = None,
    category: Categories = None,
    file_format: Format = None,
    separator: Separator = None,
    decimal: Decimal = None,
    encoding: Encoding = None,
    header: HeaderOption = None,
    rows: RowsOption = None,
    sample: Sample = None,
    labels: Labels = None,
    since: Since = None,
    archive_uri: ArchiveUri = None,
    json_file: JsonFile = None,
    report: ReportFile = None,
    bootstrap_servers: BootstrapServers = None,
    home: Annotated[Path | None, typer.Option(help="Keep everything in this new folder.")] = None,
) -> None:
    """Send a recorded file through the real loop and see what driftloop would have been worth on it.

    The first rows train version 1.0.0; the rest are predicted block by block with whatever version
    is champion, and go through the real services over a real Kafka.
    """
    from driftloop.files.options import file_options
    from driftloop.tools.replay.options import ReplayOptions

    written = file_options(
        file_format, separator, decimal, encoding, header=header, rows=rows, sample=sample, labels=labels
    )
    reading = archived(since, archive_uri, rows, DEFAULT_HOME) or written
    if target is None and reading is written and written.named is None:
        raise UserError("Say what is to be predicted: --target COLUMN.", ExitCode.USAGE)
    options = ReplayOptions(
        file=file, target=target or "", task=task, features=names_of(features), without=names_of(without),
        ids=names_of(ids), time=time, categories=names_of(category), train_rows=train_rows, learner=learner,
        policy=policy, label_delay_rows=label_delay, pace=pace, block_rows=block, reading=reading,
        interval=None if interval is None else timedelta(seconds=interval),
    )  # fmt: skip
    refuse_overwriting([file, labels], [json_file, report])
    console = words_on(json_file)
    with _importing(learner, home) as launcher:
        result = _played(options, console, home, bootstrap_servers, launcher)
    _write(result, json_file, report)


@contextmanager
def _importing(learner: str, home: Path | None) -> "Iterator[Launcher | None]":
    """What starts the services: its imports are under way while the file is read. None if there is a home, which gets
    a log of the imports once it is made."""
    from driftloop.tools.local.launching import launcher_for

    if home is not None:
        yield None
        return
    with closing(launcher_for(warm=(learner,))) as launcher:
        yield launcher


def _played(
    options: "ReplayOptions",
    console: "Console",
    home: Path | None,
    bootstrap_servers: str | None,
    launcher: "Launcher | None",
) -> "ReplayResult":
    from driftloop.tools.cli.live import LiveAudience
    from driftloop.tools.replay.recording import open_recording
    from driftloop.tools.replay.run import replay as run_replay

    recording = open_recording(options)
    for sentence in recording.sentences():
        console.print(sentence, highlight=False, markup=False, soft_wrap=True)
    word = "mean absolute error" if recording.spec.task == "regression" else "error rate"
    with LiveAudience(console, len(recording), error_word=word) as audience:
        result = run_replay(
            options, audience, home=home, bootstrap_servers=bootstrap_servers, recording=recording, launcher=launcher
        )
    _print(console, result)
    return result


def _print(console: "Console", result: "ReplayResult") -> None:
    from driftloop.tools.replay.lineage import lineage
    from driftloop.tools.replay.result import result_json
    from driftloop.tools.reports.replay_page import constant_words, count, figure, sentence

    said = result_json(result)
    console.print()
    console.print(sentence(result), highlight=False)
    for name, words in ((result.measure, "live champion"), ("never_retrained", "first model, never retrained")):
        console.print(f"  {figure(result, said[name]):>10}  {words}", highlight=False)
    console.print(f"  {figure(result, said['no_change']):>10}  no-change predictor", highlight=False)
    console.print(f"  {figure(result, said['constant']):>10}  {constant_words(result)}", highlight=False, markup=False)
    if result.classes is not None:
        console.print(result.classes.sentence(), highlight=False, markup=False, soft_wrap=True)
    harmful = [signal for signal in said["signals"] if signal["harmful"]]
    console.print(f"Signals: {len(said['signals'])}, of which harmful: {len(harmful)}", highlight=False)
    for signal in harmful:
        when = f" ({signal['at'][:16].replace('T', ' ')})" if "at" in signal else ""
        console.print(
            f"  row {signal['row']:>7,}{when}  {signal['kind']} by {signal['detector']}, since about row "
            f"{signal['onset']:,}",
            highlight=False,
        )
    console.print("Versions:")
    for line in lineage(result.played.journal):
        console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)
    console.print(
        f"{count(said['retrains'], 'retraining')}, {count(said['promotions'], 'promotion')}, "
        f"{said['rejected']} rejected, {count(said['rollbacks'], 'roll-back')}; "
        f"{said['training_seconds']:.1f} s of training, {said['wall_seconds']:.0f} s in all.",
        highlight=False,
    )


def _write(result: "ReplayResult", json_file: Path | None, report: Path | None) -> None:
    from driftloop.tools.replay.result import result_json
    from driftloop.tools.reports.page import write_page
    from driftloop.tools.reports.replay_page import replay_page

    if json_file:
        write_json(result_json(result), json_file)
    if report:
        write_page(replay_page(result), report)
