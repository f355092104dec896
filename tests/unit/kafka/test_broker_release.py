"""What a broker's answer to ApiVersions tells of its release."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftloop.kafka.admin import broker_release
from driftloop.kafka.admin.broker_release import LEAVES_ENDS_OUT, metadata_version, warnings_of
from driftloop.kafka.settings import KafkaSettings

NO_TAGS = b"\0"


def varint(number: int) -> bytes:
    """As Kafka writes an unsigned one.

    >>> varint(300)
    b'\\xac\\x02'
    """
    parts = []
    while number >= 0x80:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def answered(features: dict[str, int], apis: int = 75, others: dict[int, bytes] | None = None) -> bytes:
    """An answer in version 3 as Kafka's protocol guide lays it out."""
    one_api = struct.pack(">hhh", 0, 0, 13) + NO_TAGS
    supported = varint(len(features) + 1) + b"".join(
        varint(len(name) + 1) + name.encode() + struct.pack(">hh", 0, newest) + NO_TAGS
        for name, newest in features.items()
    )
    tags = {0: supported, **(others or {})}
    told = b"".join(varint(tag) + varint(len(part)) + part for tag, part in sorted(tags.items()))
    return (
        struct.pack(">ih", 7, 0) + varint(apis + 1) + one_api * apis + struct.pack(">i", 0) + varint(len(tags)) + told
    )


names = st.text("abcdefghijklmnopqrstuvwxyz.", min_size=1, max_size=200).filter(lambda name: name != "metadata.version")


@given(
    st.dictionaries(names, st.integers(-1, 2**15 - 1), max_size=5),
    st.integers(1, 2**15 - 1),
    st.integers(0, 300),
    st.dictionaries(st.integers(1, 10_000), st.binary(max_size=300), max_size=4),
)
def test_the_newest_metadata_version_is_found_whatever_else_is_told(others, newest, apis, tags):
    features = {**others, "metadata.version": newest}
    assert metadata_version(answered(features, apis, tags)) == newest
    assert metadata_version(answered(others, apis, tags)) is None


@given(st.binary(max_size=400))
def test_whatever_comes_instead_is_no_version_or_a_number(answer):
    assert isinstance(metadata_version(answer), int | None)


@given(st.integers(0, 600))
def test_half_an_answer_is_no_version(size):
    whole = answered({"metadata.version": 30, "group.version": 1}, 10)
    assert metadata_version(whole[:size]) == (30 if size >= len(whole) else None)


def test_a_refusal_is_no_version():
    assert metadata_version(struct.pack(">ih", 7, 35) + struct.pack(">i", 0)) is None


@contextmanager
def broker_that_says(answer: bytes) -> Iterator[int]:
    """Listens, takes a request and answers so, once."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer_one() -> None:
            connection, _ = server.accept()
            with connection:
                (size,) = struct.unpack(">i", connection.recv(4, socket.MSG_WAITALL))
                connection.recv(size, socket.MSG_WAITALL)
                connection.sendall(answer)

        thread = threading.Thread(target=answer_one)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


class _Admin:
    """Tells of these brokers."""

    host = "127.0.0.1"

    def __init__(self, *ports: int) -> None:
        self.brokers = {n: type("Broker", (), {"host": self.host, "port": port}) for n, port in enumerate(ports)}

    def list_topics(self, timeout: float) -> "_Admin":
        return self


def said_with(monkeypatch: pytest.MonkeyPatch, *ports: int) -> list[str]:
    monkeypatch.setattr(broker_release, "admin_client", lambda _: _Admin(*ports))
    return warnings_of(KafkaSettings(), timeout_s=5)


def sized(answer: bytes) -> bytes:
    return struct.pack(">i", len(answer)) + answer


@pytest.mark.parametrize(("newest", "named"), [(29, False), (LEAVES_ENDS_OUT, True), (31, False)])
def test_brokers_of_kafka_43_are_named_and_no_others(monkeypatch, newest, named):
    with broker_that_says(sized(answered({"metadata.version": newest}))) as port:
        said = said_with(monkeypatch, port)
    assert [f"127.0.0.1:{port} is of Kafka 4.3" in sentence for sentence in said] == [True] * named


@pytest.mark.parametrize(
    "answer", [b"", sized(b"")[:3], struct.pack(">i", 2**31 - 1), b"HTTP/1.1 400 Bad Request\r\n\r\n"]
)
def test_a_broker_that_answers_something_else_is_left_out(monkeypatch, answer):
    with broker_that_says(answer) as odd, broker_that_says(sized(answered({"metadata.version": 30}))) as port:
        (said,) = said_with(monkeypatch, odd, port)
    assert f":{port} is" in said
    assert str(odd) not in said


def test_a_closed_port_is_left_out(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    assert said_with(monkeypatch, closed) == []


@pytest.mark.parametrize("host", ["a" * 70 + ".example", "a..b", "", "."])
def test_a_name_that_cannot_be_looked_up_is_left_out(monkeypatch, host):
    monkeypatch.setattr(_Admin, "host", host)
    assert said_with(monkeypatch, 9) == []


def test_a_broker_that_answers_byte_by_byte_is_left_out_in_time(monkeypatch):
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(struct.pack(">i", 100))
                while not over.wait(0.05):
                    connection.sendall(b"\0")

        thread = threading.Thread(target=drip)
        thread.start()
        monkeypatch.setattr(broker_release, "admin_client", lambda _: _Admin(server.getsockname()[1]))
        began = time.monotonic()
        try:
            assert warnings_of(KafkaSettings(), timeout_s=0.5) == []
            assert time.monotonic() - began < 4  # the whole of it takes five seconds
        finally:
            over.set()
            thread.join()


def test_a_number_that_does_not_end_is_no_version():
    began = time.process_time()
    assert metadata_version(struct.pack(">ih", 7, 0) + b"\xff" * (1 << 20)) is None
    assert time.process_time() - began < 1  # read to its end, it took a minute
