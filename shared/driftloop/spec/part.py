"""What every part of a spec is."""

from pydantic import BaseModel, ConfigDict


class SpecPart(BaseModel):
    """A frozen part of a spec. Unknown keys are refused: a typing error must not pass silently."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())
