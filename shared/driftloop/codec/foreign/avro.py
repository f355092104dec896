"""Somebody else's Avro, read with its writer's schema alone: logical types become Python's own values."""

import io
import json
import re
import struct
from typing import Any

import fastavro

_ADDRESS = re.compile(r"<_io\.BytesIO object at 0x[0-9a-f]+>")
_UNREADABLE = (
    ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, RecursionError, StopIteration, TypeError,
    ValueError, struct.error,
)  # fmt: skip


class ForeignAvro:
    """Reads data of one schema. Raises ValueError if the schema is not one that Avro knows.

    Timestamps, dates, decimals and uuids come out as `datetime`, `date`, `Decimal` and `UUID`, a union as the value
    that it holds, an enum as text, a record as a dict.
    """

    def __init__(self, schema: str | dict[str, Any]) -> None:
        try:
            self._schema = fastavro.parse_schema(json.loads(schema) if isinstance(schema, str) else schema)
        except (*_UNREADABLE, fastavro.schema.SchemaParseException) as error:
            raise ValueError(f"the schema is not one that Avro knows: {type(error).__name__}: {error}") from error

    def read(self, datum: bytes) -> Any:
        """The value of a datum; raises ValueError if it is damaged, longer, or of another schema.

        >>> ForeignAvro({"type": "enum", "name": "Answer", "symbols": ["no", "yes"]}).read(bytes([2]))
        'yes'
        """
        source = io.BytesIO(datum)
        try:
            value = fastavro.schemaless_reader(source, self._schema, None)
        except (*_UNREADABLE, fastavro.read.SchemaResolutionError) as error:
            said = _ADDRESS.sub("it", f"{type(error).__name__}: {error}")
            raise ValueError(f"the Avro datum is damaged or of another schema: {said}") from error
        if source.tell() != len(datum):
            raise ValueError(f"{len(datum) - source.tell()} bytes follow the Avro datum")
        return value
