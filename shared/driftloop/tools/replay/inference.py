"""The spec of a model, inferred from a table: what to predict, from what, and how.

The rules, each a function of the table alone:

- A target of text, or of at most 30 whole numbers that each come up 20 times or more on average,
  is a class (two: binary); any other number is a regression.
- A column of text is a category, unless nearly every row has its own text (an id).
- A number that hardly ever falls (in one row of a thousand) and takes many values tells the time
  and is left out: a model that learns from the time cannot say anything about the next day.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from driftloop.errors import UserError
from driftloop.spec.model_spec import Feature, LearnerChoice, ModelSpec, TargetField, Task, TrainingRule
from driftloop.tools.replay.table import Table

MOST_CLASSES = 30
ROWS_A_CLASS = 20
TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")


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
    """The columns that a model of `target` may learn from, in the order of the file."""
    return tuple(name for name in table.columns if name != target and not _says_nothing(table, name))


def _says_nothing(table: Table, name: str) -> bool:
    column = table.columns[name]
    distinct = len(set(column.tolist())) if not table.is_number(name) else len(np.unique(column))
    if distinct <= 1:
        return True
    if not table.is_number(name):
        return distinct > len(column) / 2
    falls = int(np.count_nonzero(np.diff(column) < 0))
    return distinct > min(100, len(column) / 2) and falls <= len(column) / 1000


def default_train_rows(rows: int) -> int:
    """How many first rows train the first version: a fifth of the file, 50 to 2,000.

    >>> [default_train_rows(rows) for rows in (200, 1600, 45000)]
    [50, 320, 2000]
    """
    return min(2000, max(50, rows // 5))


def default_block_rows(rows: int) -> int:
    """How many rows are predicted before their labels are learnt: 25 to 250, by the file's size alone.

    >>> [default_block_rows(rows) for rows in (1600, 5325, 17379, 50000)]
    [25, 50, 200, 250]
    """
    return max(25, min(250, rows // 80 // 25 * 25))


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
    learner: str = "random-forest",
    learner_parameters: Mapping[str, Any] | None = None,
    policy: str | Mapping[str, Any] = "default",
) -> ModelSpec:
    """A spec for a table, in event time; raises UserError where a name is no column."""
    _refuse_unknown(table, [target, *features])
    if target in features:
        raise UserError(f"The target {target} cannot be a feature too.", 2)
    if task is not None and task not in TASKS:
        raise UserError(f"There is no task {task}; choose one of {', '.join(TASKS)}.", 2)
    chosen = task or infer_task(table, target)
    if chosen == "regression" and not table.is_number(target):
        raise UserError(f"The target {target} holds text, and a regression needs numbers.", 2)
    names = tuple(features) or infer_features(table, target)
    if not names:
        raise UserError("No column is left to learn from: name some with --features.", 2)
    return ModelSpec(
        model_id=model_id,
        task=chosen,
        features={name: Feature(kind="number" if table.is_number(name) else "category") for name in names},
        target={target: TargetField(kind="number" if chosen == "regression" else "category")},
        clock="event",
        learner=LearnerChoice(name=learner, parameters=dict(learner_parameters or {})),
        training=TrainingRule(minimum_rows=least_training_rows(train_rows)),
        policy=policy if isinstance(policy, str) else dict(policy),
    )


def _refuse_unknown(table: Table, names: Sequence[str]) -> None:
    unknown = [name for name in names if name not in table.columns]
    if unknown:
        there = ", ".join(list(table.columns)[:12]) + (", …" if len(table.columns) > 12 else "")
        raise UserError(f"{unknown[0]} is not a column of the file; its columns are {there}.", 2)
