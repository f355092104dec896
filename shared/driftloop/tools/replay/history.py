"""A recorded file, ready to be learnt from: its labelled rows in the order in which they happened.

Why one room for it: a replay and a backtest of the same file must see the same rows, features and target.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from driftloop.counted import counted
from driftloop.errors import ExitCode, UserError
from driftloop.files.description import FileDescription
from driftloop.files.named.joining import OWN
from driftloop.files.options import FileOptions
from driftloop.tools.replay.archived import Archived, archived_table
from driftloop.tools.replay.choices import Choices
from driftloop.tools.replay.inference import Inferred, infer, refuse_unknown
from driftloop.tools.replay.leaks import leak_sentences
from driftloop.tools.replay.order import FileTime, in_time
from driftloop.tools.replay.table import Column, Table, missing, read_table


@dataclass(frozen=True, slots=True)
class History:
    """Rows that have a label, in order. `labels` holds text for classes and numbers for a regression.

    `unlabelled_rows` were left out. `told` are sentences that a person must hear before trusting the rest.
    """

    target: str
    inferred: Inferred
    columns: Mapping[str, Column]
    labels: Column
    time: FileTime | None = None
    unlabelled_rows: int = 0
    file: FileDescription | None = None
    told: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def features(self) -> dict[str, Column]:
        """The columns that are learnt from."""
        return {name: self.columns[name] for name in self.inferred.features}

    def as_json(self) -> dict[str, Any]:
        """What was read and inferred, for a script."""
        return {
            "file": None if self.file is None else self.file.as_json(),
            "target": self.target,
            "features": dict(self.inferred.features),
            "left_out": dict(self.inferred.left_out),
            "time": None if self.time is None else time_json(self.time),
            "unlabelled": self.unlabelled_rows,
            "told": list(self.told),
        }

    def sentences(self) -> list[str]:
        """What was read and inferred, for a person."""
        kinds = list(self.inferred.features.values())
        numbers, categories = kinds.count("number"), kinds.count("category")
        said = [] if self.file is None else [self.file.sentence(), *self.file.notes]
        said.append(
            f"{self.inferred.task} of {self.target} from {numbers} numbers and {categories} categories: "
            f"{', '.join(list(self.inferred.features)[:12])}{' …' if len(kinds) > 12 else ''}."
        )
        if self.time is not None and self.time.dates:
            said.append(f"Rows from {moment(self.time.seconds[0])} to {moment(self.time.seconds[-1])} (UTC).")
        said += [f"Left out: {name} ({reason})." for name, reason in list(self.inferred.left_out.items())[:20]]
        if len(self.inferred.left_out) > 20:
            said.append(f"Left out too: {len(self.inferred.left_out) - 20} more columns.")
        return [*said, *self.told]


def open_history(file: str | Path, choices: Choices, reading: FileOptions | Archived | None = None) -> History:
    """The history in a file, or of a model in the archive.

    An empty target means the last column, or the one label. Raises UserError where it cannot be learnt from.
    """
    if isinstance(reading, Archived):
        return history_of(*archived_table(str(file), reading, choices))
    table = read_table(file, reading)
    if reading is not None and reading.named is not None:
        choices = _of_a_log(table, choices)
    return history_of(table, choices if choices.target else replace(choices, target=list(table.columns)[-1]))


def _of_a_log(table: Table, choices: Choices) -> Choices:
    """What a server's log names itself: the label is the target, and what was predicted is nothing to learn from."""
    own = [name for name in OWN if name in table.columns and name not in ("label", "predicted_at")]
    return replace(
        choices,
        target=choices.target or "label",
        without=(*choices.without, *(name for name in own if name != choices.target)),
        time=choices.time or ("predicted_at" if "predicted_at" in table.columns else None),
    )


def history_of(table: Table, choices: Choices) -> History:
    """The history in a table; raises UserError where it cannot be learnt from."""
    _refuse_unknown(table, choices)
    table = table.as_categories(*choices.categories)
    labelled = ~missing(table.columns[choices.target])
    if not labelled.any():
        raise UserError(f"The column {choices.target} is empty.", ExitCode.USAGE)
    table = table.take(labelled)
    table, time = in_time(table, choices.time, choices.target)
    inferred = infer(table, choices, () if time is None else time.columns)
    is_class = inferred.task != "regression"
    if is_class:
        table = table.as_categories(choices.target)
    unlabelled = int((~labelled).sum())
    told = [] if time is None else time.sentences()
    if unlabelled:
        told.append(f"{counted(unlabelled, 'row', 'have')} no {choices.target}: left out.")
    told += leak_sentences(table, inferred.features, choices.target, is_class=is_class)
    return History(
        target=choices.target,
        inferred=inferred,
        columns=table.columns,
        labels=table.columns[choices.target],
        time=time,
        unlabelled_rows=unlabelled,
        file=table.file,
        told=tuple(told),
    )


def _refuse_unknown(table: Table, choices: Choices) -> None:
    """A file without a header has columns that nobody knows: then say so beside the name that is none."""
    headless = table.file is not None and any("not a header" in note for note in table.file.notes)
    if headless and choices.target not in table.columns:
        raise UserError(
            f"{choices.target} is not a column: the file has no header, and its columns are called column1 to "
            f"column{len(table.columns)}.",
            ExitCode.USAGE,
        )
    refuse_unknown(table, choices.named)


def time_json(time: FileTime) -> dict[str, Any]:
    """When rows happened, for a script."""
    return {
        "column": " and ".join(time.columns),
        "first": moment(time.seconds[0]),
        "last": moment(time.seconds[-1]),
        "out_of_order": time.moved,
        "newest_first": time.descending,
        "filled": time.filled,
        "dates_rows": time.dates,
    }


def moment(seconds: float) -> str:
    """A moment as a person reads it, in UTC.

    >>> moment(1709254800.0), moment(1709251200.0)
    ('2024-03-01 01:00', '2024-03-01')
    """
    text = str(np.datetime64(int(seconds), "s"))
    return text.removesuffix("T00:00:00").removesuffix(":00").replace("T", " ")
