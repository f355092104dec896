"""The schemas of framed Avro records, from a registry that speaks Confluent's API (Apicurio, Karapace, …)."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from outcome_ingestion.adapters.registry_client import RegistryAddress, RegistryClient

_ASK_AGAIN_S = 60.0
_MOST_UNKNOWN = 10_000


class SchemaRegistry:
    """`FindSchema` over HTTP: schema id → schema, None where there is no Avro schema of that id.

    What is found is kept for good, and asked for once: an id never changes its meaning. What is not is
    asked for again after a minute. A registry that does not answer is tried for `retry_seconds`, then a
    AwayError ends the service: no record is to blame, and none is buried for it.
    """

    def __init__(
        self,
        url: str,
        *,
        credentials: tuple[str, str] | None = None,
        ca_file: Path | None = None,
        retry_seconds: float = 60.0,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        self.client = RegistryClient(RegistryAddress(url, credentials, ca_file, retry_seconds), pause)
        self._unknown: dict[int, float] = {}

    def __call__(self, schema_id: int) -> Mapping[str, Any] | None:
        """The schema; raises AwayError where the registry is away."""
        asked = self._unknown.get(schema_id)
        if asked is not None and time.monotonic() - asked < _ASK_AGAIN_S:
            return None
        found = self._ask(schema_id)
        if found is None:
            if len(self._unknown) >= _MOST_UNKNOWN:
                self._unknown.clear()
            self._unknown[schema_id] = time.monotonic()
        return found

    def _ask(self, schema_id: int) -> Mapping[str, Any] | None:
        answer = self.client.json(f"{self.client.url}/schemas/ids/{schema_id}")
        if answer is None or answer.get("schemaType", "AVRO") != "AVRO" or answer.get("references"):
            return None
        schema = json.loads(answer["schema"])
        return schema if isinstance(schema, dict) else None
