"""Moves partitions between brokers: no Python client has the request, so it is written down here byte by byte.

`AlterPartitionReassignments` (key 45, version 0) is answered by every broker; the format is Kafka's own
(`AlterPartitionReassignmentsRequest.json`): compact arrays and strings, each structure closed by its tags.
"""

import socket
import struct
import time
from collections.abc import Mapping, Sequence

from confluent_kafka import ElectionType  # type: ignore[attr-defined]

from driftloop.errors import UserError
from driftloop.kafka.clients.clients import admin_client
from driftloop.kafka.settings import KafkaSettings

_KEY, _VERSION, _TIMEOUT_MS = 45, 0, 30_000
_MOVED_S = 120.0
_NO_TAGS = b"\x00"

Replicas = Mapping[tuple[str, int], Sequence[int]]


def replicas_of(kafka: KafkaSettings) -> dict[tuple[str, int], list[int]]:
    """The brokers that hold each partition of every topic; the first is the one that should lead."""
    topics = admin_client(kafka).list_topics(timeout=30).topics
    return {(name, number): list(p.replicas) for name, t in topics.items() for number, p in t.partitions.items()}


def reassign(kafka: KafkaSettings, wanted: Replicas) -> None:
    """Return once every partition is on the brokers that are wanted, and nowhere else."""
    host, port = kafka.bootstrap_servers.split(",")[0].split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(_request(wanted))
        size = struct.unpack(">i", _exactly(connection, 4))[0]
        answer = _exactly(connection, size)
    error = struct.unpack(">h", answer[9:11])[0]  # behind the correlation id, its tags and the throttle time
    if error:
        raise UserError(f"Kafka refused to move partitions: error {error}")
    deadline = time.monotonic() + _MOVED_S
    while any(set(replicas_of(kafka)[place]) != set(brokers) for place, brokers in wanted.items()):
        if time.monotonic() > deadline:
            raise UserError(f"the partitions have not moved after {_MOVED_S:.0f} s")
        time.sleep(0.2)


def elect_preferred_leaders(kafka: KafkaSettings) -> None:
    """Give every partition back to the broker that should lead it."""
    admin = admin_client(kafka)
    admin.elect_leaders(ElectionType.PREFERRED, None, request_timeout=30).result()


def _request(wanted: Replicas) -> bytes:
    by_topic: dict[str, list[tuple[int, Sequence[int]]]] = {}
    for (topic, number), brokers in wanted.items():
        by_topic.setdefault(topic, []).append((number, brokers))
    topics = [_text(topic) + _array([_partition(*one) for one in ps]) + _NO_TAGS for topic, ps in by_topic.items()]
    header = struct.pack(">hhih", _KEY, _VERSION, 1, -1) + _NO_TAGS
    message = header + struct.pack(">i", _TIMEOUT_MS) + _array(topics) + _NO_TAGS
    return struct.pack(">i", len(message)) + message


def _partition(number: int, brokers: Sequence[int]) -> bytes:
    return struct.pack(">i", number) + _array([struct.pack(">i", broker) for broker in brokers]) + _NO_TAGS


def _array(items: Sequence[bytes]) -> bytes:
    return _varint(len(items) + 1) + b"".join(items)


def _text(value: str) -> bytes:
    return _varint(len(value) + 1) + value.encode()


def _varint(value: int) -> bytes:
    found = b""
    while value > 127:
        found += bytes([value & 127 | 128])
        value >>= 7
    return found + bytes([value])


def _exactly(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        if not (more := connection.recv(size - len(found))):
            raise UserError("the broker closed the connection on a request to move partitions")
        found += more
    return found
