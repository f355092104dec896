"""What the console needs of the log, beyond reading it. `KafkaPort` is one, a log in memory another."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from driftloop.processor import Outgoing


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter whole: the record as it was received, and where it was received."""

    place: str
    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    error: dict[str, str]


class AwayError(Exception):
    """The broker did not confirm in time, or cannot be reached."""


class LogPort(Protocol):
    """Writes to the log, and opens dead letters."""

    async def publish(self, outgoing: Sequence[Outgoing]) -> None:
        """Return once the broker has them all; raises AwayError where it does not say so in time."""
        ...

    async def letters(self, places: Sequence[str]) -> list[Letter]:
        """The dead letters at these places; those that are not there are left out. Raises AwayError."""
        ...

    async def replay(self, letters: Sequence[Letter]) -> int:
        """Send each once more to the topic that it came from; how many. Raises AwayError."""
        ...
