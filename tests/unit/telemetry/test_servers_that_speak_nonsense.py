"""Whoever asks a server by HTTP may meet another program on its port: what it says is no answer, and no crash."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from driftloop.errors import AwayError, UserError
from driftloop.rest import AwayError as NoAnswerError
from driftloop.rest import Server
from driftloop.telemetry.host_figures import prometheus_figures
from driftloop.tools.cli.service_waits import waits_of
from driftloop.tools.cli.status_ignored import left_out
from driftloop.tools.cli.through_console import ConsoleWay
from driftloop.tools.local.readiness import readiness
from driftloop.tools.local.supervisor import _is_ready
from driftloop.waits import HANGS
from outcome_ingestion.adapters.registry_client import RegistryAddress, RegistryClient

NONSENSE = {
    "another protocol": b"220 mail.example ESMTP\r\n",
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{",
    "half a refusal": b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{",
    "headers without end": b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 200,
    "no text": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xfe",
}


@pytest.fixture(params=NONSENSE)
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a program that says one thing to everybody."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            while True:
                try:
                    caller, _ = listening.accept()
                except OSError:
                    return
                with caller:
                    caller.recv(65536)
                    caller.sendall(NONSENSE[request.param])

        threading.Thread(target=answer, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def raises(kind: type[Exception], ask: Callable[[], object]) -> None:
    with pytest.raises(kind):
        ask()


def test_nonsense_is_no_answer(port: int):
    url = f"http://127.0.0.1:{port}"
    assert waits_of(port) == []
    assert left_out({"a": {"alive": True, "port": port}}) == {}
    raises(UserError, lambda: ConsoleWay(url, None).get("/api/models"))
    raises(UserError, lambda: prometheus_figures(url))
    raises(AwayError, lambda: RegistryClient(RegistryAddress(url, retry_seconds=0.0)).json(f"{url}/schemas/ids/1"))


@pytest.mark.parametrize("port", ["another protocol", "half a refusal", "headers without end"], indirect=True)
def test_a_service_that_speaks_nonsense_hangs(port: int):
    assert readiness(port) == HANGS
    assert not _is_ready(port)
    raises(NoAnswerError, lambda: Server(f"http://127.0.0.1:{port}").ask("GET", "/"))
