"""Which line of Kafka's releases the brokers belong to, and what is known to be wrong with it.

A broker tells no client its release. What it tells is the newest `metadata.version` that it supports (KIP-584): 29 is
Kafka 4.2 and 30 is 4.3 (seen on 4.2.1 and 4.3.0). It stands in the answer to ApiVersions, the one request that a broker
answers before it asks who we are; librdkafka makes the request and keeps that part of the answer to itself, so that it
is asked here once more. The layout is Kafka's protocol guide's: https://kafka.apache.org/protocol.html.
"""

import socket
import ssl
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from driftloop.kafka.clients.clients import admin_client
from driftloop.kafka.settings import KafkaSettings

LEAVES_ENDS_OUT = 30
"""The `metadata.version` of Kafka 4.3, whose releases 4.3.0 and 4.3.1 may leave out the end of a transaction."""
_API_VERSIONS, _VERSION = 18, 3
_SUPPORTED_FEATURES = 0
_NAME = b"driftloop"
_LONGEST = 1 << 20
_AT_ONCE = 16


def warnings_of(kafka: KafkaSettings, timeout_s: float = 5.0) -> list[str]:
    """What somebody who runs driftloop on this cluster should know about its brokers' releases; often nothing.

    A broker that does not answer in time, or does not say what it supports, is left out.
    """
    brokers = admin_client(kafka).list_topics(timeout=timeout_s).brokers.values()
    places = sorted((str(broker.host), broker.port) for broker in brokers)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        told = list(pool.map(lambda place: _asked(place, kafka, timeout_s), places))
    of_43 = [f"{host}:{port}" for (host, port), newest in zip(places, told, strict=True) if newest == LEAVES_ENDS_OUT]
    if not of_43:
        return []
    which = f"the broker {of_43[0]} is" if len(of_43) == 1 else f"the brokers {', '.join(of_43)} are"
    sentence = (
        f"{which} of Kafka 4.3. Its releases 4.3.0 and 4.3.1 may leave out the end of a transaction when a broker is "
        "killed (KAFKA-20734), and records are then lost or doubled, which nothing can see: unless the notes of your "
        "release say that it is mended, use 4.2 (docs/reliability.md)"
    )
    return [sentence]


def _asked(place: tuple[str, int], kafka: KafkaSettings, timeout_s: float) -> int | None:
    """The newest `metadata.version` that a broker supports; None where it does not say, or not in time."""
    until = time.monotonic() + timeout_s
    try:
        with socket.create_connection(place, timeout_s) as plain, _secured(plain, place[0], kafka) as connection:
            connection.sendall(_request())
            (size,) = struct.unpack(">i", _received(connection, 4, until))
            if not 0 < size <= _LONGEST:
                return None
            return metadata_version(_received(connection, size, until))
    except (OSError, UnicodeError):
        # its port is closed to us, TLS was refused, or its name is none that can be looked up: the clients of the
        # services say so themselves
        return None


def _secured(plain: socket.socket, host: str, kafka: KafkaSettings) -> socket.socket:
    if not kafka.security_protocol.endswith("SSL"):
        return plain
    context = ssl.create_default_context(cafile=kafka.ssl_ca_file)
    if kafka.ssl_certificate_file:
        secret = kafka.ssl_key_password
        context.load_cert_chain(
            kafka.ssl_certificate_file, kafka.ssl_key_file, secret.get_secret_value() if secret else None
        )
    return context.wrap_socket(plain, server_hostname=host)


def _request() -> bytes:
    header = struct.pack(">hhih", _API_VERSIONS, _VERSION, 0, len(_NAME)) + _NAME + b"\0"
    body = _compact(_NAME) + _compact(b"1") + b"\0"
    return struct.pack(">i", len(header) + len(body)) + header + body


def _compact(text: bytes) -> bytes:
    return bytes([len(text) + 1]) + text


def _received(connection: socket.socket, size: int, until: float) -> bytes:
    received = bytearray()
    while len(received) < size:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the broker's answer comes too slowly")
        connection.settimeout(left)
        part = connection.recv(size - len(received))
        if not part:
            raise ConnectionError("the broker ended the connection within its answer")
        received += part
    return bytes(received)


def metadata_version(answer: bytes) -> int | None:
    """The newest `metadata.version` in an answer to ApiVersions, version 3, without its length.

    None where it is not there: the broker is older, another vendor's, or refused the version of the request (it then
    answers in version 0).
    """
    try:
        return dict(_features(_Reader(answer))).get(b"metadata.version")
    except (struct.error, IndexError):
        return None


def _features(answer: "_Reader") -> Iterator[tuple[bytes, int]]:
    """The features that are supported, each with its newest level."""
    (error,) = answer.unpacked(">4xh")
    if error:
        return
    for _ in range(answer.number() - 1):
        answer.unpacked(">hhh")
        answer.skip_tags()
    answer.unpacked(">i")  # for how long we were throttled
    for _ in range(answer.number()):
        tag, size = answer.number(), answer.number()
        part = _Reader(answer.taken(size))
        if tag == _SUPPORTED_FEATURES:
            for _ in range(part.number() - 1):
                name = part.taken(part.number() - 1)
                _oldest, newest = part.unpacked(">hh")
                part.skip_tags()
                yield name, newest


class _Reader:
    """Goes through the fields of a message; raises IndexError or struct.error where it is over too soon."""

    def __init__(self, message: bytes) -> None:
        self._message, self._at = message, 0

    def taken(self, size: int) -> bytes:
        if not 0 <= size <= len(self._message) - self._at:
            raise IndexError(size)
        self._at += size
        return self._message[self._at - size : self._at]

    def unpacked(self, layout: str) -> tuple[int, ...]:
        return struct.unpack(layout, self.taken(struct.calcsize(layout)))

    def number(self) -> int:
        """An unsigned varint of 32 bits."""
        number = 0
        for shift in range(0, 35, 7):
            (part,) = self.taken(1)
            number |= (part & 0x7F) << shift
            if part < 0x80:
                return number
        raise IndexError("a number that does not end")

    def skip_tags(self) -> None:
        for _ in range(self.number()):
            self.number()
            self.taken(self.number())
