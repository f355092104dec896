"""The console as a process on the real broker: whole after its start, live, and there again after an outage."""

import json
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka.admin import NewPartitions  # type: ignore[attr-defined]
from tests.unit.operations_console.conftest import bury, event, story

from driftloop.contracts import topics
from driftloop.contracts.message import ControlMessage
from driftloop.kafka.admin.topics import apply_topics
from driftloop.kafka.clients.clients import admin_client, plain_producer, transactional_producer
from driftloop.kafka.clients.log_reader import LogReader
from driftloop.kafka.clients.sender import Sender
from driftloop.kafka.embedded.broker import Broker, embedded_broker
from driftloop.kafka.settings import KafkaSettings
from driftloop.tools.local.programs import free_ports
from operations_console.adapters.loading import load
from operations_console.core.telling import Glances
from operations_console.core.view.fleet import FleetView

pytestmark = pytest.mark.broker


@dataclass(slots=True)
class Running:
    """A console's process, and how to ask it."""

    process: Any
    port: int

    def __call__(self, path: str, body: Any = None, **headers: str) -> Any:
        """The answer's JSON; None where it does not answer, or refuses."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **{n.replace("_", "-"): v for n, v in headers.items()}},
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                text = answer.read()
        except (urllib.error.URLError, OSError):
            return None
        return json.loads(text) if path.startswith("/api") else text.decode()

    def models(self) -> set[str]:
        fleet = self("/api/fleet")
        return {one["model_id"] for one in fleet["models"]} if fleet else set()

    def is_ready(self) -> bool:
        return self("/readyz") == "ok\n"


Start = Callable[[KafkaSettings], Running]


@pytest.fixture
def start_console(start_python: Any, tmp_path: Path) -> Start:
    def start(kafka: KafkaSettings) -> Running:
        port = free_ports(1)[0]
        process = start_python(
            "-m", "operations_console", log=tmp_path / "console.log",
            DRIFTLOOP_KAFKA_BOOTSTRAP_SERVERS=kafka.bootstrap_servers,
            DRIFTLOOP_KAFKA_TOPIC_PREFIX=kafka.topic_prefix,
            DRIFTLOOP_OPERATIONS_CONSOLE_METRICS_PORT=str(port),
            DRIFTLOOP_OPERATIONS_CONSOLE_DATA_FOLDER=str(tmp_path / "faust"),
        )  # fmt: skip
        return Running(process, port)

    return start


def say(kafka: KafkaSettings, messages: list[tuple[str, ControlMessage]]) -> None:
    sender = Sender(kafka)
    for topic, message in messages:
        sender.send(topic, message.model_id, message.to_json())
    sender.close()


def abort(kafka: KafkaSettings, messages: list[tuple[str, ControlMessage]]) -> None:
    """Write messages in a transaction that is aborted."""
    producer = transactional_producer(kafka, "aborting-0")
    producer.init_transactions(20)
    producer.begin_transaction()
    for topic, message in messages:
        producer.produce(kafka.topic_prefix + topic, message.to_json(), message.model_id)
    producer.flush(20)
    producer.abort_transaction(20)


def commands(kafka: KafkaSettings) -> list[Any]:
    reader = LogReader(kafka, [topics.MODEL_COMMANDS])
    try:
        return [json.loads(record.value() or b"") for record in reader.read_to(reader.ends())]
    finally:
        reader.close()


def from_nothing(kafka: KafkaSettings) -> Any:
    """The fleet as a view that is folded now tells it."""
    view = FleetView()
    load(view, kafka, 100, lambda _topic, _records: None)
    return json.loads(Glances().fleet(view, view.models.values(), whole=True, limit=999).model_dump_json())


def test_the_view_is_whole_then_live_and_a_command_is_there_once(kafka, start_console: Start, wait_until, tmp_path):
    apply_topics(kafka, partitions=2)
    say(kafka, story("plant"))
    abort(kafka, story("ghost-before"))
    console = start_console(kafka)
    wait_until(console.is_ready, 60, "the console's start")
    assert console.models() == {"plant"}

    abort(kafka, story("ghost-live"))
    say(kafka, story("churn"))
    wait_until(lambda: console("/api/fleet") == from_nothing(kafka), 30, "the live view")
    assert console.models() == {"plant", "churn"}

    asked = {"command": "freeze", "reason": "an audit"}
    sent = [console("/api/models/plant/commands", asked, Idempotency_Key="k") for _ in range(2)]
    wait_until(lambda: len(console("/api/models/plant/commands")["commands"]) == 1, 20, "the command in the view")
    sent.append(console("/api/models/plant/commands", asked, Idempotency_Key="k"))
    assert len({one["command_id"] for one in sent}) == 1
    assert {one["message_id"] for one in commands(kafka)} == {sent[0]["command_id"]}
    assert sent[2]["repeated"]

    console.process.send_signal(signal.SIGTERM)
    assert console.process.wait(60) == 0
    groups = admin_client(kafka).list_consumer_groups().result().valid
    assert [one.group_id for one in groups if one.group_id.startswith(f"{kafka.topic_prefix}operations_console")] == []


def test_dead_letters_are_opened_and_sent_again(kafka, start_console: Start, wait_until):
    apply_topics(kafka, partitions=1)
    sender = Sender(kafka)

    class Log:
        def append(self, topic: str, *, key: str, value: bytes, headers: Any) -> None:
            sender.send(topic, key, value, headers)

    for number in range(3):
        bury(Log(), number)  # type: ignore[arg-type]
    sender.close()
    console = start_console(kafka)
    wait_until(console.is_ready, 60, "the console's start")
    assert console("/api/dead-letters")["counts"] == {"ValidationError": 3}
    assert console("/api/dead-letters/0:1")["value"] == '{"bad": <script>}'
    assert console("/api/dead-letters/replay", {"places": ["0:1"]}) == {"sent": 1}
    reader = LogReader(kafka, [topics.PREDICTION_OUTCOMES])
    assert [record.key() for record in reader.read_to(reader.ends())] == [b"p1"]
    reader.close()


def test_topics_that_come_late_and_partitions_that_are_added_are_read(kafka, start_console: Start, wait_until):
    console = start_console(kafka)
    wait_until(lambda: console("/livez") == "ok\n", 30, "the page")
    apply_topics(kafka, partitions=1)
    wait_until(console.is_ready, 60, "the view of topics that came late")
    name = kafka.topic_prefix + topics.MODEL_EVENTS
    admin = admin_client(kafka)  # it must outlive its futures
    for done in admin.create_partitions([NewPartitions(name, 3)]).values():
        done.result(20)
    producer = plain_producer(kafka)
    for number, model in enumerate(("first", "second", "third")):
        producer.produce(name, event(model, 1, "promoted", "1.0.0").to_json(), model, partition=number)
    producer.flush(20)
    wait_until(lambda: console.models() == {"first", "second", "third"}, 60, "the partitions that were added")
    assert console("/api/fleet") == from_nothing(kafka)


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Callable[[], Broker]]:
    """A broker of this test's own, on one port and folder; each call ends the one before with -9 and starts it anew."""
    port = free_ports(1)[0]
    alive: list[Any] = []

    def end() -> None:
        for context, broker in alive:
            for child in psutil.Process(broker.pid).children(recursive=True):
                child.kill()
            context.__exit__(None, None, None)
        alive.clear()

    def start(*, only_end: bool = False) -> Broker | None:
        end()
        if only_end:
            return None
        context = embedded_broker(tmp_path / "broker", port=port)
        alive.append((context, context.__enter__()))
        return alive[0][1]

    yield start  # type: ignore[misc]
    end()


