"""Calls to a model server by HTTP: the Open Inference Protocol, and what `mlflow models serve` speaks.

A call has a deadline that holds for all of it, connecting and reading included.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

from driftloop.learners.served_access import access_to
from driftloop.rest import open_url

_LARGEST_ANSWER = 64 << 20
_PIECE = 1 << 16
_QUIET_SECONDS = 30.0
Clock = Callable[[], float]


class ServerAwayError(ValueError):
    """The server does not answer in time, or refuses; asking again later may help."""


@dataclass
class Caller:
    """Calls one server. After a call that came to its deadline, calls fail at once for half a minute, so that a
    server that hangs does not hold up all that wait for scores.

    `clock` gives seconds that only rise.
    """

    url: str
    deadline_seconds: float
    clock: Clock = time.monotonic
    _silent_until: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"the address of a model server begins with http:// or https://, not {self.url!r}")

    def ask(self, path: str, body: Mapping[str, Any] | None = None, *, until: float | None = None) -> Any:
        """The answer to a request, parsed; raises `ServerAwayError` with a sentence.

        `until` is a moment of the clock that ends a call that is one of several.
        """
        now = self.clock()
        if now < self._silent_until:
            raise ServerAwayError(f"{self.url} did not answer within {self.deadline_seconds:g} s a moment ago")
        ends = min(now + self.deadline_seconds, until if until is not None else float("inf"))
        data = None if body is None else json.dumps(body, allow_nan=False).encode()
        try:
            access = access_to(self.url)
            secrets, tls = access.headers(), access.tls()
        except (OSError, ValueError) as error:
            raise ServerAwayError(f"{self.url} is not asked: {error}") from error
        headers = {"Content-Type": "application/json", **secrets}
        request = urllib.request.Request(self.url.rstrip("/") + path, data=data, headers=headers)  # noqa: S310  (checked)
        try:
            with open_url(request, max(0.001, ends - now), tls) as answer:
                return json.loads(self._read(answer, ends))
        except TimeoutError as error:
            self._silent_until = self.clock() + _QUIET_SECONDS
            raise ServerAwayError(f"{self.url} did not answer within {self.deadline_seconds:g} s") from error
        except urllib.error.HTTPError as error:
            raise ServerAwayError(
                f"{self.url}{path} answers {error.code}: {_hidden(_words(error), secrets)}"
            ) from error
        except urllib.error.URLError as error:
            if isinstance(error.reason, TimeoutError):
                self._silent_until = self.clock() + _QUIET_SECONDS
            raise ServerAwayError(f"{self.url} cannot be reached: {error.reason}") from error
        except (OSError, ValueError, HTTPException) as error:
            raise ServerAwayError(f"the answer of {self.url}{path} cannot be read: {str(error)[:200]}") from error

    def _read(self, answer: Any, ends: float) -> bytes:
        """The body, piece by piece: a server that sends a byte now and then comes to the deadline too."""
        pieces, size = [], 0
        while piece := answer.read1(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > _LARGEST_ANSWER:
                raise ValueError(f"it is larger than {_LARGEST_ANSWER >> 20} MB")
            if self.clock() > ends:
                raise TimeoutError
        return b"".join(pieces)


def _hidden(text: str, secrets: Mapping[str, str]) -> str:
    """What a server says, without what it was sent: some repeat the key that they refuse."""
    for secret in secrets.values():
        text = text.replace(secret.removeprefix("Bearer "), "***")
    return text


def _words(error: urllib.error.HTTPError) -> str:
    """What a server says about a request that it refuses: its `error`, or the beginning of its text."""
    if error.code < 400:
        return str(error.reason)  # a redirect, with where it leads
    try:
        text = error.read(2000).decode("utf-8", "replace")
    except (OSError, HTTPException):
        return str(error.reason)
    try:
        told = json.loads(text)
    except ValueError:
        return " ".join(text.split())[:200] or str(error.reason)
    found = told.get("error", told.get("message", told)) if isinstance(told, dict) else told
    return str(found)[:200]
