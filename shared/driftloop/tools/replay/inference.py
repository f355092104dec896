"""The spec of a model, inferred from a table: what to predict, from what, and how.

The rules, each a function of the table alone:

- A target of text, or of at most 30 whole numbers that each come up 20 times or more on average,
  is a class (two: binary); any other number is a regression. Text of very many classes is questioned.
- A column of text is a category, unless nearly every row has its own text (an id).
- A number that hardly ever falls (in one row of a thousand) and takes many values tells the time
  and is left out, as dates are: a model that learns from the time cannot say anything about the next day.
- A whole number that is never the same twice, where chance would have repeated some, names rows.
- What holds the target itself (a copy, a prediction of it) is left out too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from driftloop.errors import ExitCode, UserError
from driftloop.spec.model_spec import Feature, LearnerChoice, ModelSpec, TargetField, Task, TrainingRule
from driftloop.tools.replay.choices import Choices
from driftloop.tools.replay.identifiers import why_useless
from driftloop.tools.replay.leaks import why_it_knows
from driftloop.tools.replay.table import Table, missing

MOST_CLASSES = 30
MOST_TEXT_CLASSES = 100
ROWS_A_CLASS = 20
TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")


@dataclass(frozen=True, slots=True)
class Inferred:
    """The task, the kind of each feature (`number` or `category`), and why each other column is none."""

    task: Task
    features: Mapping[str, str]
    left_out: Mapping[str, str]


def infer_task(table: Table, target: str) -> Task:
    """The task that a target column suggests.

    >>> infer_task(Table({"y": np.array([0.0, 1.0] * 30)}), "y")
    'binary'
    """
    column = table.columns[target]
    if not table.is_number(target):
        return "binary" if len({value for value in column if value is not None}) <= 2 else "multiclass"
    distinct = np.unique(column[~np.isnan(column)])
    whole = bool(np.all(distinct == np.floor(distinct)))
    if whole and len(distinct) <= min(MOST_CLASSES, max(2, len(column) // ROWS_A_CLASS)):
        return "binary" if len(distinct) <= 2 else "multiclass"
    return "regression"


def infer_features(table: Table, target: str) -> tuple[str, ...]:
    """The columns that have something to say of their own, in the order of the file; the target is none of them."""
    return tuple(
        name for name in table.columns if name not in (target, *table.moments) and why_useless(table, name) is None
    )


def infer(table: Table, choices: Choices, times: Sequence[str] = ()) -> Inferred:
    """What follows from a table of labelled rows; `times` are the columns that date them.

    Raises UserError where the target cannot be predicted, or a name is no column.
    """
    refuse_unknown(table, choices.named)
    target = choices.target
    if target in (*choices.features, *choices.without, *choices.ids):
        raise UserError(f"The target {target} cannot be a feature too, nor left out.", ExitCode.USAGE)
    if choices.task is not None and choices.task not in TASKS:
        raise UserError(f"There is no task {choices.task}; choose one of {', '.join(TASKS)}.", ExitCode.USAGE)
    task = _checked_task(table, choices)
    features, left_out = _judged(table, choices, task, times)
    if not features:
        why = "; ".join(f"{name}: {reason}" for name, reason in list(left_out.items())[:5])
        raise UserError(
            f"No column is left to learn from{f' ({why})' if why else ''}: name some with --features.", ExitCode.USAGE
        )
    return Inferred(task, features, left_out)


def _checked_task(table: Table, choices: Choices) -> Task:
    target, column = choices.target, table.columns[choices.target]
    if target in table.moments:
        raise UserError(f"The target {target} holds times, and no learner predicts times.", ExitCode.USAGE)
    task = next((one for one in TASKS if one == choices.task), None) or infer_task(table, target)
    if task == "regression" and not table.is_number(target):
        raise UserError(f"The target {target} holds text, and a regression needs numbers.", ExitCode.USAGE)
    there = column[~missing(column)]
    distinct = len(np.unique(there)) if table.is_number(target) else len(set(there.tolist()))
    if distinct == 1:
        raise UserError(f"The target {target} has one value only: there is nothing to predict.", ExitCode.USAGE)
    rare = distinct > MOST_CLASSES and distinct * ROWS_A_CLASS > len(there)
    if choices.task is None and not table.is_number(target) and (rare or distinct > MOST_TEXT_CLASSES):
        raise UserError(
            f"The target {target} is text with {distinct:,} different values in {len(there):,} rows: is it the right "
            "column? If each is a class, say --task multiclass; if it holds numbers, see how the file was read.",
            ExitCode.USAGE,
        )
    return task


def _judged(table: Table, choices: Choices, task: Task, times: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    features: dict[str, str] = {}
    left_out: dict[str, str] = {}
    for name in table.columns:
        if name == choices.target:
            continue
        reason = _why_not(table, choices, task, times, name)
        if reason is None:
            features[name] = "number" if table.is_number(name) else "category"
        else:
            left_out[name] = reason
    return {name: features[name] for name in choices.features or features}, left_out


def _why_not(table: Table, choices: Choices, task: Task, times: Sequence[str], name: str) -> str | None:
    said = (
        (name in choices.without, "left out as asked"),
        (name in choices.ids, "named as an identifier"),
        (bool(choices.features) and name not in choices.features, "not among the features that were named"),
    )
    by_a_person = next((reason for holds, reason in said if holds), None)
    if by_a_person or name in (*choices.features, *choices.categories):
        return by_a_person
    if name in table.moments or name in times:
        return "it tells when a row happened" if name in times else "it holds times"
    return why_useless(table, name) or why_it_knows(table, name, choices.target, is_class=task != "regression")


def default_train_rows(rows: int) -> int:
    """How many first rows train the first version: a fifth of the file, 50 to 2,000.

    >>> [default_train_rows(rows) for rows in (200, 1600, 45000)]
    [50, 320, 2000]
    """
    return min(2000, max(50, rows // 5))


def default_block_rows(rows: int) -> int:
    """How many rows are predicted before their labels are learnt, by the file's size alone.

    25 to 250; from 200,000 rows on 1/400 of the rows, 2,500 at most: a block takes a fixed time, and a long file
    is to end within minutes.

    >>> [default_block_rows(rows) for rows in (1600, 5325, 17379, 50000, 150_000, 500_000)]
    [25, 50, 200, 250, 250, 1250]
    """
    return max(25, min(250, rows // 80 // 25 * 25), min(2_500, rows // 400 // 250 * 250))


def least_training_rows(train_rows: int) -> int:
    """The fewest rows that a later run learns from: half of the first version's, 10 to 100."""
    return max(10, min(100, train_rows // 2))


def infer_spec(
    table: Table,
    target: str,
    *,
    model_id: str,
    task: str | None = None,
    features: Sequence[str] = (),
    train_rows: int,
) -> ModelSpec:
    """A spec for a table, in event time; raises UserError where a name is no column."""
    inferred = infer(table, Choices(target, task, tuple(features)))
    return spec_of(inferred, target, model_id=model_id, train_rows=train_rows)


def spec_of(
    inferred: Inferred,
    target: str,
    *,
    model_id: str,
    train_rows: int,
    learner: str = "random-forest",
    learner_parameters: Mapping[str, Any] | None = None,
    policy: str | Mapping[str, Any] = "default",
) -> ModelSpec:
    """The spec that says what was inferred, in event time."""
    return ModelSpec(
        model_id=model_id,
        task=inferred.task,
        features={
            name: Feature(kind="number" if kind == "number" else "category") for name, kind in inferred.features.items()
        },
        target={target: TargetField(kind="number" if inferred.task == "regression" else "category")},
        clock="event",
        learner=LearnerChoice(name=learner, parameters=dict(learner_parameters or {})),
        training=TrainingRule(minimum_rows=least_training_rows(train_rows)),
        policy=policy if isinstance(policy, str) else dict(policy),
    )


def refuse_unknown(table: Table, names: Sequence[str]) -> None:
    """Raise UserError where a name is no column; it lists those that there are."""
    unknown = [name for name in names if name not in table.columns]
    if unknown:
        raise UserError(_not_a_column(table, unknown[0]), ExitCode.USAGE)


def _not_a_column(table: Table, name: str) -> str:
    columns = list(table.columns)
    if table.file is not None:
        return table.file.not_a_column(name, columns)
    return f"{name} is not a column; the columns are {', '.join(columns[:12])}."
