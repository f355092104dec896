"""A watched file, from address to result."""

import time
from dataclasses import replace

from driftloop.counted import counted
from driftloop.errors import ExitCode, UserError
from driftloop.files.opening import open_table
from driftloop.files.options import FileOptions
from driftloop.files.table import Table
from driftloop.tools.watch.baseline import LEAST_ROWS, Baselines, baselines, default_baseline_rows
from driftloop.tools.watch.options import WatchOptions
from driftloop.tools.watch.outcomes import RecordedOutcomes
from driftloop.tools.watch.play import Player, Progress
from driftloop.tools.watch.reading import recorded_outcomes
from driftloop.tools.watch.result import WatchResult, losses_of


def named_columns(table: Table, options: WatchOptions) -> WatchOptions:
    """With the columns that the log of a model server names itself, where nobody named others."""

    def named(chosen: str | None, column: str) -> str | None:
        return chosen or (column if column in table.names else None)

    predicted_at = named(options.time, "predicted_at")
    return replace(
        options,
        label=named(options.label, "label"),
        id=named(options.id, "prediction_id"),
        time=predicted_at,
        labelled_at=options.labelled_at if predicted_at is None else named(options.labelled_at, "labelled_at"),
        version=named(options.version, "model_version"),
        confidence=named(options.confidence, "confidence"),
    )


def _small_versions(recorded: RecordedOutcomes, reference: Baselines) -> list[str]:
    sizes = recorded.columns["model_version"].value_counts().to_pylist()
    small = [one["counts"] for one in sizes if one["values"] not in reference.rows]
    if not small:
        return []
    versions = f"each of their versions ({len(small):,}) has fewer than {LEAST_ROWS} rows"
    return [f"{counted(sum(small), 'row', 'have')} no reference: {versions}."]


def watch(address: str, file: FileOptions, options: WatchOptions, player: Player, progress: Progress) -> WatchResult:
    """What would have been found in a file; raises UserError with one sentence where that cannot be told."""
    started = time.monotonic()
    table = open_table(address, file)
    recorded = recorded_outcomes(table, named_columns(table, options) if file.named is not None else options)
    if len(recorded) < 2:
        raise UserError(f"{table.description.name} has too few rows to watch.", ExitCode.USAGE)
    rows = options.baseline_rows or default_baseline_rows(len(recorded))
    reference = baselines(recorded, rows)
    if not len(reference.judged):
        raise UserError(
            f"all {len(recorded):,} rows are reference rows, none is left to watch: name fewer with --baseline-rows.",
            ExitCode.USAGE,
        )
    if not reference.profiles and options.version is not None:
        raise UserError(
            f"No version in {options.version} has {LEAST_ROWS} rows, so none has a reference to watch it by.",
            ExitCode.USAGE,
        )
    recorded = replace(recorded, notes=(*recorded.notes, *_small_versions(recorded, reference)))
    found = player.play(recorded.take(reference.judged), reference.profiles, progress)
    losses = losses_of(recorded)
    return WatchResult(table.description, recorded, found, losses, reference.rows, time.monotonic() - started)
