"""`model-specs`: the declared spec of a model, versioned."""

from typing import Annotated, Self

from pydantic import Field

from driftloop.contracts.message import ControlMessage
from driftloop.contracts.reading import read_message
from driftloop.spec.model_spec import ModelSpec

SpecVersion = Annotated[int, Field(ge=1)]


class ModelSpecPublished(ControlMessage):
    """A spec as applied. `spec_version` counts up by one with each change."""

    spec_version: SpecVersion
    spec: ModelSpec

    @classmethod
    def from_json(cls, value: bytes | str) -> Self:
        """The message in `value`, fields of a newer release left out; raises `pydantic.ValidationError`."""
        return read_message(cls, value).message
