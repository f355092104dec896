"""`model-events`: the registry's log. Every view of the registry is made from it."""

from collections.abc import Mapping
from typing import Literal
from uuid import UUID

from pydantic import Field

from driftloop.contracts.message import ControlMessage, FramePosition, Version

ModelEventType = Literal[
    "registered", "challenged", "promoted", "rejected", "archived", "rolled_back", "deprecated", "frozen", "unfrozen",
    "promotion_asked", "roll_back_asked", "deployed",
]  # fmt: skip

STATUS_AFTER: Mapping[str, str] = {
    "registered": "registered",
    "challenged": "challenger",
    "promoted": "champion",
    "rolled_back": "champion",
    "rejected": "rejected",
    "archived": "archived",
    "deprecated": "deprecated",
}
"""What a version is after an event that names it; other events change no status."""


class ModelEvent(ControlMessage):
    """Something that became true of a version.

    `promoted` and `rolled_back` name in `version` the one that serves from now on and in
    `previous_version` the one it takes over from. They carry the artifact, so that whoever
    serves needs no other lookup. `from_position` is where scoring of a challenger starts.

    Of a model that others serve (`serving: external`): `promotion_asked` and `roll_back_asked` ask its owner to
    let `version` serve, and `promoted` or `rolled_back` follows when outcomes of that version come. `deployed`
    names a version whose outcomes came though nobody had asked for it. Such versions may have no artifact.
    """

    event: ModelEventType
    version: Version | None = None
    previous_version: Version | None = None
    reason: str
    run_id: UUID | None = None
    spec_version: int | None = Field(default=None, ge=1)
    artifact: str | None = None
    artifact_sha256: str | None = None
    from_position: FramePosition | None = None
    evidence: dict[str, float | str | None] = Field(default_factory=dict)
