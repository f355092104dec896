"""Builds every Kafka client from `KafkaSettings`.

The settings that are not obvious were measured: `fetch.queue.backoff.ms` at its default of 1000 caps
catching up at a tenth; small `fetch.wait.max.ms` and `linger.ms` keep a hop at milliseconds. With
`metadata.recovery.strategy=rebootstrap`, the client's default, a broker that is gone for a while is forgotten,
and a transaction that waits for it as its group's coordinator then waits for ever, whatever its timeout
(librdkafka issues 5456 and 5511; one broker kill in four, when it fell on the first transaction).

A producer has one request in flight and no more: with several, a producer's first batch for a partition may be refused
(`NOT_LEADER_FOR_PARTITION`, as a new topic does for a moment on a busy broker) while the second is taken, since a
broker takes any sequence number from a producer that it does not know there; the client infers from the second
that the first arrived as well, and reports records as delivered that no log has (seen in one run of seventeen of a
test that makes its topics on a loaded machine).

No setting makes a transaction end for sure when its coordinator is lost. `connections.max.idle.ms=10000` on the
transactional producer makes the client drop a connection that nothing answers on (after two broker kills 0 of 8
producers hung, a small sample, 4 of 8 without it) and costs a reconnection after ten quiet seconds; what still
hangs is seen by the watchdog, since every call of these clients is (`under_way`).
"""

import logging
import re
from typing import Any

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import admin as confluent_admin

from driftloop.errors import AwayError, ExitCode, UserError
from driftloop.kafka.clients.rotation import PASSWORDS, current_password
from driftloop.kafka.clients.under_way import watched
from driftloop.kafka.settings import KafkaSettings

CLIENT_LOG = logging.getLogger("driftloop.kafka.client")
"""What the client library has to say; silent unless `driftloop.telemetry.logs` sends it on."""
CLIENT_LOG.addHandler(logging.NullHandler())
CLIENT_LOG.propagate = False

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""The largest record of any topic of ours, the dead letters' excepted."""
_IDLE_MS = 10_000


class Consumer(confluent_kafka.Consumer):
    """The client's, every call of it seen while it is under way."""


class Producer(confluent_kafka.Producer):
    """The client's, every call of it that may wait seen while it is under way."""


class AdminClient(confluent_admin.AdminClient):
    """The client's, with its one call that waits seen while it is under way; the others give futures."""


watched(
    Consumer,
    (
        *("assign", "assignment", "close", "commit", "committed", "consume", "consumer_group_metadata"),
        *("get_watermark_offsets", "incremental_assign", "incremental_unassign", "list_topics", "memberid"),
        *("offsets_for_times", "pause", "poll", "position", "resume", "seek", "subscribe", "unassign", "unsubscribe"),
    ),
)
watched(
    Producer,
    (
        *("abort_transaction", "begin_transaction", "commit_transaction", "flush", "init_transactions"),
        *("list_topics", "poll", "purge", "send_offsets_to_transaction"),
    ),
)
watched(AdminClient, ("list_topics", "poll"))


def client_config(kafka: KafkaSettings) -> dict[str, Any]:
    """What all clients share: the cluster, who we are, and a quiet log."""
    config: dict[str, Any] = {
        "bootstrap.servers": kafka.bootstrap_servers,
        "client.id": f"driftloop-{kafka.replica}",
        "security.protocol": kafka.security_protocol,
        "retry.backoff.ms": 10,
        "enable.metrics.push": False,
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 1_000,
        "metadata.recovery.strategy": "none",
        "socket.keepalive.enable": True,
        "log_level": 4,
        "logger": CLIENT_LOG,
    }
    if kafka.security_protocol.startswith("SASL"):
        config |= _sasl_config(kafka)
    if kafka.security_protocol.endswith("SSL"):
        config |= _ssl_config(kafka)
    return config


def _sasl_config(kafka: KafkaSettings) -> dict[str, Any]:
    secret = current_password(kafka)
    if kafka.sasl_mechanism != "OAUTHBEARER":
        return {
            "sasl.mechanism": kafka.sasl_mechanism,
            "sasl.username": kafka.sasl_username or "",
            "sasl.password": secret,
        }
    config = {
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.client.id": kafka.sasl_username,
        "sasl.oauthbearer.client.secret": secret,
        "sasl.oauthbearer.token.endpoint.url": kafka.sasl_oauth_token_url,
    }
    if kafka.sasl_oauth_scope:
        config["sasl.oauthbearer.scope"] = kafka.sasl_oauth_scope
    if kafka.sasl_oauth_ca_file:
        config["https.ca.location"] = str(kafka.sasl_oauth_ca_file)
    return config


def _ssl_config(kafka: KafkaSettings) -> dict[str, Any]:
    files = {
        "ssl.ca.location": kafka.ssl_ca_file,
        "ssl.certificate.location": kafka.ssl_certificate_file,
        "ssl.key.location": kafka.ssl_key_file,
    }
    config: dict[str, Any] = {name: str(file) for name, file in files.items() if file}
    if kafka.ssl_key_password:
        config["ssl.key.password"] = kafka.ssl_key_password.get_secret_value()
    return config


def _reader_config(kafka: KafkaSettings) -> dict[str, Any]:
    return {
        **client_config(kafka),
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        "fetch.wait.max.ms": kafka.fetch_wait_ms,
        "fetch.queue.backoff.ms": 5,
        "queued.min.messages": 20_000,
        "queued.max.messages.kbytes": 65_536,
        "fetch.message.max.bytes": MAX_MESSAGE_BYTES,
    }


