"""`model-sources`: where the predictions and labels of a model come from that somebody else serves."""

from typing import Self

from driftloop.contracts.message import ControlMessage
from driftloop.contracts.reading import read_message
from driftloop.spec.model_source import ModelSource


class ModelSourcePublished(ControlMessage):
    """A source as applied; the newest one of a name counts."""

    source: ModelSource

    @classmethod
    def from_json(cls, value: bytes | str) -> Self:
        """The message in `value`, fields of a newer release left out; raises `pydantic.ValidationError`."""
        return read_message(cls, value).message
