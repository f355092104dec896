"""What scoring asks of the outside."""

from collections.abc import Iterable
from typing import Protocol

from driftloop.contracts.message import FramePosition
from driftloop.learners.protocol import Predictions, Rows
from driftloop.processor import Record


class RefusedArtifactError(Exception):
    """A version cannot be scored: its artifact is missing, damaged, or cannot be loaded."""


class ModelShelf(Protocol):
    """Versions that can be run."""

    def predict(self, artifact: str, sha256: str | None, rows: Rows) -> Predictions:
        """What a version says about rows; raises `RefusedArtifactError` with a sentence."""
        ...


class FrameLog(Protocol):
    """Frames that went by already."""

    def between(self, model_id: str, after: FramePosition, last: int) -> Iterable[Record]:
        """The model's frames in `after`'s partition, with offsets above `after.offset` and up to `last`."""
        ...
