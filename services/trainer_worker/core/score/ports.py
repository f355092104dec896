"""What scoring asks of the outside."""

from collections.abc import Iterable
from typing import Protocol

from driftloop.learners.protocol import Predictions, Rows
from driftloop.processor import Record
from driftloop.spec.model_spec import ModelSpec


class RefusedArtifactError(Exception):
    """A version cannot be scored: its artifact is missing, damaged, or cannot be loaded."""


class UnscorableRowsError(Exception):
    """A version cannot be scored on some rows: it was learnt for another target, or says no numbers."""


class NoNumbersError(UnscorableRowsError):
    """A version says no numbers of some rows, where numbers are asked for."""


class ModelShelf(Protocol):
    """Versions that can be run."""

    def predict(self, artifact: str, sha256: str | None, rows: Rows) -> Predictions:
        """What a version says about rows; raises `RefusedArtifactError` with a sentence."""
        ...

    def check(self, artifact: str, sha256: str | None) -> None:
        """Raises `RefusedArtifactError` where the artifact is not there now, whatever is kept in memory."""
        ...


class FrameLog(Protocol):
    """Frames that went by already."""

    def between(self, model_id: str, partition: int, first: int, last: int) -> Iterable[Record]:
        """The model's frames in a partition, with offsets from `first` to `last`, both included."""
        ...


class LearntRows(Protocol):
    """The rows that versions learnt from."""

    def rows(self, artifact: str, sha256: str | None, spec: ModelSpec) -> Rows | None:
        """The rows that a version learnt from; None where they cannot be had any more."""
        ...
