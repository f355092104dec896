"""A recorded stream that is ready to be played: spec, columns, and where training ends."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftloop.contracts.message import Truth
from driftloop.errors import UserError
from driftloop.learners.entry_points import make_learner, refuse_unweighed
from driftloop.learners.protocol import Column, Predictions
from driftloop.spec.model_spec import LabelDelay, ModelSpec
from driftloop.spec.policy import policy_of, preset_names
from driftloop.tools.replay.history import History, history_of, open_history
from driftloop.tools.replay.inference import default_block_rows, default_train_rows, spec_of
from driftloop.tools.replay.options import ReplayOptions
from driftloop.tools.replay.stream import EventTime, event_time
from driftloop.tools.replay.table import Table

LEAST_STREAMED_ROWS = 2
EVIDENCE_ROWS = 25
"""Rows of a block of evidence (`detection.loss_block_rows`): a policy cannot speak between them."""


Predict = Callable[[Mapping[str, Column]], Predictions]
Act = Callable[[slice, Predict], None]
"""Told of a block before it is predicted, and what the champion would say of any features."""


def watch_only(_rows: slice, _predict: Predict) -> None:
    """The world does not care what the model says."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Rows in stream order. The first `train_rows` train the first version, the rest are streamed.

    `features` are what a producer would send; `labels` has a column a target field; `also` has other columns of
    a frame (`latency_ms`, `status`, `segment.NAME`). `history` says how they were read, where they come from a
    file. In a world that acts on what its model says, `act` may change the columns of a block that is still to come.
    `readings` are figures of the host by row (`cpu_percent`): the newest are told with every block. Labels come
    `label_delay_rows` later, unless the replay is asked for another delay.
    """

    spec: ModelSpec
    features: Mapping[str, Column]
    labels: Mapping[str, Column]
    train_rows: int
    block_rows: int
    time: EventTime = field(default_factory=EventTime)
    history: History | None = None
    also: Mapping[str, Column] = field(default_factory=dict)
    act: Act = watch_only
    readings: Mapping[str, Column] = field(default_factory=dict)
    label_delay_rows: int = 0

    def __len__(self) -> int:
        return len(next(iter(self.labels.values())))

    @property
    def unlabelled_rows(self) -> int:
        """Rows of the file that were left out because they have no label."""
        return 0 if self.history is None else self.history.unlabelled_rows

    def sentences(self) -> list[str]:
        """What was read, inferred and cut, for a person."""
        said = [] if self.history is None else self.history.sentences()
        said.append(
            f"The first {self.train_rows:,} rows train the first version; {len(self) - self.train_rows:,} are "
            f"streamed, {self.block_rows} at a time."
        )
        return [*said, *one_class_at_first(self.labels, self.train_rows)]

    def features_of(self, rows: slice) -> dict[str, Column]:
        """The features of some rows."""
        return {name: column[rows] for name, column in self.features.items()}

    def labels_of(self, rows: slice) -> dict[str, Column]:
        """The labels of some rows."""
        return {name: column[rows] for name, column in self.labels.items()}

    def also_of(self, rows: slice) -> dict[str, Column]:
        """The other columns of some rows."""
        return {name: column[rows] for name, column in self.also.items()}

    def label_of(self, row: int) -> dict[str, Truth]:
        """The label of one row, by target field."""
        values = ((name, column[row]) for name, column in self.labels.items())
        return {name: value if isinstance(value, str) else _number_or_series(value) for name, value in values}

    def at_of(self, rows: slice) -> NDArray[np.int64] | None:
        """When some rows are predicted, in milliseconds since 1970; None where it is no input."""
        if self.spec.forecast is None:
            return None
        return self.time.microseconds(np.arange(rows.start, rows.stop, dtype=np.int64)) // 1000

    def blocks(self) -> list[slice]:
        """The streamed rows, `block_rows` at a time."""
        size, end = self.block_rows, len(self)
        return [slice(first, min(first + size, end)) for first in range(self.train_rows, end, size)]


def _number_or_series(value: Any) -> Truth:
    if np.ndim(value) == 0:
        return float(value)
    return [None if np.isnan(step) else step for step in value.tolist()]


def open_recording(options: ReplayOptions) -> Recording:
    """The recording that a file makes; raises UserError where file and options do not fit."""
    options.rows_per_second()
    return record(open_history(options.file, options.choices(), options.reading), options)


def record(source: Table | History, options: ReplayOptions) -> Recording:
    """A table, or the history in one, as a recording; raises UserError where the options do not fit."""
    history = source if isinstance(source, History) else history_of(source, options.choices())
    rows = len(history)
    train_rows = options.train_rows or default_train_rows(rows)
    if not 10 <= train_rows <= rows - LEAST_STREAMED_ROWS:
        raise UserError(
            f"The first version cannot be trained on {train_rows} rows of {rows}: "
            "--train-rows is at least 10 and must leave rows to stream.",
            2,
        )
    block_rows = options.block_rows or default_block_rows(rows)
    time = event_time_of(history, options.interval)
    spec = spec_of(
        history.inferred,
        history.target,
        model_id=options.model_id or model_name(options.file),
        train_rows=train_rows,
        learner=options.learner,
        learner_parameters=options.learner_parameters,
        policy=spoken_every(options.policy, block_rows),
    )
    _refuse_unusable(spec)
    return Recording(
        spec=patient(spec, time, rows, options.label_delay_rows),
        features=history.features,
        labels={history.target: history.labels},
        train_rows=train_rows,
        block_rows=block_rows,
        time=time,
        history=history,
    )


def event_time_of(history: History, interval: timedelta | None = None) -> EventTime:
    """When the rows of a history happened: by its own time, where it has one and no interval is given."""
    if interval is not None or history.time is None or not history.time.dates:
        return replace(EventTime(), interval=interval or EventTime().interval)
    return event_time(history.time.seconds)


def patient(spec: ModelSpec, time: EventTime, rows: int, delay: int) -> ModelSpec:
    """A spec that waits for labels as long as they take by the file's own time; they are told by id here."""
    if spec.forecast is not None and spec.forecast.is_observed:
        spec = spec.model_copy(update={"forecast": spec.forecast.model_copy(update={"truth": "labels"})})
    if not delay or time.moments is None:
        return spec
    late = np.arange(rows) + delay
    longest = float(np.max(time.microseconds(late) - time.moments)) / 1e6
    patience = max(spec.label_delay.give_up_seconds, 2 * longest)
    return spec.model_copy(update={"label_delay": LabelDelay(give_up_seconds=patience)})


def one_class_at_first(labels: Mapping[str, Column], train_rows: int) -> list[str]:
    """A sentence for each target whose first rows are all of one class: what they train knows no other."""
    return [
        f"The first {train_rows:,} rows have one class of {name} only, so that the first version can say nothing "
        "else: give it more of them with --train-rows."
        for name, column in labels.items()
        if column.dtype == object and len(set(column[:train_rows])) == 1
    ]


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
        refuse_unweighed(spec, make_learner(spec))
    except ValueError as error:
        sentence = str(error).rstrip(".")
        raise UserError(f"{sentence[0].upper()}{sentence[1:]}.", 2) from error


def model_name(file: str | Path) -> str:
    """A model id from a file's name.

    >>> model_name("data/elec2.csv.gz"), model_name("my file (1).csv")
    ('elec2', 'my-file--1-')
    """
    stem = PurePosixPath(str(file).rstrip("/")).name.split(".", maxsplit=1)[0] or "model"
    text = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "_-") else "-" for letter in stem)
    return (text if text[0].isalnum() else f"m{text}")[:120]
