"""What stands before a value, or in its headers, that names its schema: told by the first byte and the headers.

The forms: Confluent's prefix (a zero byte, four bytes of an id, for Protobuf the message's indexes) and its header
(`__value_schema_id`: 01 and a GUID); Apicurio 2's headers (a global or content id of eight bytes, the value bare) or
prefix (a zero byte, eight bytes); Apicurio 3's prefix, which looks as Confluent's; Glue's (03, compression, a UUID).
"""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from outcome_ingestion.core.refusal import Refusal

Headers = dict[str, bytes]
IdKind = Literal["schema", "content", "global", "guid"]

_GUID_HEADER, _GUID_MAGIC, _GUID_END = "__value_schema_id", 1, 17
_APICURIO: dict[str, IdKind] = {"apicurio.value.globalId": "global", "apicurio.value.contentId": "content"}
FRAMING_HEADERS = frozenset((_GUID_HEADER, *_APICURIO))
"""Headers that name the schema of a value."""
_GLUE, _GLUE_COMPRESSIONS, _GLUE_LENGTH = 3, (0, 5), 18
_PREFIX, _LONG_PREFIX = 5, 9
_MOST_INDEXES = 64


@dataclass(frozen=True, slots=True)
class SchemaReference:
    """How a record names its schema."""

    kind: IdKind
    id: str

    def __str__(self) -> str:
        return f"the {self.kind} id {self.id}"


@dataclass(frozen=True, slots=True)
class Framed:
    """A value without its framing. `tail`: where message indexes stand, if they are not before the body."""

    reference: SchemaReference | None
    body: bytes
    tail: bytes | None = None
    has_indexes: bool = False
    """Whether Confluent's serializers wrote it, which put a Protobuf message's indexes somewhere."""


def unframed(value: bytes, headers: Headers, four_bytes: IdKind = "schema") -> Framed:
    """The value and the reference to its schema; raises `Refusal` for a framing that is damaged or not read here.

    >>> unframed(bytes([0, 0, 0, 0, 7]) + b"body", {}).reference
    SchemaReference(kind='schema', id='7')
    """
    if _GUID_HEADER in headers:
        return _by_guid(value, headers[_GUID_HEADER])
    for name, kind in _APICURIO.items():
        if name in headers:
            return _by_apicurio(value, name, headers[name], kind)
    if value[:1] == b"\0":
        return _by_prefix(value, four_bytes)
    if len(value) >= _GLUE_LENGTH and value[0] == _GLUE and value[1] in _GLUE_COMPRESSIONS:
        raise Refusal(
            "decode",
            "GlueFraming",
            f"the record is in AWS Glue's framing (schema version {UUID(bytes=value[2:_GLUE_LENGTH])}), and Glue's "
            "registry is not read: write it with a Confluent or Apicurio registry, or as JSON",
        )
    return Framed(None, value)


def indexes_of(data: bytes) -> tuple[tuple[int, ...], int]:
    """Confluent's indexes of a Protobuf message, and how many bytes they take; raises `Refusal`.

    >>> indexes_of(bytes([0])), indexes_of(bytes([2, 4])), indexes_of(bytes([4, 0, 4]))
    (((0,), 1), ((2,), 2), ((0, 2), 3))
    """
    count, at = _zigzag(data, 0)
    if count == 0:
        return (0,), at
    if not 0 < count <= _MOST_INDEXES:
        raise _damaged("the message indexes after the schema id are damaged")
    found = []
    for _ in range(count):
        index, at = _zigzag(data, at)
        if index < 0:
            raise _damaged("the message indexes after the schema id are damaged")
        found.append(index)
    return tuple(found), at


def _zigzag(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 35, 7):
        if at >= len(data):
            raise _damaged("the record ends within the message indexes after its schema id")
        value |= (data[at] & 0x7F) << shift
        at += 1
        if not data[at - 1] & 0x80:
            return (value >> 1) ^ -(value & 1), at
    raise _damaged("the message indexes after the schema id are damaged")


def _by_guid(value: bytes, header: bytes) -> Framed:
    if len(header) < _GUID_END or header[0] != _GUID_MAGIC:
        raise _damaged(f"the header {_GUID_HEADER} is not 01 and a GUID of 16 bytes")
    guid = str(UUID(bytes=header[1:_GUID_END]))
    return Framed(SchemaReference("guid", guid), value, header[_GUID_END:], has_indexes=True)


def _by_apicurio(value: bytes, name: str, header: bytes, kind: IdKind) -> Framed:
    if len(header) != 8:
        raise _damaged(f"the header {name} has {len(header)} bytes, not 8")
    return Framed(SchemaReference(kind, str(int.from_bytes(header, "big"))), value)


def _by_prefix(value: bytes, four_bytes: IdKind) -> Framed:
    if len(value) < _PREFIX:
        raise _damaged(f"the record begins with a zero byte, as a framed one does, and has only {len(value)} bytes")
    first = int.from_bytes(value[1:_PREFIX], "big")
    if first == 0 and len(value) >= _LONG_PREFIX:
        wide = int.from_bytes(value[1:_LONG_PREFIX], "big")
        return Framed(SchemaReference("global", str(wide)), value[_LONG_PREFIX:])
    return Framed(SchemaReference(four_bytes, str(first)), value[_PREFIX:], has_indexes=four_bytes == "schema")


def _damaged(sentence: str) -> Refusal:
    return Refusal("decode", "DamagedFraming", sentence)
