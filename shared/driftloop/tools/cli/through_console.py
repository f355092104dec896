"""The command line through the operations console, for people who have no access to Kafka.

`DRIFTLOOP_CONSOLE_URL` names the console; the caller's token is `DRIFTLOOP_CONSOLE_TOKEN`, or stands in the file
that `DRIFTLOOP_CONSOLE_TOKEN_FILE` names. Names are then those that the console has checked, and commands carry its
signature.
"""

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from driftloop.errors import ExitCode, UserError
from driftloop.secret_files import SecretFileError, header_secret_in

if TYPE_CHECKING:
    from urllib.error import HTTPError
    from uuid import UUID

    from driftloop.contracts.retrain_decisions import RetrainDecision

_LONGEST_WAIT_S = 30.0
_MORE_S = 15.0
_TOKEN = "DRIFTLOOP_CONSOLE_TOKEN"  # noqa: S105  (the variable's name)
_CODES = {401: ExitCode.NO_ACCESS, 403: ExitCode.NO_ACCESS, 404: ExitCode.NOT_FOUND}


@dataclass(frozen=True, slots=True)
class ConsoleWay:
    """A console, and who asks there."""

    url: str
    token: str | None

    def send(
        self,
        model: str,
        command: str,
        reason: str,
        version: str | None,
        *,
        full: bool,
        wait: float,
        seen_champion: str | None = None,
    ) -> "tuple[UUID, RetrainDecision | None]":
        """The command's id, and the decision that answers it within `wait` seconds (30 at most).

        Raises UserError with the console's own words where it refuses, or where it does not answer.
        """
        from uuid import UUID

        from driftloop.contracts.retrain_decisions import RetrainDecision

        asked: dict[str, object] = {"command": command, "reason": reason, "version": version, "full": full}
        if seen_champion is not None:
            asked["seen_champion"] = seen_champion
        body = json.dumps({**asked, "wait_seconds": min(wait, _LONGEST_WAIT_S)}).encode()
        told = self._ask(f"{model_path(model)}/commands", body, wait + _MORE_S)
        decision = told["decision"]
        answer = RetrainDecision.model_validate(decision) if decision is not None else None
        return UUID(told["command_id"]), answer

    def get(self, path: str, **query: object) -> Any:
        """What the console answers, from JSON; query parameters that are None are left out. Raises UserError."""
        asked = urlencode({name: value for name, value in query.items() if value is not None})
        return self._ask(f"{path}?{asked}" if asked else path, None, _MORE_S)

    def post(self, path: str, body: object) -> Any:
        """What the console answers to a request, from JSON. Raises UserError."""
        return self._ask(path, json.dumps(body).encode(), _MORE_S)

    def _ask(self, path: str, body: bytes | None, timeout_s: float) -> Any:
        import urllib.error
        import urllib.request
        from http.client import HTTPException
        from uuid import uuid4

        from driftloop.rest import open_url

        headers = {"Content-Type": "application/json", "Idempotency-Key": uuid4().hex} if body is not None else {}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self.url.rstrip("/") + path, data=body, headers=headers)  # noqa: S310
        try:
            with open_url(request, timeout_s) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            code = _CODES.get(error.code, ExitCode.USAGE if error.code < 500 else ExitCode.BROKER_AWAY)
            raise UserError(self._refusal(error), code) from error
        except (OSError, ValueError, HTTPException) as error:
            raise UserError(f"The console at {self.url} does not answer: {error}", ExitCode.BROKER_AWAY) from error

    def _refusal(self, error: "HTTPError") -> str:
        if 300 <= error.code < 400:
            return f"The console at {self.url} answers {error}. Set DRIFTLOOP_CONSOLE_URL to where it is."
        if error.code == 401 and not self.token:
            return f"The console at {self.url} wants a token: set {_TOKEN}, or {_TOKEN}_FILE to a file that holds it."
        return f"The console refused: {_detail(error)}"


def model_path(model: str) -> str:
    """The path of a model's calls."""
    return f"/api/models/{quote(model, safe='')}"


def console_way() -> ConsoleWay | None:
    """The console that the environment names; None where it names none. Raises UserError where that makes no sense."""
    url = os.environ.get("DRIFTLOOP_CONSOLE_URL")
    if not url:
        return None
    if not url.startswith(("http://", "https://")):
        raise UserError(f"DRIFTLOOP_CONSOLE_URL: {url} is no http address.", ExitCode.USAGE)
    return ConsoleWay(url, os.environ.get(_TOKEN) or _token_in_file())


def way_for(bootstrap_servers: str | None) -> ConsoleWay | None:
    """The console, unless a cluster is named: that is then asked itself."""
    return None if bootstrap_servers else console_way()


def _token_in_file() -> str | None:
    path = os.environ.get(f"{_TOKEN}_FILE")
    if not path:
        return None
    try:
        return header_secret_in(path)
    except SecretFileError as error:
        raise UserError(f"{_TOKEN}_FILE: {error}.", ExitCode.NOT_FOUND) from error


def _detail(error: "HTTPError") -> str:
    from http.client import HTTPException

    try:
        return str(json.load(error)["detail"])
    except (OSError, HTTPException, ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"
