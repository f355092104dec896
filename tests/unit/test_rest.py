"""One question, one answer: what is no answer is said to be away, whatever it looks like."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from driftloop import errors
from driftloop.rest import Answer, AwayError, Server


@pytest.fixture
def server() -> Iterator[Any]:
    """Gives `status`, and `body` after a header that says how long it is, `missing` bytes more than there are."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(running.status)  # type: ignore[attr-defined]
            self.send_header("Content-Length", str(len(running.body) + running.missing))  # type: ignore[attr-defined]
            self.end_headers()
            self.wfile.write(running.body)  # type: ignore[attr-defined]

        def log_message(self, *_: Any) -> None:
            """Quietly."""

    running = HTTPServer(("127.0.0.1", 0), Handler)
    running.status, running.body, running.missing = 200, b'{"a": 1}', 0  # type: ignore[attr-defined]
    thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


def ask(server: Any) -> Answer:
    return Server(f"http://127.0.0.1:{server.server_port}").ask("GET", "/x")


@pytest.mark.parametrize("status", [408, 425, 429, 502, 503, 504])
def test_who_asks_to_come_again_is_away(server: Any, status: int):
    server.status = status
    with pytest.raises(AwayError, match=str(status)):
        ask(server)


@pytest.mark.parametrize("status", [200, 500])
def test_an_answer_that_is_cut_off_is_none(server: Any, status: int):
    server.status, server.missing = status, 1
    with pytest.raises(AwayError, match="IncompleteRead"):
        ask(server)


def test_nobody_there_is_away_and_the_loop_blames_no_record_for_it():
    with pytest.raises(errors.AwayError, match="does not answer"):
        Server("http://127.0.0.1:9").ask("GET", "/x")


@pytest.mark.parametrize("status", [200, 404, 500])
def test_any_other_status_is_an_answer(server: Any, status: int):
    server.status = status
    assert ask(server) == Answer(status, {"a": 1})
