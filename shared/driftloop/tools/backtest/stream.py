"""A recorded stream as columns, in the order of its rows, and the spec that a replay would infer."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from driftloop.learners.protocol import Column, Rows
from driftloop.spec.model_spec import ModelSpec
from driftloop.tools.replay.inference import infer_spec, infer_task
from driftloop.tools.replay.table import read_table


@dataclass(frozen=True, slots=True)
class Stream:
    """Labelled rows in order, and the spec of a model that predicts their one target."""

    name: str
    spec: ModelSpec
    rows: Rows

    @property
    def target(self) -> str:
        """The name of the target field."""
        return next(iter(self.spec.target))

    @property
    def labels(self) -> Column:
        """The target column."""
        return self.rows.labels[self.target]

    @property
    def is_regression(self) -> bool:
        """Whether losses are distances, and not 0 and 1."""
        return self.spec.target[self.target].kind == "number"


def read_stream(
    path: Path, *, target: str | None = None, task: str | None = None, features: Sequence[str] = ()
) -> Stream:
    """The stream in a CSV file with a header. The target is the last column unless it is named.

    Raises `UserError` where there is no such file or no such column, or the file is no CSV.
    """
    table = read_table(path)
    target = target or list(table.columns)[-1]
    name = path.name.split(".")[0]
    spec = infer_spec(
        table,
        target,
        model_id=name,
        task=task or (infer_task(table, target) if target in table.columns else None),
        features=features,
        train_rows=len(table),
    )
    if spec.task != "regression":
        table = table.as_categories(target)
    columns = {feature: table.columns[feature] for feature in spec.features}
    return Stream(name, spec, Rows(columns, {target: table.columns[target]}))
