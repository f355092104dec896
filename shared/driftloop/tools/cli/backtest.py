"""`driftloop backtest FILE…|DIR`: policies on recorded streams, beside calendars and hindsight."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from driftloop.errors import ExitCode, UserError
from driftloop.tools.cli.connection import DEFAULT_HOME, HomeFolder
from driftloop.tools.cli.lists import names_of
from driftloop.tools.cli.outputs import JsonFile, MarkdownFile, ReportFile, refuse_overwriting, words_on, write_json
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
    Features,
    LabelDelay,
    Learner,
    Price,
    Served,
    Task,
    Windows,
)

if TYPE_CHECKING:
    from rich.console import Console

    from driftloop.files.options import FileOptions
    from driftloop.tools.backtest.options import BacktestOptions
    from driftloop.tools.replay.archived import Archived
    from driftloop.tools.replay.choices import Choices


MOST_JOBS = 8
"""Each process holds the stream, and a few are soon waited for by the one that gathers what they found."""
WIDTH_OF_A_TABLE = 140
"""Where nobody watches, a table is not cut to the width of a terminal."""


def backtest(
    files: Annotated[
        list[str],
        typer.Argument(
            help="Tables of what happened (CSV, JSON lines, Parquet, Feather; packed or not), their folders, URLs, or "
            "made streams: recurring, gradual, rising-noise, stationary (NAME:ROWS for another length). With "
            "--since: models."
        ),
    ],
    target: Annotated[str | None, typer.Option(help="The column to predict. Default: the last.")] = None,
    task: Task = None,
    features: Features = None,
    train_rows: Annotated[int | None, typer.Option(min=10, help="First rows, for the first model.")] = None,
    block: Annotated[int | None, typer.Option(min=1, help="Rows predicted before a decision.")] = None,
    windows: Windows = None,
    learner: Learner = DEFAULT_LEARNER,
    label_delay: LabelDelay = 0,
    policies: Annotated[list[str] | None, typer.Option("--policy", help="Policies, by comma. Default: all.")] = None,
    served: Served = False,
    price: Price = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every fit.")] = 0,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes that fit models. Default: as many as cores, at most 8.")
    ] = None,
    cache: Annotated[Path, typer.Option(help="Fits are kept here.")] = Path(".driftloop/tools/backtest"),
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
    home: HomeFolder = DEFAULT_HOME,
    json_file: JsonFile = None,
    markdown: MarkdownFile = None,
    report: ReportFile = None,
) -> None:
    """Say what each policy would have cost on a recorded stream, before one is trusted.

    A policy predicts a block, then learns its labels and decides. Costs are losses and a price for
    each training: 0.2, 1 and 5 % of what never retraining loses. Stopped, a run goes on from its cache.
    """
    from driftloop.tools.backtest.processes import begin_imports, cores

    jobs = jobs or min(cores(), MOST_JOBS)
    if jobs > 1:
        begin_imports()
    from driftloop.files.options import file_options
    from driftloop.tools.backtest.options import BacktestOptions
    from driftloop.tools.replay.choices import Choices

    options = BacktestOptions(
        first=train_rows, block=block, windows=_numbers(windows), learner=learner, label_delay=label_delay, seed=seed,
        policies=names_of(policies), served=served, price=price, cache=cache, jobs=jobs,
    )  # fmt: skip
    if markdown is not None and options.policies and "default" not in options.policies:
        raise UserError("--markdown shows the policy default: name it in --policy too.", ExitCode.USAGE)
    choices = Choices(
        target or "", task, names_of(features), names_of(without), names_of(ids), time, names_of(category)
    )
    written = file_options(
        file_format, separator, decimal, encoding, header=header, rows=rows, sample=sample, labels=labels
    )
    reading = archived(since, archive_uri, rows, home) or written
    refuse_overwriting([*files, labels], [json_file, markdown, report])
    _run(files, options, choices, reading, json_file, markdown, report)


def _run(
    files: Sequence[str],
    options: "BacktestOptions",
    choices: "Choices",
    reading: "FileOptions | Archived",
    json_file: Path | None,
    markdown: Path | None,
    report: Path | None,
) -> None:
    from rich.console import Console

    from driftloop.telemetry.logs import configure_logs
    from driftloop.tools.backtest.opening import open_stream
    from driftloop.tools.backtest.outcome import backtest as run
    from driftloop.tools.backtest.outcome import outcome_json
    from driftloop.tools.backtest.pictures import write_pictures
    from driftloop.tools.cli.progress import progress

    configure_logs("backtest", level="ERROR")
    console, words = Console(stderr=True), words_on(json_file)
    if not words.is_terminal:
        words.width = max(words.width, WIDTH_OF_A_TABLE)
    outcomes, said = [], []
    for name in _streams(files):
        with progress(console, name) as tell:
            stream = open_stream(name, choices, seed=options.seed, reading=reading)
            for sentence in [] if stream.history is None else stream.history.sentences():
                words.print(sentence, highlight=False, markup=False, soft_wrap=True)
            outcome = run(stream, options, tell)
        outcomes.append(outcome)
        said.append(outcome_json(outcome, options))
        _print(words, said[-1])
    _write(said, options, json_file)
    _say_together(said, markdown, words)
    if report:
        write_pictures(outcomes, report)


_PART = re.compile(r"part[-._]?\d|part-")


def _is_one_table(folder: Path) -> bool:
    """Whether a folder is one table by what lies in it: a log of Delta, or folders that name a column's value."""
    return (folder / "_delta_log").is_dir() or any("=" in one.name and one.is_dir() for one in folder.iterdir())


