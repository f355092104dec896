"""A recorded stream that is ready to be played: spec, columns, and where training ends."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from driftloop.errors import UserError
from driftloop.learners.entry_points import make_learner
from driftloop.learners.protocol import Column
from driftloop.spec.model_spec import ModelSpec
from driftloop.spec.policy import policy_of, preset_names
from driftloop.tools.replay.inference import default_block_rows, default_train_rows, infer_spec
from driftloop.tools.replay.options import ReplayOptions
from driftloop.tools.replay.stream import EventTime
from driftloop.tools.replay.table import Table, read_table

LEAST_STREAMED_ROWS = 2
EVIDENCE_ROWS = 25
"""Rows of a block of evidence (`detection.loss_block_rows`): a policy cannot speak between them."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Rows in stream order. The first `train_rows` train the first version, the rest are streamed.

    `features` are what a producer would send; `labels` has a column a target field.
    """

    spec: ModelSpec
    features: Mapping[str, Column]
    labels: Mapping[str, Column]
    train_rows: int
    block_rows: int
    time: EventTime = field(default_factory=EventTime)
    left_out: tuple[str, ...] = ()
    unlabelled_rows: int = 0

    def __len__(self) -> int:
        return len(next(iter(self.labels.values())))

    def features_of(self, rows: slice) -> dict[str, Column]:
        """The features of some rows."""
        return {name: column[rows] for name, column in self.features.items()}

    def labels_of(self, rows: slice) -> dict[str, Column]:
        """The labels of some rows."""
        return {name: column[rows] for name, column in self.labels.items()}

    def label_of(self, row: int) -> dict[str, float | str]:
        """The label of one row, by target field."""
        values = ((name, column[row]) for name, column in self.labels.items())
        return {name: value if isinstance(value, str) else float(value) for name, value in values}

    def blocks(self) -> list[slice]:
        """The streamed rows, `block_rows` at a time."""
        size, end = self.block_rows, len(self)
        return [slice(first, min(first + size, end)) for first in range(self.train_rows, end, size)]


def open_recording(options: ReplayOptions) -> Recording:
    """The recording that a file makes; raises UserError where file and options do not fit."""
    options.rows_per_second()
    table = read_table(options.file)
    if options.target not in table.columns:
        infer_spec(table, options.target, model_id="unknown", train_rows=0)
    labelled = ~_missing(table.columns[options.target])
    if not labelled.any():
        raise UserError(f"The column {options.target} is empty.", 2)
    return record(table.take(labelled), options, unlabelled_rows=int((~labelled).sum()))


def record(table: Table, options: ReplayOptions, unlabelled_rows: int = 0) -> Recording:
    """A table as a recording; raises UserError where the options do not fit."""
    train_rows = options.train_rows or default_train_rows(len(table))
    if not 10 <= train_rows <= len(table) - LEAST_STREAMED_ROWS:
        raise UserError(
            f"The first version cannot be trained on {train_rows} rows of {len(table)}: "
            "--train-rows is at least 10 and must leave rows to stream.",
            2,
        )
    block_rows = options.block_rows or default_block_rows(len(table))
    spec = infer_spec(
        table,
        options.target,
        model_id=options.model_id or _model_id(options.file.name),
        task=options.task,
        features=options.features,
        train_rows=train_rows,
        learner=options.learner,
        learner_parameters=options.learner_parameters,
        policy=spoken_every(options.policy, block_rows),
    )
    _refuse_unusable(spec)
    if spec.target[options.target].kind == "category":
        table = table.as_categories(options.target)
    used = {options.target, *spec.features}
    return Recording(
        spec=spec,
        features={name: table.columns[name] for name in spec.features},
        labels={options.target: table.columns[options.target]},
        train_rows=train_rows,
        block_rows=block_rows,
        time=replace(EventTime(), interval=options.interval),
        left_out=tuple(name for name in table.columns if name not in used) if not options.features else (),
        unlabelled_rows=unlabelled_rows,
    )


def spoken_every(policy: str, block_rows: int) -> str | dict[str, Any]:
    """A preset whose payoff rule, where it has one, speaks once a block: a replay decides when a block ends.

    >>> spoken_every("metrics-forecast", 150)
    'metrics-forecast'
    >>> spoken_every("default", 160)["triggers"]
    {'payoff': {'decision_rows': 150}}
    """
    if policy not in preset_names() or policy_of(policy).triggers.payoff is None:
        return policy
    rows = max(EVIDENCE_ROWS, block_rows // EVIDENCE_ROWS * EVIDENCE_ROWS)
    return {"preset": policy, "name": policy, "triggers": {"payoff": {"decision_rows": rows}}}


def _refuse_unusable(spec: ModelSpec) -> None:
    """Learner and policy are found now, not by a service later."""
    try:
        policy_of(spec.policy)
        make_learner(spec)
    except ValueError as error:
        sentence = str(error).rstrip(".")
        raise UserError(f"{sentence[0].upper()}{sentence[1:]}.", 2) from error


def _missing(column: Column) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    if column.dtype == object:
        return np.array([value is None for value in column], dtype=np.bool_)
    return np.isnan(column)


def _model_id(name: str) -> str:
    """A model id from a file's name.

    >>> _model_id("elec2.csv.gz"), _model_id("my file (1).csv")
    ('elec2', 'my-file--1-')
    """
    stem = name.split(".", maxsplit=1)[0] or "model"
    text = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "_-") else "-" for letter in stem)
    return (text if text[0].isalnum() else f"m{text}")[:120]
