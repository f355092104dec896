"""A recorded stream as columns, in the order of its rows, and the spec that a replay would infer."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from driftloop.files.options import FileOptions
from driftloop.learners.protocol import Column, Rows
from driftloop.spec.model_spec import ModelSpec
from driftloop.tools.replay.archived import Archived
from driftloop.tools.replay.choices import Choices
from driftloop.tools.replay.history import History, open_history
from driftloop.tools.replay.inference import spec_of
from driftloop.tools.replay.recording import model_name


@dataclass(frozen=True, slots=True)
class Stream:
    """Labelled rows in order, and the spec of a model that predicts their one target.

    `history` says how they were read, where they come from a file.
    """

    name: str
    spec: ModelSpec
    rows: Rows
    history: History | None = None

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


def read_stream(file: str, choices: Choices, reading: FileOptions | Archived | None = None) -> Stream:
    """The stream in a recorded file. The target is the last column unless it is named.

    Raises `UserError` where there is no such file or no such column, or the file is no table.
    """
    history = open_history(file, choices, reading)
    name = PurePosixPath(file.rstrip("/")).name.split(".")[0]
    spec = spec_of(history.inferred, history.target, model_id=model_name(file), train_rows=len(history))
    return Stream(name, spec, Rows(history.features, {history.target: history.labels}), history)
