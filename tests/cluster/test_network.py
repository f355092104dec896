"""The proxy that cuts a network: who is cut, and what becomes of what was on its way."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
from tests.cluster.network import CLIENT, Network, from_brokers, from_clients, isolated, nothing


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a broker that says what it hears."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=_echo, args=(connection,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


def _echo(connection: socket.socket) -> None:
    with connection, suppress(ConnectionResetError):
        while heard := connection.recv(100):
            connection.sendall(heard)


def _heard(port: int) -> bytes:
    """What a new connection hears; a reset may come while it is being made."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        return connection.recv(100)


def test_who_is_cut_from_whom():
    everyone = [(source, target) for source in (CLIENT, 1, 2, 3) for target in (1, 2, 3) if source != target]
    assert not any(nothing(*pair) for pair in everyone)
    assert {pair for pair in everyone if isolated(2)(*pair)} == {(CLIENT, 2), (1, 2), (3, 2), (2, 1), (2, 3)}
    assert {pair for pair in everyone if from_brokers(2)(*pair)} == {(1, 2), (3, 2), (2, 1), (2, 3)}
    assert {pair for pair in everyone if from_clients(2)(*pair)} == {(CLIENT, 2)}
    assert not isolated(2)(2, 2), "it speaks with itself"


def test_in_silence_nothing_arrives_and_all_of_it_does_when_the_cut_is_over(echo):
    with Network() as network, socket.create_connection(("127.0.0.1", network.listen(1, echo))) as client:
        client.settimeout(5)
        client.sendall(b"before")
        assert client.recv(100) == b"before"
        with network.cut(from_clients(1), silent=True):
            client.sendall(b"meanwhile")
            client.settimeout(0.2)
            with pytest.raises(TimeoutError):
                client.recv(100)
        client.settimeout(5)
        assert client.recv(100) == b"meanwhile"


def test_a_reset_breaks_connections_and_refuses_new_ones_until_the_cut_is_over(echo):
    with Network() as network:
        port = network.listen(1, echo)
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.settimeout(5)
            client.sendall(b"before")
            assert client.recv(100) == b"before"
            with network.cut(from_clients(1), silent=False):
                with pytest.raises(ConnectionError):
                    client.recv(100)
                with pytest.raises(ConnectionError):
                    _heard(port)
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.settimeout(5)
            client.sendall(b"after")
            assert client.recv(100) == b"after"


def test_the_dialling_broker_is_cut_too_and_others_are_not(echo):
    with Network() as network:
        port = network.listen(1, echo, lambda _: 2)
        with network.cut(from_clients(1), silent=False), socket.create_connection(("127.0.0.1", port)) as broker:
            broker.settimeout(5)
            broker.sendall(b"from 2")
            assert broker.recv(100) == b"from 2"
