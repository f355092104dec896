"""Answers: harms that stand, commands that were answered, and what is waited for."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from retrain_coordinator.core.state.entries import COMMANDS_KEPT, Harm, Part


class AnswersPart(Part):
    """What was answered, and what the model waits for."""

    harm: Harm | None = None
    commands: list[UUID] = Field(default_factory=list)
    """Commands and results that were answered, the newest last."""
    waits: dict[str, datetime] = Field(default_factory=dict)
    """What the model waits for, by the names of `driftloop.waits`, and since when by its own clock."""

    def keep_harm(self, harm: Harm | None) -> None:
        """A harm that stands; None: none does, or it has been answered."""
        self.harm = harm

    def answered(self, message_id: UUID) -> None:
        """A command or result must not be answered twice."""
        self.commands = [*self.commands, message_id][-COMMANDS_KEPT:]

    def keep_waits(self, waits: dict[str, datetime]) -> None:
        """All that the model waits for now."""
        self.waits = waits