def group_consumer(kafka: KafkaSettings, group: str, *, inputs: int = 1) -> Consumer:
    """A member of `group`; where it reads several inputs they are assigned side by side."""
    config = {
        **_reader_config(kafka),
        "group.id": kafka.topic_prefix + group,
        "group.protocol": kafka.group_protocol,
        "max.poll.interval.ms": kafka.max_poll_interval_ms,
    }
    if kafka.group_protocol == "consumer":
        config |= {"group.remote.assignor": "range"} if inputs > 1 else {}
    else:
        config |= {"partition.assignment.strategy": "range", "session.timeout.ms": kafka.session_timeout_ms}
        config |= {"heartbeat.interval.ms": max(100, kafka.session_timeout_ms // 10)}
    return PASSWORDS.kept(kafka, Consumer(config))


def plain_reader(kafka: KafkaSettings) -> Consumer:
    """A reader outside every group: it assigns itself and commits nothing."""
    config = {**_reader_config(kafka), "group.id": f"{kafka.topic_prefix}driftloop-reader"}
    return PASSWORDS.kept(kafka, Consumer(config))


def group_reader(kafka: KafkaSettings, group: str) -> Consumer:
    """Asks for the offsets of a group, its open transactions awaited; it neither joins the group nor reads."""
    return PASSWORDS.kept(kafka, Consumer({**_reader_config(kafka), "group.id": kafka.topic_prefix + group}))


def offset_reader(kafka: KafkaSettings, group: str) -> Consumer:
    """Asks for offsets as they are, open transactions included; it neither joins the group nor reads."""
    config = {
        **client_config(kafka),
        "group.id": kafka.topic_prefix + group,
        "isolation.level": "read_uncommitted",
        "enable.auto.commit": False,
    }
    return PASSWORDS.kept(kafka, Consumer(config))


def _writer_config(kafka: KafkaSettings) -> dict[str, Any]:
    return {
        **client_config(kafka),
        "partitioner": "murmur2_random",
        "compression.type": "lz4",
        "linger.ms": 1,
        "message.max.bytes": 2 * MAX_MESSAGE_BYTES,
        "queue.buffering.max.messages": 500_000,
        "queue.buffering.max.kbytes": 262_144,
        "enable.idempotence": True,
        "max.in.flight.requests.per.connection": 1,
    }


def plain_producer(kafka: KafkaSettings, *, queue_records: int = 500_000) -> Producer:
    """An idempotent producer without transactions, for what enters driftloop from outside."""
    config = {**_writer_config(kafka), "queue.buffering.max.messages": queue_records}
    return PASSWORDS.kept(kafka, Producer(config))


def transactional_producer(kafka: KafkaSettings, transactional_id: str) -> Producer:
    """The producer of one replica slot; a second one with the same id fences the first."""
    config = {
        **_writer_config(kafka),
        "transactional.id": kafka.topic_prefix + transactional_id,
        "transaction.timeout.ms": kafka.transaction_timeout_ms,
        "connections.max.idle.ms": _IDLE_MS,
    }
    return PASSWORDS.kept(kafka, Producer(config))


def admin_client(kafka: KafkaSettings) -> AdminClient:
    """An administrator's client."""
    return PASSWORDS.kept(kafka, AdminClient(client_config(kafka)))


def require_broker(kafka: KafkaSettings, timeout_s: float = 10.0) -> None:
    """Raise a UserError, with what to do, where the cluster does not answer in time or does not let us in."""
    errors: list[KafkaError] = []
    config: dict[str, Any] = {**client_config(kafka), "error_cb": errors.append, "log_level": 0}
    admin = AdminClient(config)
    try:
        admin.list_topics(timeout=timeout_s)
    except KafkaException as error:
        admin.poll(0)  # hands over what went wrong meanwhile
        for seen in errors:
            if (look_at := _to_look_at(seen)) is not None:
                who = kafka.sasl_username or "us"
                sentence = f"Kafka at {kafka.bootstrap_servers} does not let {who} in: {_plain(seen.str())}; {look_at}"
                raise UserError(sentence, ExitCode.USAGE) from error
        raise AwayError(
            f"no Kafka broker answers at {kafka.bootstrap_servers}: start it, or check the address",
            ExitCode.BROKER_AWAY,
        ) from error


def _to_look_at(error: KafkaError) -> str | None:
    """What to check where a cluster answers and does not let us in; None for any other error.

    From TLS 1.3 on a refused certificate arrives with the first answer, as a failed read of the connection.
    """
    if error.code() == KafkaError._AUTHENTICATION:
        return "check DRIFTLOOP_KAFKA_SASL_*"
    if error.code() == KafkaError._SSL or "SSL routines" in error.str():
        return "check DRIFTLOOP_KAFKA_SECURITY_PROTOCOL and DRIFTLOOP_KAFKA_SSL_*"
    return None


def _plain(text: str) -> str:
    """What the client says, without the name of its connection in front and the time it took behind.

    >>> _plain("sasl_ssl://b:9093/bootstrap: SASL authentication error: Wrong password (after 31ms in state AUTH_REQ)")
    'SASL authentication error: Wrong password'
    """
    return re.sub(r"^\S+://\S+: |\s*\(after \d+ms in state [^)]*\)|\s*\(_?\w+\)$", "", text)
