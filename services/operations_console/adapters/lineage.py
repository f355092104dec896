"""Role `lineage`: sends what the log says about lineage to a receiver of OpenLineage events.

Why it is sent before the offset is committed: an event may arrive twice, which a receiver takes for the same (its run
and its time are), and none is lost. A receiver that stays away ends the process, which is started again and goes on
from there: nothing else waits for it.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from http.client import HTTPException

import structlog
from prometheus_client import CollectorRegistry, Counter

from driftloop.errors import AwayError
from driftloop.processor import DeadLetter, Effects, Record
from driftloop.rest import open_url
from operations_console.core.lineage import Event, events_of

_TIMEOUT_S = 5.0
_PAUSES_S = (0.5, 2.0)
_LATER = frozenset({408, 425, 429})
"""4xx that ask to come again."""
log = structlog.get_logger()

Send = Callable[[Event], None]


class Lineage:
    """Satisfies `driftloop.processor.Processor`. `send` returns once the receiver has the event."""

    def __init__(self, namespace: str, send: Send) -> None:
        self._namespace, self._send = namespace, send

    def process(self, records: Sequence[Record], now: datetime, *, tables_current: bool = False) -> Effects:  # noqa: ARG002
        """Send what the records say; raises AwayError where the receiver stays away."""
        letters = []
        for record in records:
            value = record.value()
            if value is None:
                continue
            raw = value.encode() if isinstance(value, str) else value
            try:
                found = events_of(str(record.topic()), raw, self._namespace)
            except ValueError as error:
                letters.append(DeadLetter(record, "decode", type(error).__name__, str(error)))
                continue
            for event in found:
                self._send(event)
        return Effects(dead_letters=tuple(letters))

    def wake(self, now: datetime) -> Effects:  # noqa: ARG002  (nothing here waits for a moment)
        """There is nothing to wait for."""
        return Effects()

    def restore(self, partition: int, state: Iterable[tuple[str, bytes]]) -> None:
        """There is no state."""

    def snapshot(self, partition: int) -> Iterable[tuple[str, bytes]]:  # noqa: ARG002
        """There is no state."""
        return ()

    def revoke(self, partition: int) -> None:
        """There is no state."""

    def take_table(self, topic: str, records: Sequence[Record]) -> None:
        """There are no tables."""


class OpenLineageSender:
    """Sends events by HTTP, three times if need be; raises AwayError where the receiver does not take one."""

    def __init__(self, url: str, registry: CollectorRegistry, sleep: Callable[[float], None] = time.sleep) -> None:
        self._url, self._sleep = url, sleep
        self._sent = Counter("driftloop_lineage_events", "Lineage events, by end.", ["end"], registry=registry)

    def __call__(self, event: Event) -> None:
        """Return once the receiver has it, or has refused it for good."""
        for pause in (*_PAUSES_S, None):
            try:
                self._post(event)
            except urllib.error.HTTPError as error:
                if (
                    400 <= error.code < 500 and error.code not in _LATER
                ):  # it will never be taken, and those behind it may
                    log.error("the receiver refuses a lineage event", job=event["job"]["name"], code=error.code)  # noqa: TRY400
                    self._sent.labels("refused").inc()
                    return
                why = str(error)
            except (OSError, HTTPException) as error:
                why = str(error)
            else:
                self._sent.labels("sent").inc()
                return
            if pause is not None:
                self._sleep(pause)
        self._sent.labels("failed").inc()
        raise AwayError(f"{self._url} does not take lineage events ({why}): the next start goes on from here.")

    def _post(self, event: Event) -> None:
        request = urllib.request.Request(  # noqa: S310  (http only: the settings see to it)
            self._url, data=json.dumps(event).encode(), headers={"Content-Type": "application/json"}
        )
        with open_url(request, _TIMEOUT_S) as answer:
            answer.read(10_000)
