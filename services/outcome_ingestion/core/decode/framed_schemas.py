"""Confluent's framing of Avro: a zero byte, the four bytes of a schema's id in a registry, the datum.

The registry itself is outside: a core is handed `FindSchema`. What an id stands for never changes, so
asking is no breach of determinism, and an answer is kept for good.
"""

from collections.abc import Callable, Mapping
from typing import Any

from driftloop.codec.avro import AvroTopic, Foreign
from outcome_ingestion.core.refusal import Refusal

FindSchema = Callable[[int], Mapping[str, Any] | None]
"""Schema id → the schema that wrote the datum, None where the registry has no Avro schema of that id."""

ZERO = b"\0"
DATUM = 5
"""Where the datum begins."""
_MOST_REFUSALS = 1_000
_NO_ID = bytes(4)
"""Registries count from 1: zero bytes are no framing."""
NO_REGISTRY = (
    "the record names a schema by its id, and no schema registry is set: set "
    "DRIFTLOOP_OUTCOME_INGESTION_SCHEMA_REGISTRY_URL"
)


class FramedSchemas:
    """The schemas that framed records of one topic name."""

    def __init__(self, find: FindSchema | None, topic: AvroTopic) -> None:
        self._find, self._topic = find, topic
        self._known: dict[int, Foreign] = {}
        self._refused: dict[int, Refusal] = {}

    def of(self, value: bytes) -> Foreign:
        """The schema that a framed record was written with; raises `Refusal`."""
        if value[:1] != ZERO or len(value) < DATUM or value[1:DATUM] == _NO_ID:
            raise _refusal("Undecodable", "the record is not in Confluent's framing: a zero byte and a schema id")
        if self._find is None:
            raise _refusal("NoRegistry", NO_REGISTRY)
        schema_id = int.from_bytes(value[1:DATUM], "big")
        known = self._known.get(schema_id)
        return known if known is not None else self._ask(schema_id, self._find)

    def _ask(self, schema_id: int, find: FindSchema) -> Foreign:
        if schema_id in self._refused:
            raise self._refused[schema_id]
        schema = find(schema_id)
        if schema is None:
            raise _refusal("UnknownSchema", f"the schema registry has no Avro schema with the id {schema_id}")
        try:
            found = self._known[schema_id] = self._topic.understand(schema)
        except ValueError as error:
            refusal = _refusal("WrongSchema", f"schema {schema_id}: {error}")
            if len(self._refused) < _MOST_REFUSALS:
                self._refused[schema_id] = refusal
            raise refusal from error
        return found


def _refusal(error_class: str, sentence: str) -> Refusal:
    return Refusal("decode", error_class, sentence[:500])
