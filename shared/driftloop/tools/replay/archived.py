"""What came to a model, from the archive: the rows on which a policy is tried before it is trusted.

The archive knows the kinds of features and labels by themselves, so nothing is guessed from their values: a name that
ever was a number is one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from driftloop.archive.reading import newest_rows
from driftloop.archive.rows import ArchivedRows
from driftloop.errors import ExitCode, UserError
from driftloop.files.description import FileDescription
from driftloop.tools.replay.choices import Choices
from driftloop.tools.replay.table import Column, Table

WHEN = "predicted_at"
_ALL = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Archived:
    """The archive at `uri`, from `since` on (None: all), at most the newest `rows` rows."""

    uri: str
    since: datetime | None = None
    rows: int | None = None


def archived_table(model_id: str, at: Archived, choices: Choices) -> tuple[Table, Choices]:
    """The labelled rows of a model, and what is known about their columns beyond what a person has chosen.

    Raises UserError where there are none, or several labels and no target named.
    """
    found = newest_rows(at.uri, model_id, at.rows or _ALL, since=at.since)
    if not len(found):
        since = f" since {at.since:%Y-%m-%d %H:%M} UTC" if at.since else ""
        raise UserError(f"The archive at {at.uri} has no labelled rows of {model_id}{since}.", ExitCode.NOT_FOUND)
    numbers, categories = _names(found, "numbers"), _names(found, "categories")
    target, label, is_number = _target(found, choices.target)
    name = f"label_{target}" if target in {*numbers, *categories} else target
    columns: dict[str, Column] = {one: found.feature(one, "number") for one in numbers}
    columns |= {one: found.feature(one, "category") for one in categories if one not in columns}
    features = tuple(columns)
    columns |= {WHEN: found.predicted_at / 1000.0, name: label}
    file = FileDescription(
        name=model_id, format="archive", separator=None, decimal=None, encoding=None, packing=None, rows=len(found),
        columns=len(columns), rows_in_file=len(found), notes=_notes(found),
    )  # fmt: skip
    known = replace(
        choices,
        target=name,
        task=choices.task or ("regression" if is_number else None),
        features=choices.features or tuple(one for one in features if one not in choices.without),
        time=choices.time or WHEN,
    )
    return Table(columns, moments=frozenset((WHEN,)), file=file), known


def _names(found: ArchivedRows, column: str) -> tuple[str, ...]:
    """The keys of a column of maps, in alphabetical order."""
    keys = pc.unique(found.table[column].combine_chunks().keys).to_pylist()
    return tuple(sorted(keys))


def _target(found: ArchivedRows, wanted: str) -> tuple[str, Column, bool]:
    numbers, classes = _names(found, "labels_number"), _names(found, "labels_category")
    there: Sequence[str] = tuple(dict.fromkeys((*numbers, *classes)))
    if wanted and wanted not in there:
        raise UserError(f"The archive has no label {wanted}; it has {', '.join(there)}.", ExitCode.USAGE)
    if not wanted and len(there) != 1:
        raise UserError(f"The rows have several labels: name one of {', '.join(there)} with --target.", ExitCode.USAGE)
    target = wanted or there[0]
    is_number = target in numbers
    return target, found.label(target, "number" if is_number else "category"), is_number


def _notes(found: ArchivedRows) -> tuple[str, ...]:
    """How late labels came: a play without that delay is kinder than the world was."""
    table = found.table
    predicted, labelled = (pc.cast(table[name], pa.int64()).to_numpy() for name in (WHEN, "labelled_at"))
    order = np.sort(predicted)
    behind = np.searchsorted(order, labelled, side="right") - np.searchsorted(order, predicted, side="right")
    late = int(np.median(behind))
    return () if late < 1 else (f"Half of the labels came {late:,} rows after their prediction: --label-delay {late}.",)
