"""Keeps the view live: Faust's agents read on from where the loading ended.

Why a transport of our own: Faust has no setting for the isolation level, and hands records of aborted
transactions to agents. `_CommittedThread` is the only place that touches its internals (beside `_NoTables`, which
leaves out a wait); the dependency is pinned to one minor version, and a test with an aborted transaction guards it.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any, cast

import faust
import structlog
from faust.auth import OAuthCredentials
from faust.tables import TableManager
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from yarl import URL

from driftloop.kafka.clients.rotation import current_password
from driftloop.kafka.settings import KafkaSettings
from driftloop.processor import Record
from operations_console.adapters.client_credentials import ClientCredentials
from operations_console.core.view.fleet import TOPICS

Take = Callable[[Record], None]
_QUIET = ("aiokafka", "faust", "mode")


class _CommittedThread(AIOKafkaConsumerThread):
    """A consumer that is given committed records only."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        self.consumer.in_transaction = True
        try:
            return super()._create_worker_consumer(transport)
        finally:
            self.consumer.in_transaction = False


class _CommittedConsumer(Consumer):
    def _new_consumer_thread(self) -> Any:
        return _CommittedThread(self, loop=self.loop, beacon=self.beacon)


class _CommittedTransport(Transport):
    Consumer = _CommittedConsumer


class _NoTables(TableManager):
    """Faust's waits a second, as its only wait, until tables have been declared: here there are none."""

    async def sleep(self, n: Any, **_: Any) -> None:  # noqa: ARG002
        await asyncio.sleep(0)


@dataclass(frozen=True, slots=True)
class TailedRecord:
    """Faust's message as a core sees a record, under driftloop's own topic name."""

    message: Any
    prefix: str

    def topic(self) -> str:
        """The topic's declared name."""
        return str(self.message.topic).removeprefix(self.prefix)

    def partition(self) -> int:
        """The partition's number."""
        return int(self.message.partition)

    def offset(self) -> int:
        """The place in the partition."""
        return int(self.message.offset)

    def key(self) -> bytes | None:
        """The key's bytes."""
        return cast("bytes | None", self.message.key)

    def value(self) -> bytes | None:
        """The value's bytes."""
        return cast("bytes | None", self.message.value)

    def headers(self) -> list[tuple[str, bytes]] | None:
        """The headers, or None."""
        found = self.message.headers
        return list(found.items() if isinstance(found, dict) else found) if found else None

    def timestamp(self) -> tuple[int, int]:
        """(1, milliseconds since 1970)."""
        return 1, int(float(self.message.timestamp or 0.0) * 1000)


def tail_app(kafka: KafkaSettings, group: str, folder: Path, take: Take) -> faust.App:
    """A Faust app of one agent a topic; each hands its records to `take`, in the event loop's thread."""
    for name in _QUIET:
        _through_structlog(name)
    app = faust.App(
        kafka.topic_prefix + group,
        broker=[f"kafka://{server}" for server in kafka.bootstrap_servers.split(",")],
        broker_credentials=_credentials(kafka),
        store="memory://",
        datadir=str(folder),
        key_serializer="raw",
        value_serializer="raw",
        consumer_auto_offset_reset="earliest",
        consumer_metadata_max_age_ms=10_000,
        broker_session_timeout=10.0,
        broker_heartbeat_interval=2.0,
        broker_max_poll_records=2_000,
        stream_wait_empty=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        worker_redirect_stdouts=False,
        web_enabled=False,
        web_router_enabled=False,
        web_tables_enabled=False,
        TableManager=_NoTables,
    )
    url = [URL(f"kafka://{server}") for server in kafka.bootstrap_servers.split(",")]
    app.transport = _CommittedTransport(url, app)
    for topic in TOPICS:
        stream = app.topic(kafka.topic_prefix + topic, key_serializer="raw", value_serializer="raw")
        app.agent(stream, name=f"tail-{topic}")(_agent(kafka.topic_prefix, take))
    return app


def add_schedule(app: faust.App, cron: str, serve: Callable[[], Awaitable[None]]) -> None:
    """Call `serve` at the start, for a slot that was missed, and whenever the schedule fires.

    In the event loop's thread: the view changes in no other.
    """

    async def fire() -> None:
        await serve()

    app.task()(fire)
    app.crontab(cron, timezone=UTC)(fire)


def _agent(prefix: str, take: Take) -> Any:
    async def follow(stream: Any) -> AsyncIterator[None]:
        async for event in stream.events():
            take(TailedRecord(event.message, prefix))
            yield

    return follow


def _credentials(kafka: KafkaSettings) -> Any:
    """Faust's form of what the cluster asks for; None where it asks for nothing."""
    protocol = kafka.security_protocol
    if protocol == "PLAINTEXT":
        return None
    context = _ssl_context(kafka) if protocol.endswith("SSL") else None
    if not protocol.startswith("SASL"):
        return faust.SSLCredentials(context=context)
    if kafka.sasl_mechanism == "OAUTHBEARER":
        return OAuthCredentials(oauth_cb=ClientCredentials(kafka), ssl_context=context)
    return faust.SASLCredentials(
        username=kafka.sasl_username or "",
        password=current_password(kafka),
        mechanism=kafka.sasl_mechanism,
        ssl_context=context,
    )


def _ssl_context(kafka: KafkaSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(kafka.ssl_ca_file) if kafka.ssl_ca_file else None)
    if kafka.ssl_certificate_file and kafka.ssl_key_file:
        password = kafka.ssl_key_password.get_secret_value() if kafka.ssl_key_password else None
        context.load_cert_chain(str(kafka.ssl_certificate_file), str(kafka.ssl_key_file), password)
    return context


class _Sparing(logging.Handler):
    """Sends a library's words on, the same ones at most every ten seconds: it says sixty a second of a broker away."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """One line."""
        kind = f"{record.name}:{record.msg}"
        if record.created - self._said.get(kind, 0.0) < 10.0:
            return
        if len(self._said) > 500:
            self._said.clear()
        self._said[kind] = record.created
        structlog.get_logger().log(record.levelno, "tail", library=record.name, words=record.getMessage())


def _through_structlog(name: str) -> None:
    logger = logging.getLogger(name)
    logger.handlers = [_Sparing()]
    logger.propagate = False
    logger.setLevel(logging.WARNING)
