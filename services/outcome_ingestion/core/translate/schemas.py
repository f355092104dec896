"""The schemas that framed records name, each asked for once and made ready to read with."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from driftloop.codec.foreign.avro import ForeignAvro
from driftloop.codec.foreign.protobuf import ForeignProtobuf, files_of_set
from driftloop.spec.model_source import ModelSource
from outcome_ingestion.core.refusal import Refusal
from outcome_ingestion.core.translate.framing import Framed, SchemaReference, indexes_of
from outcome_ingestion.core.translate.scalars import read_json


@dataclass(frozen=True, slots=True)
class RegisteredSchema:
    """A schema as a registry gives it. `text`: of Protobuf, a FileDescriptorProto in base64 or its `.proto` text."""

    kind: Literal["avro", "json", "protobuf"]
    text: str
    has_references: bool = False


FindForeign = Callable[[SchemaReference], RegisteredSchema | None]
"""Reference → schema, None where the registry has none. What a reference stands for never changes."""

Read = Callable[[Framed], Any]
_NO_REGISTRY = "set DRIFTLOOP_OUTCOME_INGESTION_SCHEMA_REGISTRY_URL"
_MOST_KNOWN = 10_000


class ForeignSchemas:
    """Reads framed values with the schemas that a registry has, and values without framing as the source declares."""

    def __init__(self, find: FindForeign | None, source: ModelSource) -> None:
        self._find, self._source = find, source
        self._known: dict[SchemaReference, Read | Refusal] = {}
        self._plain: Read | Refusal | None = None

    def read(self, framed: Framed) -> Any:
        """The document in a value; raises `Refusal`."""
        reader = self._of(framed)
        if isinstance(reader, Refusal):
            raise reader
        try:
            return reader(framed)
        except (ValueError, RecursionError) as error:
            raise Refusal("decode", "Undecodable", str(error)[:500]) from error

    def _of(self, framed: Framed) -> Read | Refusal:
        reference = framed.reference
        if reference is None:
            if self._plain is None:
                self._plain = _declared(self._source)
            return self._plain
        known = self._known.get(reference)
        if known is None:
            known = self._ask(reference)
            if len(self._known) < _MOST_KNOWN and not _may_come(known):
                self._known[reference] = known
        return known

    def _ask(self, reference: SchemaReference) -> Read | Refusal:
        if self._find is None:
            return Refusal("decode", "NoRegistry", f"the record names its schema by {reference}: {_NO_REGISTRY}")
        schema = self._find(reference)
        if schema is None:
            return Refusal("decode", "UnknownSchema", f"the schema registry has nothing for {reference}")
        try:
            return self._reader(schema)
        except (ValueError, binascii.Error) as error:
            return Refusal("decode", "WrongSchema", f"the schema of {reference}: {error}"[:500])

    def _reader(self, schema: RegisteredSchema) -> Read:
        if schema.kind == "json":
            return lambda framed: read_json(framed.body)
        if schema.has_references:
            raise ValueError("it refers to other schemas, and references are not followed: register it in one piece")
        if schema.kind == "avro":
            avro = ForeignAvro(schema.text)
            return lambda framed: avro.read(framed.body)
        return self._protobuf(schema.text)

    def _protobuf(self, text: str) -> Read:
        declared = self._source.descriptor
        if declared is not None:
            reader = ForeignProtobuf(files_of_set(base64.b64decode(declared)))
            return _named(reader, self._source.message or "", indexed=True)
        try:
            file = base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise ValueError(
                "the registry gives its .proto text and no descriptor: give the source `descriptor` and `message`"
            ) from error
        reader = ForeignProtobuf([file])
        if self._source.message is not None:
            return _named(reader, self._source.message, indexed=True)
        return lambda framed: _by_indexes(reader, framed)


def _may_come(known: Read | Refusal) -> bool:
    return isinstance(known, Refusal) and known.error_class == "UnknownSchema"


def _declared(source: ModelSource) -> Read | Refusal:
    """The reader of values without framing."""
    if source.encoding == "json":
        return lambda framed: read_json(framed.body)
    setting = "avro_schema" if source.encoding == "avro" else "descriptor"
    if getattr(source, setting) is None:
        return Refusal(
            "decode", "NoSchema", f"the {source.encoding} record names no schema: give the source `{setting}`"
        )
    try:
        if source.encoding == "avro":
            avro = ForeignAvro(source.avro_schema or {})
            return lambda framed: avro.read(framed.body)
        reader = ForeignProtobuf(files_of_set(base64.b64decode(source.descriptor or "")))
        return _named(reader, source.message or "", indexed=False)
    except (ValueError, binascii.Error) as error:
        return Refusal("decode", "WrongSchema", f"`{setting}` of the source: {error}"[:500])


def _named(reader: ForeignProtobuf, name: str, *, indexed: bool) -> Read:
    message = reader.by_name(name)
    return lambda framed: reader.read(_body(framed) if indexed else framed.body, message)


def _by_indexes(reader: ForeignProtobuf, framed: Framed) -> Any:
    if not framed.has_indexes:
        raise ValueError("the framing does not say which message of the schema it is: give the source `message`")
    if framed.tail is not None:
        indexes, _ = indexes_of(framed.tail or b"\0")
        return reader.read(framed.body, reader.by_indexes(indexes))
    indexes, size = indexes_of(framed.body)
    return reader.read(framed.body[size:], reader.by_indexes(indexes))


def _body(framed: Framed) -> bytes:
    """The message behind the indexes that Confluent's serializers put before it."""
    if not framed.has_indexes or framed.tail is not None:
        return framed.body
    return framed.body[indexes_of(framed.body)[1] :]
