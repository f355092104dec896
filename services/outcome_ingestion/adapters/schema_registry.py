"""The schemas of framed Avro records, from a registry that speaks Confluent's API (Apicurio, Karapace, …)."""

import base64
import json
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from driftloop.errors import ExitCode, UserError

_TIMEOUT_S = 10.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
_LARGEST = 4 * 1024 * 1024
_ASK_AGAIN_S = 60.0
_MOST_UNKNOWN = 10_000


class SchemaRegistry:
    """`FindSchema` over HTTP: schema id → schema, None where there is no Avro schema of that id.

    What is found is kept for good, and asked for once: an id never changes its meaning. What is not is
    asked for again after a minute. A registry that does not answer is tried for `retry_seconds`, then a
    UserError ends the service: no record is to blame, and none is buried for it.
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
        self._url = url.rstrip("/")
        self._headers = {"Accept": "application/vnd.schemaregistry.v1+json, application/json"}
        if credentials:
            token = base64.b64encode(":".join(credentials).encode()).decode()
            self._headers["Authorization"] = f"Basic {token}"
        self._tls = ssl.create_default_context(cafile=ca_file) if self._url.startswith("https:") else None
        self._retry_seconds, self._pause = retry_seconds, pause or threading.Event().wait
        self._unknown: dict[int, float] = {}

    def __call__(self, schema_id: int) -> Mapping[str, Any] | None:
        """The schema; raises UserError where the registry is away."""
        asked = self._unknown.get(schema_id)
        if asked is not None and time.monotonic() - asked < _ASK_AGAIN_S:
            return None
        found = self._persistently(schema_id)
        if found is None:
            if len(self._unknown) >= _MOST_UNKNOWN:
                self._unknown.clear()
            self._unknown[schema_id] = time.monotonic()
        return found

    def _persistently(self, schema_id: int) -> Mapping[str, Any] | None:
        deadline, pause = time.monotonic() + self._retry_seconds, _FIRST_PAUSE_S
        while True:
            try:
                return self._ask(schema_id)
            except (OSError, ValueError) as error:
                if time.monotonic() >= deadline:
                    raise UserError(
                        f"the schema registry at {self._url} does not answer ({_reason(error)}): start it, or check "
                        "the address and the password",
                        ExitCode.ERROR,
                    ) from None
            self._pause(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _ask(self, schema_id: int) -> Mapping[str, Any] | None:
        request = urllib.request.Request(f"{self._url}/schemas/ids/{schema_id}", headers=self._headers)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S, context=self._tls) as response:  # noqa: S310
                answer = json.loads(response.read(_LARGEST))
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise
        if answer.get("schemaType", "AVRO") != "AVRO" or answer.get("references"):
            return None
        schema = json.loads(answer["schema"])
        return schema if isinstance(schema, dict) else None


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
