"""`model-specs`: the declared spec of a model, versioned."""

from typing import Annotated

from pydantic import Field

from driftloop.contracts.message import ControlMessage
from driftloop.spec.model_spec import ModelSpec

SpecVersion = Annotated[int, Field(ge=1)]


class ModelSpecPublished(ControlMessage):
    """A spec as applied. `spec_version` counts up by one with each change."""

    spec_version: SpecVersion
    spec: ModelSpec
