"""An incident and what is still to be told of it: one JSON entry of the changelog each."""

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from operations_console.core.notify.rules import Kind

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=15)
GIVEN_UP_AFTER = timedelta(days=3)

What = Literal["open", "over"]


class Queue(BaseModel):
    """What a channel has still to be told of an incident, in this order."""

    model_config = ConfigDict(frozen=True)

    pending: tuple[What, ...] = ("open",)
    attempts: int = 0
    due_at: datetime
    unless_over: bool = False
    """An escalation: nothing is told of what is over before it is due."""

    def failed(self, now: datetime) -> "Queue":
        """After a failure: later again, and later still each time."""
        wait = min(FIRST_WAIT * 2.0**self.attempts, LONGEST_WAIT) if self.attempts < 30 else LONGEST_WAIT
        return self.model_copy(update={"attempts": self.attempts + 1, "due_at": now + wait})

    def told(self, now: datetime) -> "Queue":
        """After a delivery."""
        return self.model_copy(update={"pending": self.pending[1:], "attempts": 0, "due_at": now})


class Incident(BaseModel):
    """One incident. `incident_id` follows from its cause, so that a redo is the same to a receiver."""

    model_config = ConfigDict(frozen=True)

    incident_id: UUID
    model_id: str
    kind: Kind
    since: datetime
    opened_at: datetime
    what: str
    segment: str = ""
    frame: int | None = None
    """The frame that was judged when it opened last: one judged before says nothing of it."""
    repeats: int = 0
    over: str | None = None
    queues: dict[str, Queue] = Field(default_factory=dict)

    @property
    def key(self) -> str:
        """Its key in the changelog: one incident of a kind and model stands at a time; those told once are apart."""
        return f"{self.model_id}/{self.kind}/{self.incident_id}"

    @property
    def is_done(self) -> bool:
        """Whether it is over and everybody has been told."""
        return self.over is not None and not any(queue.pending for queue in self.queues.values())
