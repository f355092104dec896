"""The shape of an Avro record of the current version."""

from collections.abc import Iterator, Mapping
from typing import Any

from outcome_ingestion.core.decode.fast.record_kernel import AVRO_MOMENT, AVRO_NUMBER, AVRO_TEXT, AVRO_WHOLE
from outcome_ingestion.core.decode.fast.record_shapes import Kind, NoSlot, RecordShape, Scalar, Slot, Wanted, shape_of
from outcome_ingestion.core.decode.layout import Layout

_SIMPLE: dict[str, Kind] = {"null": "null", "boolean": "other", "long": "whole", "double": "number", "string": "text"}
_NUMBER_BYTES = 8
_NULL_OR_NUMBER = ["null", "double"]
"""How the branches of a number begin that may be missing: what the compiled loop takes for granted."""


def learn_avro_shape(value: bytes, start: int, schema: Mapping[str, Any], layout: Layout) -> RecordShape | None:
    """The shape of a sound record of which the datum, written with `schema`, begins at `start`.

    None where it has something unusual.
    """
    datum = _Datum(value, start)
    scalars = [scalar for field in schema["fields"] for scalar in datum.scalars(field["type"], (field["name"],))]
    return None if datum.odd else shape_of(value, scalars, layout, _slot)


class _Datum:
    """Walks through a sound datum, value by value. `odd`: it is written in a way that producers of rows do not use."""

    def __init__(self, value: bytes, at: int) -> None:
        self._value, self._at = value, at
        self.odd = False

    def scalars(self, schema: Any, path: tuple[str, ...], begins: int | None = None) -> Iterator[Scalar]:
        """The values of the next datum of a schema; one that begins with its branch does so at `begins`."""
        start = self._at if begins is None else begins
        kind = schema if isinstance(schema, str) else schema["type"] if isinstance(schema, dict) else "union"
        if kind == "union":
            branch = schema[self._long()]
            counts = schema[:2] == _NULL_OR_NUMBER and branch in _NULL_OR_NUMBER
            yield from self.scalars(branch, path, start if counts else None)
        elif kind == "map":
            yield from self._entries(schema["values"], path)
        else:
            self._skip(kind)
            yield Scalar(path, start, self._at, _SIMPLE[kind])

    def _entries(self, schema: Any, path: tuple[str, ...]) -> Iterator[Scalar]:
        """A map of one block that does not say how many bytes it has."""
        count = self._long()
        self.odd |= count < 0
        for _ in range(count):
            size = self._long()
            name = self._value[self._at : self._at + size].decode()
            self._at += size
            yield from self.scalars(schema, (*path, name))
        self.odd |= count != 0 and self._long() != 0

    def _skip(self, kind: str) -> None:
        if kind in {"long", "string"}:
            number = self._long()
            self._at += number if kind == "string" else 0
        else:
            self._at += {"null": 0, "boolean": 1, "double": 8}[kind]

    def _long(self) -> int:
        number = shift = 0
        while True:
            byte = self._value[self._at]
            self._at += 1
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return (number >> 1) ^ -(number & 1)


def _slot(scalar: Scalar, wanted: Wanted) -> Slot | NoSlot:
    expected = {"number": {"number", "whole"}, "category": {"text"}, "moment": {"whole"}}[wanted.kind]
    if scalar.kind in expected:
        number = AVRO_WHOLE if scalar.kind == "whole" else AVRO_NUMBER
        kind = {"category": AVRO_TEXT, "moment": AVRO_MOMENT}.get(wanted.kind, number)
        return Slot(wanted.column, kind, nullable=kind == AVRO_NUMBER and scalar.end - scalar.start > _NUMBER_BYTES)
    if scalar.kind == "null" and wanted.kind == "number" and scalar.end > scalar.start:
        return Slot(wanted.column, AVRO_NUMBER, nullable=True)
    return "fixed" if scalar.kind == "null" else "unusual"
