"""Plain HTTP with JSON to servers of others: one question, one answer, and a clear word where there is none.

Why the standard library: three small clients (a registry, a cluster's jobs, a cluster's API) need GET, POST and DELETE,
and a client of their own each would bring dozens of packages along.
"""

import base64
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPMessage, IncompleteRead
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlencode, urlsplit

from driftloop import errors
from driftloop.secret_files import header_secret_in

_LARGEST = 32 << 20
_FOR_ANYBODY = frozenset({"Accept", "User-agent"})
"""Headers that are sent on to another server, as urllib spells them: tokens and keys are in all kinds of others."""
_NOT_NOW = frozenset({408, 425, 429, 502, 503, 504})


class _BodyIsKept(urllib.request.HTTPRedirectHandler):
    """Follows a redirect where nothing was sent with the request; who we are is told to no other server.

    urllib turns a redirected POST into a GET without its body, and whatever page answers that one with 200 has not
    taken what was sent.
    """

    def redirect_request(  # noqa: PLR0917  (as it is called)
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        """Where to ask instead; raises HTTPError where a body was sent: the redirect is the answer."""
        if req.get_method() in ("GET", "HEAD"):
            there = super().redirect_request(req, fp, code, msg, headers, newurl)
            if there is not None and _server(newurl) != _server(req.full_url):
                there.headers = {name: value for name, value in there.headers.items() if name in _FOR_ANYBODY}
            return there
        why = f"{msg}, to {_place(newurl, req.full_url)}: nothing is sent there unless that address is named"
        raise urllib.error.HTTPError(req.full_url, code, why, headers, fp)


def _server(url: str) -> str:
    split = urlsplit(url)
    return f"{split.scheme}://{split.netloc.rpartition('@')[2]}".lower()


def _place(url: str, asked: str) -> str:
    """The server of an address: what follows may be a secret, as of a chat's webhook.

    >>> _place("https://hooks.example:8443/T1/x?key=1", "http://hooks.example/T1/x")
    'https://hooks.example:8443'
    >>> _place("http://hooks.example/T1/x/", "http://hooks.example/T1/x")
    'another path of http://hooks.example'
    """
    there, here = _server(url), _server(asked)
    return f"another path of {there}" if there == here else there


def open_url(request: urllib.request.Request, timeout_s: float, tls: ssl.SSLContext | None = None) -> Any:
    """The answer to a request. Raises as `urllib.request.urlopen` does, and HTTPError where a body is redirected."""
    secured = [urllib.request.HTTPSHandler(context=tls)] if tls is not None else []
    return urllib.request.build_opener(_BodyIsKept, *secured).open(request, timeout=timeout_s)


class AwayError(errors.AwayError):
    """Nobody answered, or whoever did asks to come again: nothing is known of what was asked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said. `body` is JSON where it was, and else text."""

    status: int
    body: Any

    @property
    def ok(self) -> bool:
        """Whether it did what was asked.

        >>> Answer(201, {}).ok, Answer(404, {}).ok
        (True, False)
        """
        return 200 <= self.status < 300

    def __str__(self) -> str:
        said = self.body if isinstance(self.body, str) else json.dumps(self.body)
        return f"{self.status} {said[:300]}"


@dataclass(frozen=True, slots=True)
class Server:
    """A server's address, who we are there, and whom we trust.

    `token_file` is read anew for each question, because tokens are exchanged while we run.
    """

    url: str
    credentials: tuple[str, str] | None = None
    token_file: Path | None = None
    ca_file: Path | None = None
    timeout_s: float = 10.0
    headers: Mapping[str, str] = field(default_factory=dict)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        """What the server says, whatever its status is. Raises `AwayError` where it says nothing.

        `body` is sent as JSON, bytes as they are.
        """
        try:
            with self.open(method, path, body, query=query, content_type=content_type) as (status, stream):
                answer = Answer(status, _read(stream))
        except (OSError, HTTPException) as error:
            raise AwayError(f"{self.url} does not answer: {_reason(error)}") from error
        if answer.status in _NOT_NOW:
            raise AwayError(f"{self.url} says {answer}")
        return answer

    @contextmanager
    def open(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        timeout_s: float | None = None,
    ) -> Iterator[tuple[int, IO[bytes]]]:
        """Status and body, to be read as it comes. Raises OSError or HTTPException where nobody answers."""
        url = f"{self.url.rstrip('/')}{quote(path)}" + (f"?{urlencode(query)}" if query else "")
        if not url.startswith(("http://", "https://")):
            raise OSError(f"{self.url} is no http address")
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, method=method, headers=self._headers(content_type))  # noqa: S310
        tls = ssl.create_default_context(cafile=self.ca_file) if url.startswith("https:") else None
        try:
            stream = open_url(request, timeout_s or self.timeout_s, tls)
        except urllib.error.HTTPError as error:
            with error:
                yield error.code, error
            return
        with stream:
            yield stream.status, stream

    def _headers(self, content_type: str) -> dict[str, str]:
        headers = {"Content-Type": content_type, "User-Agent": "driftloop", **self.headers}
        if self.token_file is not None:
            headers["Authorization"] = f"Bearer {header_secret_in(self.token_file)}"
        elif self.credentials is not None:
            both = base64.b64encode(":".join(self.credentials).encode()).decode()
            headers["Authorization"] = f"Basic {both}"
        return headers


def _read(stream: IO[bytes]) -> Any:
    data = stream.read(_LARGEST)
    if left := getattr(stream, "length", None):  # a read of so many bytes does not say that the answer was cut off
        raise IncompleteRead(data, left)
    try:
        return json.loads(data) if data else {}
    except ValueError:
        return data.decode("utf-8", "replace")


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return f"{type(reason).__name__}: {reason}"[:200]
