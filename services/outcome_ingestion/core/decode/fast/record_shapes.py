"""The shape of a record: what stays the same in all records of a producer, and where values stand.

A producer writes the same names in the same order every time. What is learned from one record
(`json_shapes`, `avro_shapes`) lets a whole batch be read by one compiled loop (`shaped_rows`).
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from driftloop.codec.frames import FEATURE, SEGMENT
from driftloop.contracts.outcome_fields import OUTCOME_FIELDS, names_of
from outcome_ingestion.core.decode.fast.record_kernel import (
    AVRO_MOMENT,
    AVRO_NUMBER,
    AVRO_TEXT,
    AVRO_WHOLE,
    MOMENT,
    NO_ROW,
    NUMBER,
    TEXT,
)
from outcome_ingestion.core.decode.layout import Layout
from outcome_ingestion.core.frames.blocks import Ints

TEXTS, NUMBERS, MOMENTS = {TEXT, AVRO_TEXT}, {NUMBER, AVRO_NUMBER, AVRO_WHOLE}, {MOMENT, AVRO_MOMENT}
_TEXT_NAMES = frozenset({"prediction_id", *names_of("text", "choice")})
_MOMENT_NAMES, _NUMBER_NAMES = frozenset(names_of("moment")), frozenset(names_of("number"))
_NULL_NAMES = frozenset({"prediction", "label", *names_of("whole")})
"""What rules a record out unless it is null, or (of the first two) a value for the target's only field."""
_NEEDED = frozenset({"prediction_id", *(field.name for field in OUTCOME_FIELDS if field.required)})

Kind = Literal["text", "number", "whole", "null", "list", "other"]
NoSlot = Literal["unusual", "fixed", "constant"]
"""What is no slot: it rules the record out, is the same in all records, or is a text that all their rows have."""


class Slot(NamedTuple):
    """A value: its column by the names of frames ("" where nothing reads it), and what it is."""

    column: str
    kind: int
    nullable: bool = False


class Scalar(NamedTuple):
    """A value in the record that a shape is learned from, and what it is there."""

    path: tuple[str, ...]
    start: int
    end: int
    kind: Kind


class Wanted(NamedTuple):
    """What the value at a path is to a model: its column, and what it must be."""

    column: str
    kind: str
    """`number`, `category` or `moment`."""
    nullable: bool = True


class RecordShape:
    """Records that differ in the values at `slots` only; `fixed` stands before, between and behind those.

    `constants` are texts that all rows have, by column.
    """

    def __init__(
        self, slots: Collection[Slot], fixed: Collection[bytes], constants: Mapping[str, str] | None = None
    ) -> None:
        self.slots = tuple(slots)
        self.constants = dict(constants or {})
        self.fixed: NDArray[np.uint8] = np.frombuffer(b"".join(fixed), dtype=np.uint8)
        self.fixed_ends = np.cumsum([len(part) for part in fixed])[:-1]

    def places(self, kinds: Collection[int]) -> list[int]:
        """The slots with values of these kinds that something reads: each has a row of the output."""
        return [p for p, slot in enumerate(self.slots) if slot.kind in kinds and slot.column]

    def named(self, kinds: Collection[int]) -> list[tuple[int, str]]:
        """(Row of the output, column) of these."""
        return [(row, self.slots[place].column) for row, place in enumerate(self.places(kinds))]

    @cached_property
    def table(self) -> Ints:
        """What the compiled loop has to know of each slot."""
        row_of = {place: row for kinds in (TEXTS, NUMBERS, MOMENTS) for row, place in enumerate(self.places(kinds))}
        return np.array([(slot.kind, slot.nullable, row_of.get(p, NO_ROW)) for p, slot in enumerate(self.slots)])


def shape_of(
    value: bytes, scalars: Iterable[Scalar], layout: Layout, slot_of: Callable[[Scalar, Wanted], Slot | NoSlot]
) -> RecordShape | None:
    """The shape of a record of which these are all the values; None where something about it is unusual.

    A slot's value stands from the start to the end of its scalar.
    """
    found: list[tuple[Scalar, Slot]] = []
    constants: dict[str, str] = {}
    paths: set[tuple[str, ...]] = set()
    for scalar in scalars:
        wanted = _wanted(scalar, layout)
        slot = slot_of(scalar, wanted) if isinstance(wanted, Wanted) else wanted
        if slot == "unusual" or scalar.path in paths:
            return None
        paths.add(scalar.path)
        if isinstance(slot, Slot):
            found.append((scalar, slot))
        elif slot == "constant" and isinstance(wanted, Wanted):
            constants[wanted.column] = value[scalar.start : scalar.end].decode()
    slots = [slot for _, slot in found]
    if not _NEEDED.issubset(slot.column for slot in slots):
        return None
    cuts = [0, *(place for scalar, _ in found for place in (scalar.start, scalar.end)), len(value)]
    fixed = [value[start:end] for start, end in zip(cuts[::2], cuts[1::2], strict=True)]
    return RecordShape(slots, fixed, constants)


def _wanted(scalar: Scalar, layout: Layout) -> Wanted | NoSlot:  # noqa: PLR0911  (a table of cases)
    """What a value is to the model; "fixed" where it has to be the same in every record."""
    match scalar.path:
        case ("model_id",):
            return "fixed"
        case ("prediction" | "label" as name,) if layout.single:
            return Wanted(f"{name}.{layout.single}", layout.target[layout.single].kind)
        case (name,) if name in _NULL_NAMES and scalar.kind == "null":
            return "fixed"
        case (name,) if name in _TEXT_NAMES:
            return Wanted(name, "category")
        case (name,) if name in _MOMENT_NAMES:
            return Wanted(name, "moment")
        case (name,) if name in _NUMBER_NAMES:
            return Wanted(name, "number")
        case ("features", name) if name in layout.raw:
            return Wanted(FEATURE + name, layout.raw[name])
        case ("prediction" | "label" as name, field) if field in layout.target and scalar.kind != "null":
            return Wanted(f"{name}.{field}", layout.target[field].kind, nullable=False)
        case ("segment", name):
            return Wanted(SEGMENT + name if name in layout.spec.segments else "", "category")
    return "unusual"
