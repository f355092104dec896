"""HTTP to a schema registry: asks patiently, and says whether it answers."""

import base64
import json
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, IncompleteRead
from pathlib import Path
from typing import Any

from driftloop.errors import AwayError, ExitCode

_TIMEOUT_S = 10.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
_LARGEST = 4 * 1024 * 1024
_GONE = (404,)


@dataclass(frozen=True, slots=True)
class RegistryAddress:
    """Where a registry is, and who we are there."""

    url: str
    credentials: tuple[str, str] | None = None
    ca_file: Path | None = None
    retry_seconds: float = 60.0


class RegistryClient:
    """Reads from a registry. One that does not answer is tried for `retry_seconds`, then an AwayError ends the
    service: no record is to blame, and none is buried for it."""

    def __init__(self, address: RegistryAddress, pause: Callable[[float], object] | None = None) -> None:
        self.url = address.url.rstrip("/")
        self.away = False
        """Whether the last question was not answered (yet)."""
        self._headers = {"Accept": "application/vnd.schemaregistry.v1+json, application/json, */*"}
        if address.credentials:
            token = base64.b64encode(":".join(address.credentials).encode()).decode()
            self._headers["Authorization"] = f"Basic {token}"
        self._tls = ssl.create_default_context(cafile=address.ca_file) if self.url.startswith("https:") else None
        self._retry_seconds, self._pause = address.retry_seconds, pause or threading.Event().wait

    def text(self, url: str) -> str | None:
        """What stands at an address below the registry's, None for 404; raises AwayError if it is away."""
        found: str | None = self._persistently(lambda: self._ask(url).decode())
        return found

    def json(self, url: str) -> dict[str, Any] | None:
        """The object at an address, None for 404; raises AwayError if it is away or gives none."""
        found: dict[str, Any] | None = self._persistently(lambda: _object(self._ask(url)))
        return found

    def _persistently(self, ask: Callable[[], Any]) -> Any:
        deadline, pause = time.monotonic() + self._retry_seconds, _FIRST_PAUSE_S
        while True:
            try:
                found = ask()
            except urllib.error.HTTPError as error:
                if error.code in _GONE:
                    self.away = False
                    return None
                reason: Exception = error
            except (OSError, ValueError, HTTPException) as error:
                reason = error
            else:
                self.away = False
                return found
            self.away = True
            if time.monotonic() >= deadline:
                raise AwayError(
                    f"the schema registry at {self.url} does not answer ({_reason(reason)}): start it, or check "
                    "the address and the password",
                    ExitCode.ERROR,
                ) from None
            self._pause(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _ask(self, url: str) -> bytes:
        request = urllib.request.Request(url, headers=self._headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S, context=self._tls) as response:  # noqa: S310
            found: bytes = response.read(_LARGEST)
            if response.length:  # what is left: a read of so many bytes does not say that the answer was cut off
                raise IncompleteRead(found, response.length)
        return found


def _object(data: bytes) -> dict[str, Any]:
    found = json.loads(data)
    if not isinstance(found, dict):
        raise ValueError("the answer is no object")  # noqa: TRY004  (it is the other side's mistake)
    return found


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
