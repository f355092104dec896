"""The chain of checkpoints, and how far records that take effect on arrival have been taken in."""

from datetime import datetime

from pydantic import Field

from retrain_coordinator.core.state.entries import Part


class Sealed(Part):
    """The newest checkpoint: its number, its hash, and the event time that it is of."""

    number: int
    sha256: str
    at: datetime


class CheckpointPart(Part):
    """What the next checkpoint needs to know."""

    sealed: Sealed | None = None
    arrived: dict[str, int] = Field(default_factory=dict)
    """By topic, the offset of the newest result or command that was taken in."""

    def seal(self, number: int, sha256: str, at: datetime) -> None:
        """A checkpoint was written."""
        self.sealed = Sealed(number=number, sha256=sha256, at=at)

    def note_arrival(self, topic: str, offset: int) -> None:
        """A result or command is taken in."""
        self.arrived = {**self.arrived, topic: max(offset, self.arrived.get(topic, -1))}
