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
AWAITED = ("open",) if KILLS < 10 else ("open", "over")
"""What is waited for: the word that it is over is refused a third of the time too, and tried later and later."""


Got = list[tuple[str, str, str, str]]


@pytest.fixture
def receiver() -> Iterator[Any]:
    """Keeps what it is sent; it fails a third of the time, three times for one message at most: a notifier that is
    refused waits twice as long each time, and the test does not."""
    choose, failed = random.Random(1), Counter[str]()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:  # its sender was killed in the middle
                return
            told = json.loads(body)
            key = self.headers["Idempotency-Key"]
            fails = choose.random() < 1 / 3 and failed[self.path + key] < 3
            failed[self.path + key] += fails
            if not fails:
                server.got.append((self.path, told["model_id"], told["event"], key))  # type: ignore[attr-defined]
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


def rules_of(receiver: Any, folder: Path) -> Path:
    """Two receivers: one knows repeats by their key, the other one does not."""
    address = f"http://127.0.0.1:{receiver.server_address[1]}"
    channels = {
        "keyed": {"kind": "webhook", "url": f"{address}/keyed"},
        "bare": {"kind": "webhook", "url": f"{address}/bare", "knows_repeats": False},
    }
    path = folder / "rules.yaml"
    path.write_text(yaml.safe_dump({"channels": channels, "rules": [{"kinds": ["harm"], "to": ["keyed", "bare"]}]}))
    return path


@pytest.mark.timeout(60 + 20 * KILLS)
def test_every_incident_is_told_over_kills_and_failures(
    kafka: Any, start_service: Any, wait_until: Any, receiver: Any, tmp_path: Path
):
    apply_topics(kafka, partitions=1)
    settings = {
        "DRIFTLOOP_OPERATIONS_CONSOLE_RULES_FILE": str(rules_of(receiver, tmp_path)),
        "DRIFTLOOP_OPERATIONS_CONSOLE_METRICS_PORT": "0",
    }
    sender, wanted, choose = Sender(kafka), set[str](), random.Random(2)
    got: Got = receiver.got
    for round_ in range(KILLS + 1):
        process = start_service("operations_console", "notify", **settings)
        for number in range(5):
            model = f"m{round_}-{number}"
            said = signal(model, 1).model_copy(update={"occurred_at": system_now()})
            sender.send(topics.DRIFT_SIGNALS, model, said.to_json())
            sender.send(topics.DRIFT_STATUS, f"{model}/", status(model, 5, 0.1).to_json())
            wanted.add(model)
        sender.flush()
        if round_ < KILLS:
            _two_more(wait_until, got, process)
            assert process.poll() is None, (tmp_path / "notify.log").read_text()[-500:]
            threading.Event().wait(choose.choice([0.0, 0.02, 0.1, 0.5]))
            process.kill()
            process.wait()
    sure = lambda: said_unsure(tmp_path / "notify.log")  # noqa: E731
    try:
        wait_until(lambda: not untold(wanted, got, sure()), 120 + 2 * KILLS, "every incident")
    except AssertionError as late:
        raise AssertionError(f"nobody was told: {sorted(untold(wanted, got, sure()))[:20]}") from late
    sender.close()
    _check(wanted, got, sure())


def _two_more(wait_until: Any, got: Got, process: Any) -> None:
    least = len(got) + 2
    wait_until(lambda: len(got) >= least or process.poll() is not None, 240, "a delivery")


def said_unsure(log: Path) -> set[tuple[str, str]]:
    """Model and message of what the notifier said that it does not send a third time."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if "not sent a third time" in line]
    return {(line["title"].removeprefix("Over: ").split()[0], line["what"]) for line in lines}


def untold(wanted: set[str], got: Got, unsure: set[tuple[str, str]]) -> set[tuple[str, str, str]]:
    """What a receiver does not know of, unless it was said of the bare one that it may not know it."""
    told = {path: {(model, what) for where, model, what, _ in got if where == path} for path in PATHS}
    excused = {"/keyed": set[tuple[str, str]](), "/bare": unsure}
    return {
        (path, model, what)
        for path in PATHS
        for model in wanted
        for what in AWAITED
        if (model, what) not in told[path] | excused[path]
    }


PATHS = ("/keyed", "/bare")


def _check(wanted: set[str], got: Got, unsure: set[tuple[str, str]]) -> None:
    keys = {(model, what): key for _, model, what, key in got}
    assert all(keys[model, what] == key for _, model, what, key in got), "a repeat has the same key"
    assert len(set(keys.values())) == len(keys), "a key is of one message"
    times = {path: Counter((model, what) for where, model, what, _ in got if where == path) for path in PATHS}
    assert max(times["/bare"].values()) <= 2, "who does not know repeats is told twice at most"
    again = {path: sum(count - 1 for count in times[path].values()) for path in PATHS}
    lost = {(model, what) for model in wanted for what in AWAITED} - set(times["/bare"])
    assert lost <= unsure, "what may be lost is said"
    print(  # noqa: T201
        f"{KILLS} kills, {len(wanted)} incidents; keyed: {len(times['/keyed'])} messages, {again['/keyed']} sent "
        f"again under their key; bare: {len(times['/bare'])} messages, {again['/bare']} twice, {len(lost)} not there "
        f"and said so, {len(unsure)} said to be unsure"
    )
