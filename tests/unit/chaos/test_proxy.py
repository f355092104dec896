"""The proxy of the fault tests: it passes on, it is late, it resets."""

import socket
import threading
import time

import pytest
from tests.chaos.proxy import Proxy


@pytest.fixture
def echo():
    """The port of a server that sends back what it gets."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        def answer(connection):
            with connection:
                try:
                    while chunk := connection.recv(65_536):
                        connection.sendall(chunk)
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


def said_back(client, words):
    client.sendall(words)
    found = b""
    while len(found) < len(words):
        found += client.recv(65_536)
    return found


def test_what_goes_in_comes_out_late_and_in_order(echo):
    with Proxy(echo) as proxy, socket.create_connection(("127.0.0.1", proxy.port)) as client:
        words = bytes(range(256)) * 4096
        assert said_back(client, words) == words
        proxy.delay_s = 0.05
        began = time.monotonic()
        assert said_back(client, b"late") == b"late"
        assert time.monotonic() - began >= 0.1


def test_a_reset_breaks_the_connection_and_the_next_one_works(echo):
    with Proxy(echo) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port)) as client:
            assert said_back(client, b"one") == b"one"
            assert proxy.reset() == 1
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        with socket.create_connection(("127.0.0.1", proxy.port)) as client:
            assert said_back(client, b"two") == b"two"


def test_where_nobody_listens_the_connection_ends():
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with Proxy(port) as proxy, socket.create_connection(("127.0.0.1", proxy.port)) as client:
        assert client.recv(1) == b""
