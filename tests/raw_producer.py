"""A producer that speaks Kafka's protocol by itself, and does what no client library lets one do."""

import socket
import struct
import time
from contextlib import closing

_INIT_PRODUCER_ID, _TXN_OFFSET_COMMIT = 22, 28
_CONCURRENT_TRANSACTIONS, _LOADING, _NOT_COORDINATOR = 51, 14, 16


def leave_pending(servers: str, transactional_id: str, group: str, topic: str, partition: int, offset: int) -> int:
    """Send offsets as of a transaction that was never begun; the broker's error code (0: it took them)."""
    host, _, port = servers.rpartition(":")
    with closing(socket.create_connection((host, int(port)), timeout=30)) as connection:
        producer = _producer_id(connection, transactional_id)
        body = _text(transactional_id) + _text(group) + producer + struct.pack(">i", 1) + _text(topic)
        body += struct.pack(">iiq", 1, partition, offset) + _text("")
        answer = _asked(connection, _TXN_OFFSET_COMMIT, body)
        return int(struct.unpack(">h", answer[-2:])[0])


def _producer_id(connection: socket.socket, transactional_id: str) -> bytes:
    """Id and epoch, as they go into later requests."""
    while True:
        answer = _asked(connection, _INIT_PRODUCER_ID, _text(transactional_id) + struct.pack(">i", 30_000))
        (error,) = struct.unpack(">h", answer[4:6])
        if error == 0:
            return answer[6:16]
        assert error in (_CONCURRENT_TRANSACTIONS, _LOADING, _NOT_COORDINATOR), error
        time.sleep(0.05)


def _asked(connection: socket.socket, request: int, body: bytes) -> bytes:
    """The answer to a request of version 0, without its header."""
    message = struct.pack(">hhi", request, 0, 1) + _text("raw") + body
    connection.sendall(struct.pack(">i", len(message)) + message)
    (size,) = struct.unpack(">i", _read(connection, 4))
    return _read(connection, size)[4:]


def _read(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        chunk = connection.recv(size - len(found))
        assert chunk, "the broker closed the connection"
        found += chunk
    return found


def _text(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()
