"""`driftloop notify test` and the deliveries themselves, to receivers on this machine."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner

from driftloop.tools.cli.main import app
from operations_console.adapters.deliverer import Delivery, read_rules
from operations_console.core.notify.wording import Telling

TOLD = Telling("hook", "open", "id-1", "title", "text", "page", "plant", "harm", "http://console/models/plant")


@pytest.fixture
def receiver() -> Iterator[Any]:
    """A web server that keeps what it is sent, and answers with `status`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.got.append((self.path, dict(self.headers), body))  # type: ignore[attr-defined]
            self.send_response(server.status)  # type: ignore[attr-defined]
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quietly."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.status = [], 200  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    server.address = f"http://127.0.0.1:{server.server_address[1]}"  # type: ignore[attr-defined]
    yield server
    server.shutdown()
    server.server_close()


def rules(folder: Path, receiver: Any) -> Path:
    (folder / "key").write_text("s3cret\n")
    (folder / "slack").write_text(f"{receiver.address}/slack")
    channels = {
        "hook": {"kind": "webhook", "url": f"{receiver.address}/hook", "key_file": str(folder / "key")},
        "team": {"kind": "slack", "url_file": str(folder / "slack")},
        "oncall": {"kind": "pagerduty", "url": f"{receiver.address}/pd", "key_file": str(folder / "key")},
    }
    path = folder / "notifications.yaml"
    path.write_text(yaml.safe_dump({"channels": channels, "rules": [{"to": ["hook"]}]}))
    return path


def run(*words: str) -> Any:
    return CliRunner().invoke(app, ["notify", "test", *words])


def test_each_channel_gets_one_message(tmp_path: Path, receiver: Any):
    done = run("--file", str(rules(tmp_path, receiver)))
    assert (done.exit_code, done.output.count("delivered.")) == (0, 3)
    assert sorted(path for path, _, _ in receiver.got) == ["/hook", "/pd", "/slack"]


def test_one_that_does_not_arrive_is_said(tmp_path: Path, receiver: Any):
    receiver.status = 500
    done = run("hook", "--file", str(rules(tmp_path, receiver)))
    assert (done.exit_code, "hook: not delivered" in done.output) == (1, True)


def test_a_webhook_is_signed_and_carries_its_key(tmp_path: Path, receiver: Any):
    delivery = Delivery(read_rules(rules(tmp_path, receiver)).channels, CollectorRegistry())
    delivery.start(TOLD)
    while not (ended := delivery.results()):
        threading.Event().wait(0.01)
    delivery.close()
    ((path, headers, body),) = receiver.got
    assert ended == [(TOLD, "delivered")]
    assert (path, headers["Idempotency-Key"]) == ("/hook", "id-1-open")
    assert headers["X-Driftloop-Signature"] == "sha256=" + hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert json.loads(body)["kind"] == "harm"


def test_a_key_never_stands_in_the_rules(tmp_path: Path, receiver: Any):
    assert "s3cret" not in rules(tmp_path, receiver).read_text()
