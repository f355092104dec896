"""Avro in its single-object encoding: a marker, the fingerprint of the writer's schema, the datum.

Why by fingerprint: the bytes say which version wrote them, so no registry has to answer before a
message can be read, and every version ever committed to `schemas/` is read for ever. A datum of an
older version is resolved to the current one by Avro's own rules.
"""

import io
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import fastavro
from fastavro.schema import fingerprint, to_parsing_canonical_form

from driftloop.contracts.evolution import avro_breaks
from driftloop.contracts.message import Message
from driftloop.contracts.topics import schemas_root

MARKER = b"\xc3\x01"
_HEADER = len(MARKER) + 8
_ADDRESS = re.compile(r"<_io\.BytesIO object at 0x[0-9a-f]+>")
"""What an error names is written down, and the same input must give the same words."""
_UNREADABLE = (EOFError, IndexError, KeyError, OverflowError, StopIteration, TypeError, ValueError)


def schema_fingerprint(schema: Mapping[str, Any]) -> bytes:
    """The eight bytes that name a schema: CRC-64-AVRO of its canonical form, little-endian.

    >>> schema_fingerprint({"type": "long"}).hex()
    'b71df49344e154d0'
    """
    return _fingerprint(json.dumps(dict(schema)))


@lru_cache(maxsize=64)
def _fingerprint(schema: str) -> bytes:
    """Of a schema's JSON. Every decoder asks for the same few, and one takes a millisecond."""
    return bytes.fromhex(fingerprint(to_parsing_canonical_form(json.loads(schema)), "CRC-64-AVRO"))


class AvroTopic:
    """Writes the current version of a topic's messages, and reads every committed one.

    Moments come out as microseconds since 1970 (a column of them needs no objects), or, with
    `aware_moments`, as the contract has them. `schema` is the current version, and `header` what
    stands before a datum that it wrote.
    """

    def __init__(self, topic: str, folder: Path | None = None, *, aware_moments: bool = False) -> None:
        files = sorted((folder or schemas_root()).glob(f"{topic}.v*.avsc"), key=_version)
        if not files:
            raise LookupError(f"there is no Avro schema of {topic}")
        schemas = [json.loads(file.read_text(encoding="utf-8")) for file in files]
        self._keep = aware_moments
        self.schema: Mapping[str, Any] = schemas[-1]
        self.header = MARKER + schema_fingerprint(schemas[-1])
        self._writer = fastavro.parse_schema(schemas[-1])
        self._known = {schema_fingerprint(schema): self._parsed(schema) for schema in schemas}
        self._reader = self._known[self.header[len(MARKER) :]]

    def encode(self, message: Message) -> bytes:
        """The message, written with the current version."""
        written = io.BytesIO(self.header)
        written.seek(_HEADER)
        fastavro.schemaless_writer(written, self._writer, message.model_dump())
        return written.getvalue()

    def decode(self, value: bytes) -> dict[str, Any]:
        """The datum in `value` as the current version has it.

        Raises ValueError: another encoding, a schema that is not known, a damaged or longer datum.
        """
        if value[: len(MARKER)] != MARKER or len(value) < _HEADER:
            raise ValueError("the value is not in Avro's single-object encoding")
        schema = self._known.get(value[len(MARKER) : _HEADER])
        if schema is None:
            raise ValueError(f"no version of the schema has the fingerprint {value[len(MARKER) : _HEADER].hex()}")
        return self._datum(value, _HEADER, schema)

    def understand(self, schema: Mapping[str, Any]) -> "Foreign":
        """A schema that a registry gave, ready for `decode_as`.

        Raises ValueError where ours does not read what it writes.
        """
        try:
            breaks = avro_breaks(schema, self.schema)
            same = not breaks and MARKER + schema_fingerprint(schema) == self.header
            ours = {name: self.schema[name] for name in ("name", "namespace") if name in self.schema}
            parsed = None if breaks else self._reader if same else self._parsed({**schema, **ours})
        except (*_UNREADABLE, AttributeError, RecursionError, fastavro.schema.SchemaParseException) as error:
            raise ValueError(f"the registry's schema is not one that Avro knows: {error}") from error
        if breaks:
            raise ValueError(f"the registry's schema does not resolve to ours: {breaks[0]}")
        return Foreign(parsed, same)

    def decode_as(self, value: bytes, start: int, foreign: "Foreign") -> dict[str, Any]:
        """The datum that begins at `start`, written with a schema that a registry gave.

        Raises ValueError where the datum is damaged, or longer.
        """
        return self._datum(value, start, foreign.parsed)

    def _parsed(self, schema: Any) -> Any:
        return fastavro.parse_schema(schema if self._keep else _plain(schema))

    def _datum(self, value: bytes, start: int, schema: Any) -> dict[str, Any]:
        source = io.BytesIO(value)
        source.seek(start)
        try:
            datum = fastavro.schemaless_reader(source, schema, None if schema is self._reader else self._reader)
        except (*_UNREADABLE, fastavro.read.SchemaResolutionError) as error:
            said = _ADDRESS.sub("it", str(error))
            raise ValueError(f"the Avro datum is damaged or of another schema: {said}") from error
        if source.tell() != len(value):
            raise ValueError(f"{len(value) - source.tell()} bytes follow the Avro datum")
        if not isinstance(datum, dict):
            raise ValueError("the Avro datum is not a record")  # noqa: TRY004  (it is the sender's mistake)
        return datum


class Foreign(NamedTuple):
    """Somebody else's schema, which ours reads. `same`: it is our current one, whatever it calls its records."""

    parsed: Any
    same: bool


def _plain(schema: Any) -> Any:
    """The schema without logical types: a moment stays an integer."""
    if isinstance(schema, list):
        return [_plain(branch) for branch in schema]
    if isinstance(schema, dict):
        return {key: _plain(part) for key, part in schema.items() if key != "logicalType"}
    return schema


def _version(file: Path) -> int:
    found = re.search(r"\.v(\d+)\.avsc$", file.name)
    return int(found[1]) if found else 0
