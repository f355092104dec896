"""The shapes of JSON records: of those with one row, and of columnar ones, whose values are lists."""

import re
from collections.abc import Callable, Iterator

import numpy as np

from driftloop.contracts.outcome_fields import names_of
from outcome_ingestion.core.decode.fast.record_kernel import MOMENT, NUMBER, TEXT
from outcome_ingestion.core.decode.fast.record_shapes import Kind, NoSlot, RecordShape, Scalar, Slot, Wanted, shape_of
from outcome_ingestion.core.decode.layout import Layout

_LIST = rb'\[(?:[^"\[\]{}]+|"[^"]*")*\]'
_TOKEN = re.compile(rb'"[^"]*"|' + _LIST + rb'|[{}\[\]:,]|[^\s"{}\[\]:,]+')
_KINDS: dict[bytes, Kind] = {b'"': "text", b"[": "list", b"n": "null"}
_KINDS.update({b"%c" % digit: "number" for digit in b"-0123456789"})
_FOR_ALL_ROWS = frozenset(names_of("text", "choice"))


def learn_row_shape(value: bytes, layout: Layout) -> RecordShape | None:
    """The shape of a record with one row that its model's reader takes as it is.

    None where it has something unusual.
    """
    return _learn(value, layout, _slot)


def learn_column_shape(value: bytes, layout: Layout) -> RecordShape | None:
    """The same of a columnar record. Texts that stand for all its rows are part of the shape."""
    return _learn(value, layout, _list)


def _learn(value: bytes, layout: Layout, slot_of: Callable[[Scalar, Wanted], Slot | NoSlot]) -> RecordShape | None:
    if not value.isascii() or b"\\" in value or np.frombuffer(value, dtype=np.uint8).min() < ord(" "):
        return None
    return shape_of(value, _scalars(value), layout, slot_of)


def _scalars(value: bytes) -> Iterator[Scalar]:
    """Every value of a sound record that is no object; a text without its quotes, a list whole where it is flat."""
    path: list[str] = []
    name, is_name = "", False
    for match in _TOKEN.finditer(value):
        token, start, end = match.group(), match.start(), match.end()
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
            kind = _KINDS.get(token[:1], "other")
            quote = kind == "text"
            yield Scalar((*path[1:], name), start + quote, end - quote, kind)


def _slot(scalar: Scalar, wanted: Wanted) -> Slot | NoSlot:
    if wanted.kind == "number":
        usual = scalar.kind in {"number", "null"}
        return Slot(wanted.column, NUMBER, wanted.nullable) if usual else "unusual"
    if scalar.kind == "text":
        return Slot(wanted.column, MOMENT if wanted.kind == "moment" else TEXT)
    return "fixed" if scalar.kind == "null" else "unusual"


def _list(scalar: Scalar, wanted: Wanted) -> Slot | NoSlot:
    if scalar.kind == "list":
        kind = {"number": NUMBER, "moment": MOMENT}.get(wanted.kind, TEXT)
        return Slot(wanted.column, kind, nullable=kind == NUMBER and wanted.nullable)
    if scalar.kind == "text" and wanted.column in _FOR_ALL_ROWS:
        return "constant"
    return "fixed" if scalar.kind == "null" else "unusual"
