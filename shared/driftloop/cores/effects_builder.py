"""Gathers what a step wants done; `effects()` gives it as one value.

Why not `Effects + Effects`: each sum copies all that was gathered before, and a batch has thousands of parts.
"""

from datetime import datetime

from driftloop.processor import DeadLetter, Effects, Outgoing, StateChange


class EffectsBuilder:
    """Order is kept within each kind. `wake` keeps the earliest wish.

    >>> built = EffectsBuilder()
    >>> built.ignore("repeated")
    >>> built.effects().ignored
    {'repeated': 1}
    """

    def __init__(self) -> None:
        self._outgoing: list[Outgoing] = []
        self._changes: list[StateChange] = []
        self._dead: list[DeadLetter] = []
        self._ignored: dict[str, int] = {}
        self._wake_at: datetime | None = None
        self._unknown_fields = 0

    def send(self, *messages: Outgoing) -> None:
        """Publish records."""
        self._outgoing.extend(messages)

    def change(self, *changes: StateChange) -> None:
        """Write state entries down."""
        self._changes.extend(changes)

    def bury(self, *letters: DeadLetter) -> None:
        """Send records to the dead letters."""
        self._dead.extend(letters)

    def ignore(self, reason: str, records: int = 1) -> None:
        """Count records that were right to drop."""
        if records:
            self._ignored[reason] = self._ignored.get(reason, 0) + records

    def count_unknown_fields(self, fields: int) -> None:
        """Count fields of a newer release that were left out."""
        self._unknown_fields += fields

    def wake(self, at: datetime) -> None:
        """Ask for `wake` no earlier than that."""
        self._wake_at = at if self._wake_at is None else min(self._wake_at, at)

    def add(self, effects: Effects) -> None:
        """All of what another step wants."""
        self.send(*effects.outgoing)
        self.change(*effects.state_changes)
        self.bury(*effects.dead_letters)
        for reason, records in effects.ignored.items():
            self.ignore(reason, records)
        if effects.wake_at is not None:
            self.wake(effects.wake_at)
        self._unknown_fields += effects.unknown_fields

    def effects(self) -> Effects:
        """What was gathered so far."""
        return Effects(
            tuple(self._outgoing),
            tuple(self._changes),
            tuple(self._dead),
            dict(self._ignored),
            self._wake_at,
            self._unknown_fields,
        )
