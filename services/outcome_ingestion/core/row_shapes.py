"""The shape of a JSON record: what stays the same in all records of a producer, and where values stand.

A producer writes the same names in the same order with the same spaces every time. `learn_shape`
takes one record apart, `RowShape` says where its values are in terms of the quotes around them, so
that a whole batch can be cut up by a few calls over all its bytes (`shaped_rows`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from driftloop.codec.frames import FEATURE, SEGMENT
from outcome_ingestion.core.blocks import Ints
from outcome_ingestion.core.layout import Layout

_TOKEN = re.compile(rb'"[^"]*"|[{}\[\]:,]|[^\s"{}\[\]:,]+')
_TEXTS = frozenset({"prediction_id", "model_version", "predicted_at", "labelled_at", "label_source", "status"})
_NUMBERS = frozenset({"confidence", "weight", "latency_ms", "cost"})
_NEEDED = frozenset({"prediction_id", "predicted_at"})


class Slot(NamedTuple):
    """A value: its column by the names of frames ("" where nothing reads it), and what it may be."""

    column: str
    text: bool
    nullable: bool = False


class Scalar(NamedTuple):
    """A value in the record that a shape is learned from."""

    path: tuple[str, ...]
    start: int
    end: int
    token: bytes


@dataclass(frozen=True, eq=False)
class RowShape:
    """Records that differ in their values only.

    Value `i` begins `first_after[i]` bytes behind quote number `first[i]` and ends `last_before[i]`
    bytes before quote `last[i]`; number `quotes` is the end of the record. `fixed` is what stands
    before, between and behind the values.
    """

    slots: tuple[Slot, ...]
    quotes: int
    first: Ints
    first_after: Ints
    last: Ints
    last_before: Ints
    fixed: tuple[bytes, ...]


def learn_shape(value: bytes, layout: Layout) -> RowShape | None:
    """The shape of a record that its model's reader takes as it is; None where it has something unusual."""
    if not value.isascii() or b"\\" in value or min(value) < ord(" "):
        return None
    found: list[tuple[Scalar, Slot]] = []
    paths: set[tuple[str, ...]] = set()
    for scalar in _scalars(value):
        if scalar.path in paths:
            return None
        paths.add(scalar.path)
        slot = _slot(scalar, layout)
        if isinstance(slot, Slot):
            found.append((scalar, slot))
        elif slot == "unusual":
            return None
    if not _NEEDED.issubset(slot.column for _, slot in found):
        return None
    return _shape(value, found)


def _shape(value: bytes, found: list[tuple[Scalar, Slot]]) -> RowShape:
    quotes = [place for place, byte in enumerate(value) if byte == ord('"')]
    ends = [*quotes, len(value)]
    spans = [(s.start + 1, s.end - 1) if slot.text else (s.start, s.end) for s, slot in found]
    first = np.searchsorted(quotes, [start for start, _ in spans], side="left") - 1
    last = np.searchsorted(quotes, [end for _, end in spans], side="left")
    cuts = [0, *(place for span in spans for place in span), len(value)]
    return RowShape(
        tuple(slot for _, slot in found),
        len(quotes),
        first,
        np.array([start - quotes[q] for (start, _), q in zip(spans, first.tolist(), strict=True)]),
        last,
        np.array([ends[q] - end for (_, end), q in zip(spans, last.tolist(), strict=True)]),
        tuple(value[start:end] for start, end in zip(cuts[::2], cuts[1::2], strict=True)),
    )


def _scalars(value: bytes) -> Iterator[Scalar]:
    """Every value of a sound record that is no object; an array is given as one, by its bracket."""
    path: list[str] = []
    name, is_name = "", False
    for match in _TOKEN.finditer(value):
        token = match.group()
        if token == b"{":
            path.append(name)
            is_name = True
        elif token == b"}":
            path.pop()
        elif token in {b":", b","}:
            is_name = token == b","
        elif is_name:
            name, is_name = token[1:-1].decode(), False
        else:
            yield Scalar((*path[1:], name), match.start(), match.end(), token)


def _slot(scalar: Scalar, layout: Layout) -> Slot | str:  # noqa: PLR0911  (a table of cases)
    """The slot of a value, "fixed" where it has to be the same in every record, or "unusual"."""
    match scalar.path:
        case ("model_id",):
            return "fixed"
        case ("prediction" | "label" as name,) if layout.single:
            return _value(f"{name}.{layout.single}", layout.target[layout.single].kind, scalar)
        case ("prediction" | "label" | "tokens",) if scalar.token == b"null":
            return "fixed"
        case (name,) if name in _TEXTS:
            return _value(name, "category", scalar)
        case (name,) if name in _NUMBERS:
            return _value(name, "number", scalar)
        case ("features", name) if name in layout.raw:
            return _value(FEATURE + name, layout.raw[name], scalar)
        case ("prediction" | "label" as name, field) if field in layout.target and scalar.token != b"null":
            slot = _value(f"{name}.{field}", layout.target[field].kind, scalar)
            return slot._replace(nullable=False) if isinstance(slot, Slot) else slot
        case ("segment", name):
            return _value(SEGMENT + name if name in layout.spec.segments else "", "category", scalar)
    return "unusual"


def _value(column: str, kind: str, scalar: Scalar) -> Slot | str:
    is_text, is_null = scalar.token[:1] == b'"', scalar.token == b"null"
    if kind == "category":
        return Slot(column, text=True) if is_text else "fixed" if is_null else "unusual"
    is_number = scalar.token[:1] in b"-0123456789"
    return Slot(column, text=False, nullable=True) if is_number or is_null else "unusual"
