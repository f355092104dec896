"""What one call of the processor gathers: messages, dead letters, and the models whose entry has changed."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from driftloop.cores.decode_each import decode_each
from driftloop.cores.effects_builder import EffectsBuilder
from driftloop.processor import Effects, Record, StateChange
from retrain_coordinator.core.decoding import Incoming, decode
from retrain_coordinator.core.state import ModelState
from retrain_coordinator.core.step import Step

Key = tuple[int, str]
"""Partition and model."""


class Batch:
    """Gathers what the steps of a call want done."""

    def __init__(self) -> None:
        self.touched: dict[Key, datetime] = {}
        """Models whose state changed, and the moment of the last change."""
        self._built = EffectsBuilder()

    def read(self, records: Sequence[Record]) -> list[tuple[Record, Incoming]]:
        """The messages of records, each with its record; what cannot be read is buried."""
        found = decode_each(records, decode)
        self._built.bury(*found.dead)
        return found.messages

    def ignore(self, why: str) -> None:
        """Count a record that was right to drop."""
        self._built.ignore(why)

    def touch(self, key: Key, at: datetime) -> None:
        """A model's entry has changed."""
        self.touched[key] = at

    def send(self, step: Step) -> None:
        """Keep what a step sends, about no model that has an entry."""
        self._built.send(*step.outgoing)

    def done(self, key: Key, at: datetime, step: Step) -> None:
        """Keep what a step sends, and that it changed the model's entry."""
        self.touch(key, at)
        self.send(step)

    def effects(self, wishes: Sequence[datetime], states: Mapping[Key, ModelState]) -> Effects:
        """Everything that was gathered, as effects."""
        self._built.change(*(StateChange(*key, states[key].to_json()) for key in sorted(self.touched)))
        for moment in wishes:
            self._built.wake(moment)
        return self._built.effects()