def _streams(names: Sequence[str]) -> list[str]:
    """The names with each folder replaced by the tables in it; the parts of one table stay together."""
    from driftloop.files.sources import TABLE_ENDINGS

    streams: list[str] = []
    for name in names:
        path = Path(name)
        if not path.is_dir():
            streams.append(name)
            continue
        if _is_one_table(path):
            streams.append(name)
            continue
        inside = sorted(one for one in path.iterdir() if one.name.lstrip(".") == one.name and not one.is_dir())
        found = [one for one in inside if {end.lstrip(".").lower() for end in one.suffixes} & set(TABLE_ENDINGS)]
        if not found:
            raise UserError(f"There is no table in the folder {path}.", ExitCode.NOT_FOUND)
        parts = all(_PART.match(one.name) for one in found)
        streams += [name] if parts else map(str, found)
    return streams


def _numbers(texts: Sequence[str] | None) -> tuple[int, ...]:
    try:
        numbers = tuple(int(name) for name in names_of(texts))
    except ValueError as error:
        raise UserError(
            f"--windows wants whole numbers by comma, not {','.join(texts or ())!r}.", ExitCode.USAGE
        ) from error
    if any(number < 10 for number in numbers):
        raise UserError("A window has at least 10 rows.", ExitCode.USAGE)
    return numbers


def _print(console: "Console", said: dict[str, Any]) -> None:
    from rich.table import Table

    measure = "mae" if "mae" in next(iter(said["best_calendar"].values())) else "accuracy"
    table = Table(
        title=f"{said['data']}: never {said['never']:.4g}, no change {said['no_change']:.4g} ({measure}), "
        f"windows {', '.join(map(str, said['windows']))}, block {said['block']}"
    )
    shares = list(said["best_calendar"])
    told = [] if said["majority"] is None else [word for word in ("recall", "precision", "f1") if _tells(said, word)]
    for heading in ("policy", measure, *told, "retrains", "reuses", *(f"{float(s):.1%}" for s in shares)):
        table.add_column(heading, justify="left" if heading == "policy" else "right")
    for name, entry in said["policies"].items():
        costs = [f"{entry['by_price'][s]['times_best_calendar']:.3f}" for s in shares]
        table.add_row(
            name,
            f"{entry[measure]:.4g}",
            *(f"{entry[word]:.3f}" for word in told),
            str(entry["retrains"]),
            str(entry["reuses"]),
            *costs,
        )
    best = {s: said["best_calendar"][s]["cost"] for s in shares}
    if said["majority"] is not None:
        table.title = f"{table.title}; always saying {said['majority_class']}: {said['majority']:.4g}"
    table.add_row(
        "oracle", "", *("" for _ in told), "", "", *(f"{said['oracle'][s]['cost'] / best[s]:.3f}" for s in shares)
    )
    table.caption = "Right: cost over the best calendar in hindsight, by the price of a training (never = 100 %)."
    console.print(table)


def _tells(said: dict[str, Any], word: str) -> bool:
    """Whether every policy has that figure."""
    return all(entry[word] is not None for entry in said["policies"].values())


def _say_together(said: list[dict[str, Any]], markdown: Path | None, console: "Console") -> None:
    from driftloop.tools.backtest.markdown import main_table
    from driftloop.tools.backtest.summary import summary

    if len(said) > 1:
        for name, entry in summary(said).items():
            figures = " / ".join(f"{one['times_best_calendar']:.3f}" for one in entry.values())
            console.print(f"{name:>28}  {figures}  of the best calendar (geometric mean over the streams)")
    if markdown is not None:
        markdown.write_text(main_table(said) + "\n", encoding="utf-8")


def _write(said: list[dict[str, Any]], options: "BacktestOptions", json_file: Path | None) -> None:
    from driftloop.tools.backtest.summary import retrains_saved, summary

    if json_file is None:
        return
    whole = said[0]
    if len(said) > 1:
        whole = {"streams": said, "summary": summary(said), "seed": options.seed}
        if all("default" in each["policies"] for each in said):
            whole["retrains_saved"] = retrains_saved(said)
    write_json(whole, json_file)
