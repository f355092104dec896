"""Schemas of any kind, by any of the ids that records name them by: Confluent's API, and Apicurio's own."""

import json
import time
from typing import Any

from outcome_ingestion.adapters.registry_client import RegistryClient
from outcome_ingestion.core.translate.framing import SchemaReference
from outcome_ingestion.core.translate.schemas import RegisteredSchema

_KINDS: dict[str, Any] = {"AVRO": "avro", "JSON": "json", "PROTOBUF": "protobuf"}
_CONFLUENT = {"schema": "ids", "guid": "guids"}
_APICURIO = {"content": "contentIds", "global": "globalIds"}
_ASK_AGAIN_S = 60.0
_MOST_UNKNOWN = 10_000
_AVRO_TYPES = {"record", "enum", "array", "map", "fixed", "string", "bytes", "int", "long", "float", "double"}


class ForeignRegistry:
    """`FindForeign` over HTTP. What is not there is asked for again after a minute."""

    def __init__(self, client: RegistryClient) -> None:
        self._client = client
        self._unknown: dict[SchemaReference, float] = {}

    def __call__(self, reference: SchemaReference) -> RegisteredSchema | None:
        """The schema; raises AwayError if the registry is away."""
        asked = self._unknown.get(reference)
        if asked is not None and time.monotonic() - asked < _ASK_AGAIN_S:
            return None
        found = self._confluent(reference) if reference.kind in _CONFLUENT else self._apicurio(reference)
        if found is None:
            if len(self._unknown) >= _MOST_UNKNOWN:
                self._unknown.clear()
            self._unknown[reference] = time.monotonic()
        return found

    def _confluent(self, reference: SchemaReference) -> RegisteredSchema | None:
        address = f"{self._client.url}/schemas/{_CONFLUENT[reference.kind]}/{reference.id}"
        answer = self._client.json(address)
        if (
            answer is None
            or answer.get("schemaType", "AVRO") not in _KINDS
            or not isinstance(answer.get("schema"), str)
        ):
            return None
        kind, text, referring = (
            _KINDS[answer.get("schemaType", "AVRO")],
            answer["schema"],
            bool(answer.get("references")),
        )
        if kind == "protobuf":
            serialized = self._client.json(f"{address}?format=serialized")
            text = serialized["schema"] if serialized and isinstance(serialized.get("schema"), str) else text
        return RegisteredSchema(kind, text, referring)

    def _apicurio(self, reference: SchemaReference) -> RegisteredSchema | None:
        root = self._client.url.partition("/apis/")[0]
        for version in ("v3", "v2"):
            text = self._client.text(f"{root}/apis/registry/{version}/ids/{_APICURIO[reference.kind]}/{reference.id}")
            if text is not None:
                return RegisteredSchema(_kind_of(text), text)
        return None


def _kind_of(text: str) -> Any:
    """What a schema's text is of: Apicurio gives the text alone."""
    try:
        schema = json.loads(text)
    except ValueError:
        return "protobuf"
    if isinstance(schema, list | str):
        return "avro"
    return (
        "avro"
        if isinstance(schema, dict) and schema.get("type") in _AVRO_TYPES and "properties" not in schema
        else "json"
    )
