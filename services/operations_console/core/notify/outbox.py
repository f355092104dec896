"""An incident and what is still to be told of it: one JSON entry of the changelog each."""

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from operations_console.core.notify.rules import Kind

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=15)
MOST_ATTEMPTS = 8 + 3 * 24 * 4
"""Eight in the first twenty minutes, then one a quarter of an hour: three days."""

What = Literal["open", "over"]


class Queue(BaseModel):
    """What a channel has still to be told of an incident, in this order.

    That it is being sent is committed before it is sent: a restart knows what may have arrived.
    """

    model_config = ConfigDict(frozen=True)

    pending: tuple[What, ...] = ("open",)
    attempts: int = 0
    due_at: datetime
    unless_over: bool = False
    """An escalation: nothing is told of what is over before it is due."""
    digest: bool = False
    """It is told together with others."""
    batch: str = ""
    """The digest that it is part of, once that was sent for the first time."""
    at_once: int = 1
    """How much of `pending` is one message."""
    sending: bool = False
    sends: int = 0
    """How often anything was sent: which sending a result is of."""
    unknown: int = 0
    """Sends of this message of which nobody knows whether they arrived."""

    @property
    def is_new(self) -> bool:
        """Whether nothing of it was ever sent."""
        return self.sends == 0

    def begun(self, batch: str = "") -> "Queue":
        """Its message is about to be sent; as a digest's part, all that there is to tell goes with it."""
        at_once = len(self.pending) if batch and not self.batch else self.at_once
        return self.model_copy(
            update={"sending": True, "sends": self.sends + 1, "batch": self.batch or batch, "at_once": at_once}
        )

    def then_over(self, at: datetime) -> "Queue":
        """After all else, at `at` or later, that it is over is to be told."""
        return self.model_copy(update={"pending": (*self.pending, "over"), "due_at": max(self.due_at, at)})

    def failed(self, now: datetime, *, unknown: bool = False) -> "Queue":
        """It was not taken, or (`unknown`) nobody answered: later again, and later still each time."""
        wait = min(FIRST_WAIT * 2.0**self.attempts, LONGEST_WAIT) if self.attempts < 30 else LONGEST_WAIT
        return self.model_copy(
            update={
                "attempts": self.attempts + 1, "due_at": max(self.due_at, now + wait), "sending": False,
                "unknown": self.unknown + unknown,
            }
        )  # fmt: skip

    def lost_sight_of(self) -> "Queue":
        """Who was sending it is gone: it may have arrived. It is due as it was."""
        return self.model_copy(update={"sending": False, "unknown": self.unknown + 1})

    def told(self, now: datetime) -> "Queue":
        """Its message is done with; what is next is due."""
        kept = self.model_dump(include={"unless_over", "digest", "sends"})
        return Queue(pending=self.pending[self.at_once :], due_at=max(self.due_at, now), **kept)


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
    unsure: tuple[str, ...] = ()
    """Channels of which nobody knows whether they were told that it opened."""
    queues: dict[str, Queue] = Field(default_factory=dict)

    @property
    def key(self) -> str:
        """Its key in the changelog: one incident of a kind and model stands at a time; those told once are apart."""
        return f"{self.model_id}/{self.kind}/{self.incident_id}"

    @property
    def is_done(self) -> bool:
        """Whether it is over and everybody has been told."""
        return self.over is not None and not any(queue.pending for queue in self.queues.values())
