import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from driftloop.artifacts.manifest import Manifest
from driftloop.artifacts.store import artifact_uri, write_artifact
from driftloop.contracts.drift_status import DriftStatus
from driftloop.contracts.message import FramePosition, derive_id
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.topics import DRIFT_STATUS, MODEL_EVENTS, PREDICTION_LABELS, PREDICTION_OUTCOMES
from driftloop.errors import UserError
from driftloop.kafka.admin.topics import apply_topics
from driftloop.kafka.clients.sender import Sender
from driftloop.kafka.clients.tail import Tail
from driftloop.kafka.settings import KafkaSettings
from driftloop.learners.entry_points import make_learner
from driftloop.learners.protocol import Rows
from driftloop.serving import ChampionWatcher, DeliveryError, OutcomePublisher
from driftloop.spec.model_spec import Feature, LearnerChoice, ModelSpec, TargetField
from driftloop.spec.variants import VariantRule

pytestmark = pytest.mark.broker
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = ModelSpec(
    model_id="double",
    task="regression",
    features={"x": Feature(), "half": Feature(expression="x / 2")},
    target={"y": TargetField(kind="number")},
    learner=LearnerChoice(name="linear"),
)
OUTCOME = {
    "prediction_id": "p-1",
    "model_id": "double",
    "model_version": "1.0.0",
    "predicted_at": "2026-01-01T00:00:00Z",
    "features": {"x": 1.0},
    "prediction": 2.0,
}


def promotion(folder: Path, version: str, factor: float, spec: ModelSpec = SPEC) -> ModelEvent:
    """A version that multiplies by `factor`, and the event that makes it champion."""
    x = np.arange(50.0)
    model = make_learner(spec).fit(
        Rows({"x": x, "half": x / 2}, {"y": factor * x}), None, warm_start=None, seed=0, progress=lambda _: None
    )
    manifest = Manifest(model_id="double", version=version, learner="linear", spec_version=1, spec=spec)
    artifact = write_artifact(artifact_uri(str(folder), "double", version), manifest, model)
    return ModelEvent(
        message_id=derive_id("promoted", version),
        model_id="double",
        occurred_at=NOW,
        event="promoted",
        version=version,
        reason="better",
        artifact=artifact.uri,
        artifact_sha256=artifact.sha256,
    )


@pytest.fixture
def cluster(kafka: KafkaSettings) -> KafkaSettings:
    apply_topics(kafka, partitions=2)
    return kafka


def tell(kafka: KafkaSettings, event: ModelEvent) -> None:
    sender = Sender(kafka)
    sender.send(MODEL_EVENTS, event.model_id, event.to_json())
    sender.close()


def test_the_champion_is_swapped_while_it_serves(cluster, tmp_path):
    swapped = threading.Event()
    tell(cluster, promotion(tmp_path, "1.0.0", 2.0))
    with ChampionWatcher(["double"], cluster, on_change=lambda c: c.version == "1.0.1" and swapped.set()) as watcher:
        first = watcher.wait_for_champion("double", 30)
        tell(cluster, promotion(tmp_path, "1.0.1", 3.0))
        assert swapped.wait(30)
        x = {"x": np.array([10.0])}
        assert first.predict(x).fields["y"][0] == pytest.approx(20, rel=0.05)
        assert watcher.champion("double").predict(x).fields["y"][0] == pytest.approx(30, rel=0.05)
        assert watcher.champion("other") is None


def answers(known: dict[str, dict[str, dict[str, float]]]) -> DriftStatus:
    position = FramePosition(partition=0, offset=0)
    return DriftStatus(
        message_id=derive_id("status", "double"), model_id="double", occurred_at=NOW, spec_version=1, rows=1,
        labelled_rows=1, as_of=NOW, position=position, channels=known,
    )  # fmt: skip


