"""Moves partitions between brokers, and elects their leaders, with requests written down byte by byte.

Why: no Python client has `AlterPartitionReassignments` (key 45, version 0), and `elect_leaders` of confluent-kafka
2.16 raises a SystemError (`ElectLeaders` is key 43, version 2). The formats are Kafka's own
(`AlterPartitionReassignmentsRequest.json`): compact arrays and strings, each structure closed by its tags.
"""

import socket
import struct
import time
from collections.abc import Mapping, Sequence

from driftloop.errors import UserError
from driftloop.kafka.clients.clients import admin_client
from driftloop.kafka.settings import KafkaSettings

_REASSIGN, _ELECT = (45, 0), (43, 2)
_PREFERRED, _ALL_PARTITIONS = b"\x00", b"\x00"
_TIMEOUT_MS = 30_000
_MOVED_S = 120.0
_NO_TAGS = b"\x00"

Replicas = Mapping[tuple[str, int], Sequence[int]]


def replicas_of(kafka: KafkaSettings) -> dict[tuple[str, int], list[int]]:
    """The brokers that hold each partition of every topic; the first is the one that should lead."""
    topics = admin_client(kafka).list_topics(timeout=30).topics
    return {(name, number): list(p.replicas) for name, t in topics.items() for number, p in t.partitions.items()}


def reassign(kafka: KafkaSettings, wanted: Replicas) -> None:
    """Return once every partition is on the brokers that are wanted, and nowhere else."""
    _asked(kafka, _REASSIGN, struct.pack(">i", _TIMEOUT_MS) + _moves(wanted))
    deadline = time.monotonic() + _MOVED_S
    while any(set(there) != set(wanted[place]) for place, there in replicas_of(kafka).items() if place in wanted):
        if time.monotonic() > deadline:
            raise UserError(f"the partitions have not moved after {_MOVED_S:.0f} s")
        time.sleep(0.2)


def elect_preferred_leaders(kafka: KafkaSettings) -> None:
    """Give every partition back to the broker that should lead it."""
    _asked(kafka, _ELECT, _PREFERRED + _ALL_PARTITIONS + struct.pack(">i", _TIMEOUT_MS))


def _asked(kafka: KafkaSettings, request: tuple[int, int], body: bytes) -> None:
    host, port = kafka.bootstrap_servers.split(",")[0].split(":")
    message = struct.pack(">hhih", *request, 1, -1) + _NO_TAGS + body + _NO_TAGS
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(struct.pack(">i", len(message)) + message)
        size = struct.unpack(">i", _exactly(connection, 4))[0]
        answer = _exactly(connection, size)
    error = struct.unpack(">h", answer[9:11])[0]  # behind the correlation id, its tags and the throttle time
    if error:
        raise UserError(f"Kafka refused a change of its partitions: error {error}")


def _moves(wanted: Replicas) -> bytes:
    by_topic: dict[str, list[tuple[int, Sequence[int]]]] = {}
    for (topic, number), brokers in wanted.items():
        by_topic.setdefault(topic, []).append((number, brokers))
    return _array(
        [_text(topic) + _array([_partition(*one) for one in ps]) + _NO_TAGS for topic, ps in by_topic.items()]
    )


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
