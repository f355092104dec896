"""A webhook as the trainer's settings name it: what is posted where."""

import json
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from driftloop.contracts.training_requests import TrainingRequest


class Webhook(BaseModel):
    """An address that requests are posted to, as the trainer's settings name it.

    `body` is the JSON that is posted; in it `{request}` stands for the training request, `{run}` for the run's id.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(pattern=r"^https?://[^@]+$")
    token_file: str | None = None
    """A file with a token, sent as Bearer; read anew for each request."""
    headers: dict[str, str] = Field(default_factory=dict)
    body: JsonValue = "{request}"

    def filled(self, request: TrainingRequest) -> bytes:
        """What is posted for a request, as JSON."""
        there: dict[str, JsonValue] = {"{request}": request.model_dump(mode="json"), "{run}": str(request.message_id)}
        return json.dumps(_filled(self.body, there)).encode()


def _filled(body: JsonValue, there: Mapping[str, JsonValue]) -> JsonValue:
    if isinstance(body, str):
        return there.get(body, body)
    if isinstance(body, dict):
        return {name: _filled(value, there) for name, value in body.items()}
    return [_filled(value, there) for value in body] if isinstance(body, list) else body
