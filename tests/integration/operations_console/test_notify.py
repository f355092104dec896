"""The notifier on the real broker, killed again and again, with a receiver that fails a third of the time."""

import json
import os
import random
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.operations_console.conftest import signal, status

from driftloop.clock import system_now
from driftloop.contracts import topics
from driftloop.kafka.admin.topics import apply_topics
from driftloop.kafka.clients.sender import Sender

pytestmark = pytest.mark.broker
KILLS = int(os.environ.get("DRIFTLOOP_NOTIFY_KILLS", "3"))


@pytest.fixture
def receiver() -> Iterator[Any]:
    """Keeps the keys of what it is sent; it fails a third of the time, three times for one message at most: a
    notifier that is refused waits twice as long each time, and the test does not."""
    choose, failed = random.Random(1), Counter[str]()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:  # its sender was killed in the middle
                return
            told = json.loads(body)
            key = self.headers["Idempotency-Key"]
            fails = choose.random() < 1 / 3 and failed[key] < 3
            failed[key] += fails
            if not fails:
                server.got.append((told["model_id"], told["event"], key))  # type: ignore[attr-defined]
            self.send_response(500 if fails else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quietly."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_every_incident_is_told_over_kills_and_failures(
    kafka: Any, start_service: Any, wait_until: Any, receiver: Any, tmp_path: Path
):
    apply_topics(kafka, partitions=1)
    path = tmp_path / "rules.yaml"
    hook = {"kind": "webhook", "url": f"http://127.0.0.1:{receiver.server_address[1]}"}
    path.write_text(yaml.safe_dump({"channels": {"hook": hook}, "rules": [{"kinds": ["harm"], "to": ["hook"]}]}))
    sender, wanted = Sender(kafka), set()
    for round_ in range(KILLS + 1):
        process = start_service("operations_console", "notify", DRIFTLOOP_OPERATIONS_CONSOLE_RULES_FILE=str(path))
        for number in range(5):
            model = f"m{round_}-{number}"
            said = signal(model, 1).model_copy(update={"occurred_at": system_now()})
            sender.send(topics.DRIFT_SIGNALS, model, said.to_json())
            sender.send(topics.DRIFT_STATUS, f"{model}/", status(model, 5, 0.1).to_json())
            wanted |= {(model, "open")}
        sender.flush()
        if round_ < KILLS:
            before = len(receiver.got)
            wait_until(lambda least=before + 2: len(receiver.got) >= least, 60, "a delivery")
            process.kill()
            process.wait()
    wait_until(lambda: wanted <= {(model, what) for model, what, _ in receiver.got}, 120, "every incident")
    sender.close()
    keys = {(model, what): key for model, what, key in receiver.got}
    assert all(keys[model, what] == key for model, what, key in receiver.got), "a repeat has the same key"
    assert len(set(keys.values())) == len(keys), "a key is of one message"
    repeats = len(receiver.got) - len(keys)
    print(f"{KILLS} kills, {len(keys)} messages, {repeats} sent again under their key")  # noqa: T201
