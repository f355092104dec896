"""`model-commands`: a person's or an API's wish."""

from typing import Literal

from pydantic import Field

from driftloop.contracts.message import ControlMessage, Version


class ModelCommand(ControlMessage):
    """What somebody asks for. The coordinator answers every one with a decision.

    `version` names what to promote or to veto; for `roll_back` it may stay empty (the predecessor).
    """

    command: Literal["retrain", "promote", "roll_back", "freeze", "unfreeze", "approve", "veto", "cancel"]
    version: Version | None = None
    full: bool = True
    reason: str = Field(min_length=1, max_length=2000)
    requested_by: str = Field(min_length=1, max_length=200)