def test_after_a_broker_outage_the_view_is_that_of_the_log(own_broker: Any, start_console: Start, wait_until, tmp_path):
    kafka = KafkaSettings(bootstrap_servers=own_broker().bootstrap_servers)
    apply_topics(kafka, partitions=1)
    say(kafka, story("plant"))
    console = start_console(kafka)
    wait_until(console.is_ready, 60, "the console's start")
    own_broker()
    say(kafka, story("churn"))
    wait_until(lambda: console.models() == {"plant", "churn"}, 60, "the view after the outage")
    wait_until(lambda: console("/api/fleet") == from_nothing(kafka), 30, "the same view as from nothing")

    own_broker(only_end=True)
    assert console("/api/models/plant/commands", {"command": "freeze", "reason": "r"}) is None
    console.process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    console.process.wait(15)
    assert time.monotonic() - began < 10, (tmp_path / "console.log").read_text()[-2000:]


def test_a_console_that_starts_before_its_broker_waits_for_it(own_broker: Any, start_console: Start, wait_until):
    kafka = KafkaSettings(bootstrap_servers=own_broker().bootstrap_servers)
    apply_topics(kafka, partitions=1)
    say(kafka, story("plant"))
    own_broker(only_end=True)
    console = start_console(kafka)
    wait_until(lambda: console("/livez") == "ok\n", 30, "the page")
    assert not console.is_ready()
    own_broker()
    wait_until(console.is_ready, 90, "the view")
    assert console.models() == {"plant"}
