"""Finds, and ends, what transactions that nobody ends hold back of a group: its offsets, and its state."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing

from driftloop.errors import UserError
from driftloop.kafka.clients.clients import group_reader
from driftloop.kafka.clients.offsets import EndOffsets
from driftloop.kafka.clients.positions import named
from driftloop.kafka.loop.pending_offsets import PAGE, answer, as_it_is, held_back, pending
from driftloop.kafka.loop.transport import Position
from driftloop.kafka.loop.writer import Writer
from driftloop.kafka.settings import KafkaSettings

_ASK_S, _AGAIN_S = 1.0, 0.1
_SLOTS = 32
"""So many slots are tried at least: there may have been more replicas than there are partitions."""


class LeftBehind:
    """`changelog` is none for a group without state."""

    def __init__(self, kafka: KafkaSettings, group: str, inputs: Sequence[str], changelog: str | None) -> None:
        self._kafka, self._group, self._inputs, self._changelog = kafka, group, tuple(inputs), changelog

    def found(self, numbers: Sequence[int]) -> tuple[Position, ...]:
        """Where something is held back: partitions of inputs for the group's offsets, of the changelog for records."""
        offsets = [
            (topic, number)
            for topic in self._inputs
            for number in numbers
            if pending(self._kafka, self._group, [named(self._kafka.topic_prefix, (topic, number))], _ASK_S) is not None
        ]
        return (*offsets, *held_back(self._kafka, self._ends([(self._changelog, n) for n in numbers])))

    def end(self, positions: Sequence[Position], partitions: int) -> None:
        """Through the producer of each slot in turn, until nothing is held back: any of them may have left it.

        The group must be stopped: whoever has a slot is fenced. Raises UserError where it is of no slot.
        """
        ends = self._ends([position for position in positions if position[0] == self._changelog])
        asked = [named(self._kafka.topic_prefix, position) for position in positions if position not in ends]
        settled = pending(self._kafka, self._group, asked, _ASK_S) if asked else None
        slots = max(partitions, _SLOTS)
        with closing(group_reader(self._kafka, self._group)) as reader:

            def offsets_wait() -> bool:
                return settled is not None and answer(reader, asked, _ASK_S) is None

            for slot in range(slots):
                offsets, held = offsets_wait(), held_back(self._kafka, ends)
                if not offsets and not held:
                    return
                ours = [as_it_is(settled[0])] if settled and offsets else []
                writer = Writer(self._kafka, f"{self._group}-{slot}")
                writer.end_pending(ours, reader if ours else None, held)
            if _soon(lambda: not offsets_wait() and not held_back(self._kafka, ends)):
                return
        places = ", ".join(f"{topic}/{number}" for topic, number in positions)
        raise UserError(
            f"{places} of {self._group} is still held back, by a transaction of none of the slots 0 to {slots - 1}: "
            f"end it with kafka-transactions.sh, see {PAGE}"
        )

    def _ends(self, logs: Sequence[tuple[str | None, int]]) -> dict[Position, int]:
        with closing(EndOffsets(self._kafka)) as edges:
            return edges.ask([(topic, number) for topic, number in logs if topic is not None])


def _soon(over: Callable[[], bool]) -> bool:
    """Whether it is within a few seconds: a broker writes an end a moment after it was asked to."""
    deadline = time.monotonic() + 5 * _ASK_S
    while not over():
        if time.monotonic() > deadline:
            return False
        time.sleep(_AGAIN_S)
    return True
