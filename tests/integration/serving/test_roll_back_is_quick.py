"""From a person's word, or from the evidence, to the event and to every server: on the real Kafka."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from driftloop.artifacts.manifest import Manifest
from driftloop.artifacts.store import Artifact, artifact_uri, write_artifact
from driftloop.contracts import topics
from driftloop.contracts.challenge_scores import ChallengeScores
from driftloop.contracts.drift_status import DriftStatus
from driftloop.contracts.message import FramePosition, derive_id
from driftloop.contracts.model_commands import ModelCommand
from driftloop.contracts.model_events import ModelEvent
from driftloop.kafka.admin.topics import apply_topics
from driftloop.kafka.clients.sender import Sender
from driftloop.kafka.clients.tail import Tail
from driftloop.learners.entry_points import make_learner
from driftloop.learners.protocol import Rows
from driftloop.serving import ChampionWatcher
from driftloop.spec.model_spec import ModelSpec
from driftloop.tools.registry.declaring import publish_spec
from retrain_coordinator.app import build
from retrain_coordinator.settings import Settings

pytestmark = pytest.mark.broker

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SPEC = ModelSpec.model_validate(
    {"model_id": "m", "task": "regression", "features": {"x": {}}, "target": {"y": {"kind": "number"}},
     "clock": "event", "learner": {"name": "linear"}, "policy": {"triggers": {"harmful_drift": False}}}
)  # fmt: skip
ROUNDS = 5


class Plant:
    """A coordinator, two servers that watch, and two versions."""

    def __init__(self, kafka, folder) -> None:
        self.sender, self.tail = Sender(kafka), Tail(kafka, [topics.MODEL_EVENTS])
        self.watchers = [ChampionWatcher(["m"], kafka) for _ in range(2)]
        self.numbers, self.frames = 0, 0
        for version in ("1.0.0", "1.0.1"):
            made = artifact(folder, version)
            self.command("register", version=version, artifact=made.uri, artifact_sha256=made.sha256)

    def close(self) -> None:
        self.sender.close()
        self.tail.close()
        for watcher in self.watchers:
            watcher.close()

    def say(self, topic, message) -> None:
        self.sender.send(topic, "m", message.to_json())
        self.sender.flush()

    def command(self, name, **rest) -> None:
        self.numbers += 1
        self.say(
            topics.MODEL_COMMANDS,
            ModelCommand(
                message_id=derive_id("command", self.numbers), model_id="m", occurred_at=NOW, command=name,
                reason="because", requested_by="ada", **rest,
            ),
        )  # fmt: skip

    def promote(self) -> None:
        self.command("promote", version="1.0.1")
        self.served_by("1.0.1")

    def frame_of_harm(self) -> None:
        """200 rows on which the champion errs and its predecessor does not."""
        at, here = NOW + timedelta(hours=self.frames), FramePosition(partition=0, offset=self.frames)
        self.frames += 1
        shared = {"model_id": "m", "occurred_at": at, "position": here}
        losses = {"1.0.1": (1.0,) * 200, "1.0.0": (0.0,) * 200}
        scores = ChallengeScores(message_id=derive_id("scores", self.frames), champion="1.0.1", losses=losses, **shared)
        status = DriftStatus(
            message_id=derive_id("status", self.frames), spec_version=1, rows=200 * self.frames,
            labelled_rows=200 * self.frames, as_of=at, **shared,
        )  # fmt: skip
        self.sender.send(topics.CHALLENGE_SCORES, "m", scores.to_json())
        self.say(topics.DRIFT_STATUS, status)

    def served_by(self, version) -> float:
        """When every server serves `version`."""
        deadline = time.monotonic() + 30
        while any(w.champion("m") is None or w.champion("m").version != version for w in self.watchers):
            assert time.monotonic() < deadline, "the servers did not change over"
            time.sleep(0.002)
        return time.monotonic()

    def roll_back_by(self, cause) -> tuple[float, float]:
        """Seconds from `cause` to the event on the log, and to the servers."""
        self.tail.read_to_end()
        began = time.monotonic()
        cause()
        event = None
        while event is None:
            found = [ModelEvent.from_json(record.value) for record in self.tail.read(0.05)]
            event = next((one for one in found if one.event == "rolled_back"), None)
            assert time.monotonic() - began < 30, "nothing was rolled back"
        at_event = time.monotonic() - began
        return at_event, self.served_by("1.0.0") - began


def artifact(folder, version) -> Artifact:
    x = np.arange(50.0)
    rows = Rows({"x": x}, {"y": 2 * x})
    model = make_learner(SPEC).fit(rows, None, warm_start=None, seed=0, progress=lambda _: None)
    manifest = Manifest(model_id="m", version=version, learner="linear", spec_version=1, spec=SPEC)
    return write_artifact(artifact_uri(str(folder), "m", version), manifest, model)


@pytest.fixture
def plant(kafka, tmp_path) -> Iterator[Plant]:
    apply_topics(kafka, partitions=1)
    publish_spec(kafka, SPEC, NOW)
    loop = build(Settings(), kafka).loop
    thread = threading.Thread(target=loop.run)
    thread.start()
    made = Plant(kafka, tmp_path)
    made.served_by("1.0.0")
    try:
        yield made
    finally:
        made.close()
        loop.stop()
        thread.join(30)


@pytest.mark.parametrize("how", ["by hand", "by proven harm"])
def test_a_roll_back_is_on_the_log_within_a_second_and_served_within_two(plant, how, record_property):
    """The bounds hold of the quickest round: what is slower is the machine's doing."""
    rounds = []
    for _ in range(ROUNDS):
        plant.promote()
        cause = plant.frame_of_harm if how == "by proven harm" else lambda: plant.command("roll_back", version="1.0.0")
        rounds.append(plant.roll_back_by(cause))
    to_event, to_servers = (sorted(seconds) for seconds in zip(*rounds, strict=True))
    record_property("seconds", rounds)
    assert to_event[0] < 1.0
    assert to_servers[0] < 2.0
