"""`notification-mutes`: for how long nobody is told of something new about some models."""

from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from driftloop.contracts.message import ControlMessage

ModelPattern = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9*?][A-Za-z0-9._*?-]{0,119}$")]
"""A model id, or a pattern of them: `*` for any characters, `?` for one."""


class NotificationMute(ControlMessage):
    """Role `notify` tells nobody of what begins at these models while the mute stands.

    The newest message of a pattern counts. What still stands when the mute ends is told then; that something is over
    is told at any time to whoever was told that it began. `muted_until` is null where the mute is lifted.
    """

    model_id: ModelPattern
    muted_until: AwareDatetime | None
    reason: str = Field(min_length=1, max_length=2000)
    requested_by: str = Field(min_length=1, max_length=200)
