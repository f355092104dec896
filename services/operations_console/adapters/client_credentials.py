"""Tokens for Faust's client, which unlike librdkafka does not fetch them itself."""

import ssl
import time
from collections.abc import Callable
from typing import Any

import aiohttp
from aiokafka.abc import AbstractTokenProvider  # type: ignore[import-untyped]

from driftloop.kafka.clients.rotation import current_password
from driftloop.kafka.settings import KafkaSettings

_SPARE = 0.8
"""A token is used for this share of its life, so that none ends on its way to the broker."""
_TIMEOUT = aiohttp.ClientTimeout(total=10)


class ClientCredentials(AbstractTokenProvider):  # type: ignore[misc]
    """The OAuth 2.0 client-credentials grant (RFC 6749, section 4.4); a token is kept until it is nearly old.

    Raises aiohttp.ClientError where the issuer is away or refuses; Faust's client then tries again.
    """

    def __init__(self, kafka: KafkaSettings, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._kafka, self._clock = kafka, clock
        self._token, self._until = "", 0.0

    async def token(self) -> str:
        """A token that is valid for a while."""
        if self._clock() >= self._until:
            answer = await self._asked()
            self._token = str(answer["access_token"])
            self._until = self._clock() + _SPARE * float(answer.get("expires_in", 60))
        return self._token

    async def _asked(self) -> dict[str, Any]:
        kafka = self._kafka
        form = {"grant_type": "client_credentials"}
        if kafka.sasl_oauth_scope:
            form["scope"] = kafka.sasl_oauth_scope
        trusted = ssl.create_default_context(cafile=str(kafka.sasl_oauth_ca_file) if kafka.sasl_oauth_ca_file else None)
        who = aiohttp.BasicAuth(kafka.sasl_username or "", current_password(kafka))
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT, raise_for_status=True) as session,
            session.post(str(kafka.sasl_oauth_token_url), data=form, auth=who, ssl=trusted) as response,
        ):
            answer: dict[str, Any] = await response.json()
            return answer
