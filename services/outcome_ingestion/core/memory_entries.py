"""The parts that a partition's memory is made of, and two of its state entries."""

from collections import OrderedDict, deque
from dataclasses import dataclass, field

import msgspec

from outcome_ingestion.core.held_rows import HeldRows
from outcome_ingestion.core.label_items import LabelItem


class Seen(msgspec.Struct, array_like=True, gc=False):
    """The ids of a batch of one model and their ordinals (`first` where they follow one another)."""

    ids: list[str]
    first: int
    ordinals: list[int] | None
    clock: int

    @property
    def end(self) -> int:
        """One more than the last ordinal."""
        return self.first + len(self.ids) if self.ordinals is None else self.ordinals[-1] + 1

    def numbers(self) -> list[int]:
        """The ordinals, one an id."""
        return list(range(self.first, self.first + len(self.ids))) if self.ordinals is None else self.ordinals


class Marks(msgspec.Struct, array_like=True, gc=False):
    """Rows that got a label in a batch (id, labelled_at), early labels that found their row."""

    labelled: list[tuple[str, int]]
    found: list[str]
    clock: int


@dataclass(slots=True)
class ModelMemory:
    """One model in one partition. Clocks are watermarks in microseconds since 1970."""

    ordinals: dict[str, int] = field(default_factory=dict)
    held: HeldRows = field(default_factory=HeldRows)
    early: OrderedDict[str, tuple[int, LabelItem]] = field(default_factory=OrderedDict)
    marks: deque[int] = field(default_factory=deque)
    row_clock: int = 0
    label_clock: int = 0
    recent: list[tuple[int, int]] = field(default_factory=list)
    """(seq, rows) of the newest batches, as far back as they are small."""
