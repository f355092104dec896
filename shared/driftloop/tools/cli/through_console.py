"""Commands through the operations console, for people who have no access to Kafka.

`DRIFTLOOP_CONSOLE_URL` names the console, `DRIFTLOOP_CONSOLE_TOKEN` the caller's token. Names are then those
that the console has checked, and commands carry its signature.
"""

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from driftloop.errors import ExitCode, UserError

if TYPE_CHECKING:
    from driftloop.contracts.retrain_decisions import RetrainDecision

_LONGEST_WAIT_S = 30.0
_MORE_S = 15.0


@dataclass(frozen=True, slots=True)
class ConsoleWay:
    """A console, and who asks there."""

    url: str
    token: str | None

    def send(
        self, model: str, command: str, reason: str, version: str | None, *, full: bool, wait: float
    ) -> "tuple[UUID, RetrainDecision | None]":
        """The command's id, and the decision that answers it within `wait` seconds (30 at most).

        Raises UserError with the console's own words where it refuses, or where it does not answer.
        """
        from driftloop.contracts.retrain_decisions import RetrainDecision

        asked = {"command": command, "reason": reason, "version": version, "full": full}
        body = json.dumps({**asked, "wait_seconds": min(wait, _LONGEST_WAIT_S)}).encode()
        told = self._post(f"/api/models/{urllib.parse.quote(model, safe='')}/commands", body, wait + _MORE_S)
        decision = told["decision"]
        answer = RetrainDecision.model_validate(decision) if decision is not None else None
        return UUID(told["command_id"]), answer

    def _post(self, path: str, body: bytes, timeout_s: float) -> Any:
        headers = {"Content-Type": "application/json", "Idempotency-Key": uuid4().hex}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self.url.rstrip("/") + path, data=body, headers=headers)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # noqa: S310  (http only, see console_way)
                return json.load(answer)
        except urllib.error.HTTPError as error:
            code = (
                ExitCode.NOT_FOUND
                if error.code == 404
                else ExitCode.USAGE
                if error.code < 500
                else ExitCode.BROKER_AWAY
            )
            raise UserError(f"The console refused: {_detail(error)}", code) from error
        except (urllib.error.URLError, OSError, ValueError) as error:
            raise UserError(f"The console at {self.url} does not answer: {error}", ExitCode.BROKER_AWAY) from error


def console_way() -> ConsoleWay | None:
    """The console that the environment names; None where it names none."""
    url = os.environ.get("DRIFTLOOP_CONSOLE_URL")
    if not url:
        return None
    if not url.startswith(("http://", "https://")):
        raise UserError(f"DRIFTLOOP_CONSOLE_URL: {url} is no http address.", ExitCode.USAGE)
    return ConsoleWay(url, os.environ.get("DRIFTLOOP_CONSOLE_TOKEN"))


def _detail(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"
