"""The coordinator and the registry view on the real Kafka: a version's life, a restart, and its removal."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from driftloop.clock import system_now
from driftloop.contracts import topics
from driftloop.contracts.drift_status import DriftStatus
from driftloop.contracts.message import FramePosition, derive_id
from driftloop.contracts.model_commands import ModelCommand
from driftloop.contracts.training_requests import TrainingRequest
from driftloop.contracts.training_results import TrainingData, TrainingResult, Validation
from driftloop.kafka.admin.topics import apply_topics
from driftloop.kafka.clients.sender import Sender
from driftloop.kafka.clients.tail import Tail
from driftloop.spec.model_spec import ModelSpec
from driftloop.testing.records import FakeRecord
from driftloop.tools.registry.declaring import publish_spec
from driftloop.tools.registry.lineage import lineage
from driftloop.tools.registry.retention import prune
from driftloop.tools.registry.sync import sync
from driftloop.tools.registry.view import RegistryView
from retrain_coordinator.app import build
from retrain_coordinator.settings import Settings

pytestmark = pytest.mark.broker

SPEC = ModelSpec.model_validate(
    {"model_id": "m", "task": "binary", "features": {"x": {}}, "target": {"y": {}}, "clock": "event",
     "challenge": {"mode": "none", "probation_rows": 0}}
)  # fmt: skip
START = datetime(2026, 3, 1, tzinfo=UTC)


@contextmanager
def coordinator(kafka) -> Iterator[None]:
    """The service in a thread; stopped at the end."""
    loop = build(Settings(), kafka).loop
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        yield
    finally:
        loop.stop()
        thread.join(30)
        assert not thread.is_alive()


class World:
    """Everybody but the coordinator."""

    def __init__(self, kafka) -> None:
        self.kafka, self.view, self.frames, self.commands = kafka, RegistryView(), 0, 0

    def send(self, topic, message) -> None:
        sender = Sender(self.kafka)
        sender.send(topic, "m", message.to_json())
        sender.close()

    def status(self) -> None:
        at = START + timedelta(hours=self.frames)
        here = FramePosition(partition=0, offset=self.frames)
        self.frames += 1
        self.send(
            topics.DRIFT_STATUS,
            DriftStatus(
                message_id=derive_id("status", self.frames), model_id="m", occurred_at=at, spec_version=1,
                position=here, rows=500 * self.frames, labelled_rows=500 * self.frames, as_of=at,
            ),
        )  # fmt: skip

    def command(self, name, **rest) -> None:
        self.commands += 1
        self.send(
            topics.MODEL_COMMANDS,
            ModelCommand(
                message_id=derive_id("command", self.commands), model_id="m", occurred_at=START, command=name,
                reason="because", requested_by="ada", **rest,
            ),
        )  # fmt: skip

    def answer_run(self, folder, number) -> None:
        """Wait for the run's request and end it."""
        with Tail(self.kafka, [topics.TRAINING_REQUESTS]) as tail:
            requests = []
            self.until(lambda: requests.extend(tail.read(0.2)) or len(requests) >= number)
        request = TrainingRequest.from_json(requests[number - 1].value)
        here = FramePosition(partition=0, offset=0)
        artifact = folder / request.version
        artifact.mkdir()
        (artifact / "manifest.json").write_text("{}")
        self.send(
            topics.TRAINING_RESULTS,
            TrainingResult(
                message_id=derive_id("result", request.message_id), model_id="m", occurred_at=START,
                run_id=request.message_id, status="succeeded", version=request.version, artifact=str(artifact),
                artifact_sha256="0" * 64, validation=Validation(challenger_losses=(0.0,)),
                data=TrainingData(first=here, last=here, rows=400, sha256="1" * 64),
            ),
        )  # fmt: skip

    def until(self, true) -> None:
        deadline = time.monotonic() + 30
        while not true():
            assert time.monotonic() < deadline, "nothing came in time"

    def champion(self) -> str | None:
        sync(self.view, self.kafka)
        found = self.view.champion("m")
        return found.version if found else None


@pytest.fixture
def world(kafka):
    apply_topics(kafka, partitions=1)
    publish_spec(kafka, SPEC, START)
    made = World(kafka)
    yield made
    made.view.close()


def test_versions_live_through_a_restart_and_are_pruned_when_nobody_needs_them(world, tmp_path):
    with coordinator(world.kafka):
        world.status()
        world.command("retrain")
        world.answer_run(tmp_path, 1)
        world.until(lambda: world.champion() == "1.0.0")
    with coordinator(world.kafka):
        for number in (2, 3):
            world.status()
            world.command("retrain")
            world.answer_run(tmp_path, number)
            world.until(lambda number=number: world.champion() == f"1.0.{number - 1}")
        done = prune(world.view, world.kafka, "m", keep=0, requested_by="ada", clock=system_now)
        assert done.deleted == ("1.0.0",)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["1.0.1", "1.0.2"]
        world.command("roll_back")
        world.until(lambda: world.champion() == "1.0.1")
    story = lineage(world.view, "m", "1.0.1")
    assert (story.decision.trigger, story.data.rows) == ("manual", 400)


def test_a_view_that_is_made_again_from_the_log_is_equal(world, tmp_path):
    with coordinator(world.kafka):
        world.status()
        world.command("retrain")
        world.answer_run(tmp_path, 1)
        world.until(lambda: world.champion() == "1.0.0")
        world.command("freeze")
        world.until(lambda: world.champion() and any(event.event == "frozen" for event in world.view.events("m")))
    again = RegistryView()
    sync(again, world.kafka)
    assert again.versions("m") == world.view.versions("m")
    assert again.decisions("m") == world.view.decisions("m")
    assert again.statistics() == world.view.statistics()
    assert sync(again, world.kafka) == 0
    again.close()


def test_a_view_of_another_log_is_made_anew(world, tmp_path):
    with coordinator(world.kafka):
        world.status()
        world.command("retrain")
        world.answer_run(tmp_path, 1)
        world.until(lambda: world.champion() == "1.0.0")
    stale = RegistryView()
    far = FakeRecord(topics.MODEL_EVENTS, key="old", value=world.view.events("m")[0].to_json(), at_offset=10_000)
    stale.take_in([far])
    assert sync(stale, world.kafka) > 0
    assert stale.versions("m") == world.view.versions("m")
    stale.close()