def test_each_channel_is_served_by_the_version_that_does_best_there(cluster, tmp_path):
    spec = SPEC.model_copy(update={"segments": ("channel",), "variants": VariantRule(channel="channel", floor=0.0)})
    for version, factor in (("1.0.0", 2.0), ("1.0.1", 3.0), ("1.0.2", 4.0)):
        tell(cluster, promotion(tmp_path, version, factor, spec))
    good, bad = {"right": 180.0, "wrong": 10.0}, {"right": 10.0, "wrong": 180.0}
    known = {"web": {"1.0.2": bad, "1.0.1": good, "1.0.0": good}, "mail": {"1.0.2": good, "1.0.1": bad}}
    sender = Sender(cluster)
    sender.send(DRIFT_STATUS, "double/", answers(known).to_json())
    sender.close()
    with ChampionWatcher(["double"], cluster, channels=True) as watcher:
        watcher.wait_for_champion("double", 30)
        watcher.refresh()
        served = {
            channel: {watcher.route("double", f"c-{one}", channel=channel).version for one in range(50)}
            for channel in ("web", "mail", "new")
        }
        assert served["web"] == {"1.0.1"}, "the champion and one before it share traffic, not the one before that"
        assert served["mail"] == {"1.0.2"}
        assert served["new"] == {"1.0.1", "1.0.2"}, "nothing is known yet"
        assert watcher.leading("double", "web").version == "1.0.1"
        assert watcher.leading("double", "new").version == "1.0.2"
        assert watcher.route("double", "c-1").version == "1.0.2", "without a channel the champion serves"
        back = promotion(tmp_path, "1.0.0", 2.0, spec).model_copy(
            update={"event": "rolled_back", "previous_version": "1.0.2"}
        )
        tell(cluster, back)
        watcher.refresh()
        assert watcher.leading("double", "mail").version == "1.0.0", "1.0.2 was rolled back: it is no variant"
    with ChampionWatcher(["double"], cluster) as plain, pytest.raises(ValueError, match="channels=True"):
        plain.route("double", "c-1", channel="web")


def test_a_damaged_artifact_is_refused_and_the_old_champion_goes_on(cluster, tmp_path):
    tell(cluster, promotion(tmp_path, "1.0.0", 2.0))
    damaged = promotion(tmp_path, "1.0.1", 3.0)
    file = next(path for path in Path(damaged.artifact).iterdir() if path.name != "manifest.json")
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    with ChampionWatcher(["double"], cluster) as watcher:
        watcher.wait_for_champion("double", 30)
        tell(cluster, damaged)
        watcher.refresh()
        assert watcher.champion("double").version == "1.0.0"
        assert "Version 1.0.1 cannot be served" in watcher.error("double").sentence
        assert "damaged" in watcher.error("double").sentence
    with ChampionWatcher(["double"], cluster) as late, pytest.raises(UserError, match="damaged"):
        late.wait_for_champion("double", 30)


def test_waiting_for_a_champion_that_never_comes_ends_with_a_sentence(cluster):
    with ChampionWatcher(["double"], cluster) as watcher, pytest.raises(UserError, match="has no champion after"):
        watcher.wait_for_champion("double", 0.2)


def test_what_is_published_is_on_the_log_when_flush_returns(cluster):
    delivered: list = []
    with OutcomePublisher(cluster, on_delivery=lambda key, reason: delivered.append((key, reason))) as publisher:
        publisher.publish(OUTCOME)
        publisher.label(
            {"prediction_id": "p-1", "model_id": "double", "label": 2.5, "labelled_at": "2026-01-02T00:00:00Z"}
        )
        publisher.flush()
        with Tail(cluster, [PREDICTION_OUTCOMES, PREDICTION_LABELS]) as tail:
            records = tail.read_to_end()
    assert {(record.topic, record.key) for record in records} == {
        (PREDICTION_OUTCOMES, "p-1"),
        (PREDICTION_LABELS, "p-1"),
    }
    assert len({record.partition for record in records}) == 1
    assert delivered == [("p-1", None)] * 2


def test_an_outcome_that_breaks_the_contract_is_refused_before_it_is_sent(cluster):
    with OutcomePublisher(cluster) as publisher, pytest.raises(ValueError, match="prediction and model_version"):
        publisher.publish({**OUTCOME, "model_version": None})


def test_a_full_queue_blocks_and_then_says_so():
    nobody = KafkaSettings(bootstrap_servers="127.0.0.1:1")
    publisher = OutcomePublisher(nobody, queue_records=10, full_queue_seconds=0.3)
    for number in range(10):
        publisher.publish({**OUTCOME, "prediction_id": f"p-{number}"})
    started = time.monotonic()
    with pytest.raises(UserError, match="has been full for") as refusal:
        publisher.publish({**OUTCOME, "prediction_id": "p-10"})
    assert time.monotonic() - started >= 0.3
    assert refusal.value.exit_code == 3
    with pytest.raises(DeliveryError, match="10 records still wait") as failure:
        publisher.close(0.2)
    assert failure.value.count == 10
