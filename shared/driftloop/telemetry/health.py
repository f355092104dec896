"""Serves /metrics, /livez and /readyz."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from driftloop.errors import UserError


class HealthServer:
    """`alive`: nothing hangs for good. `ready`: the service works, or has nothing to do; `waits_for` says why not.

    Lag fails neither: a service that works off its input is well.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        alive: Callable[[], bool],
        ready: Callable[[], bool],
        waits_for: Callable[[], str] = lambda: "no",
    ) -> None:
        self._answers: dict[str, Callable[[], tuple[int, str, bytes]]] = {
            "/metrics": lambda: (200, CONTENT_TYPE_LATEST, generate_latest(registry)),
            "/livez": lambda: _answer(alive(), "no"),
            "/readyz": lambda: _answer(ready(), waits_for()),
        }
        self._server: ThreadingHTTPServer | None = None

    def start(self, host: str, port: int) -> int:
        """Listen in the background; the port (a free one for 0). Raises UserError where it is in use."""
        answers = self._answers

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                code, kind, body = answers.get(
                    self.path.partition("?")[0], lambda: (404, "text/plain", b"not found\n")
                )()
                self.send_response(code)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the parent's name)
                """Scrapes are not news."""

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise UserError(f"port {port} for metrics is in use: choose another one, or 0 for any") from error
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()
        return int(self._server.server_address[1])

    def stop(self) -> None:
        """Close the port."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


def _answer(good: bool, otherwise: str) -> tuple[int, str, bytes]:
    return (200, "text/plain", b"ok\n") if good else (503, "text/plain", f"{otherwise}\n".encode())
