"""What goes wrong on a cluster that people work on: keys spread otherwise, partitions added, state or offsets deleted.

Each case is a function over the settings of a cluster (under a prefix of its own), takes seconds and a few dozen
records, and raises AssertionError where the product is silently wrong.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import NewPartitions
from tests.quiescence import Quiescence

from driftloop.codec.frames import decode_frame
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.topics import MODEL_SPECS, OUTCOME_FRAMES, PREDICTION_LABELS, PREDICTION_OUTCOMES
from driftloop.errors import ExitCode, UserError
from driftloop.kafka.admin.dead_letters_topic import read_dead_letters, send_again
from driftloop.kafka.admin.recovery import Recoverer, Recovery
from driftloop.kafka.admin.recovery_plan import Start
from driftloop.kafka.admin.topics import apply_topics
from driftloop.kafka.clients.clients import admin_client, client_config
from driftloop.kafka.clients.log_reader import LogReader
from driftloop.kafka.clients.partitioner import partition_of
from driftloop.kafka.clients.sender import Sender
from driftloop.kafka.loop.loop import Loop
from driftloop.kafka.loop.topic_watch import LOOK_EVERY_S
from driftloop.kafka.settings import KafkaSettings, LoopSettings
from driftloop.processor import Processor
from driftloop.spec.model_spec import ModelSpec
from outcome_ingestion.app import INGEST
from outcome_ingestion.core.ingest import Ingest

NOW = datetime(2026, 1, 5, tzinfo=UTC)
PARTITIONS = 4
_SPEC = ModelSpec.model_validate(
    {
        "model_id": "plant",
        "task": "regression",
        "features": {"x": {}},
        "target": {"y": {"kind": "number"}},
        "clock": "event",
    }
)


def outcome(number: int) -> tuple[str, bytes]:
    """A prediction."""
    name = f"row-{number}"
    row = {"prediction_id": name, "model_id": "plant", "model_version": "1.0.0", "predicted_at": NOW.isoformat()}
    return name, json.dumps({**row, "features": {"x": 1.0}, "prediction": 1.0}).encode()


def label(number: int) -> tuple[str, bytes]:
    """Its label."""
    name = f"row-{number}"
    row = {"prediction_id": name, "model_id": "plant", "label": 2.0, "labelled_at": NOW.isoformat()}
    return name, json.dumps(row).encode()


def send(kafka: KafkaSettings, topic: str, records: Iterator[tuple[str, bytes]]) -> None:
    """As our own SDK does."""
    sender = Sender(kafka)
    for key, value in records:
        sender.send(topic, key, value)
    sender.close()


def prepare(kafka: KafkaSettings, partitions: int = PARTITIONS) -> None:
    """Topics, and one model."""
    apply_topics(kafka, partitions=partitions, replication=None)
    declare(kafka, "plant")


def declare(kafka: KafkaSettings, *models: str) -> None:
    """Models, each with the same spec."""
    for name in models:
        spec = _SPEC.model_copy(update={"model_id": name})
        told = ModelSpecPublished(
            message_id=derive_id("spec", name), model_id=name, occurred_at=NOW, spec_version=1, spec=spec
        )
        send(kafka, MODEL_SPECS, iter([(name, told.to_json())]))


@contextmanager
def running(kafka: KafkaSettings, core: Processor, settings: LoopSettings) -> Iterator[Loop]:
    """A service in this process; it leaves the group at the end."""
    loop = Loop(core, settings, kafka.model_copy(update={"poll_timeout_ms": 10}))
    try:
        loop.start()
        yield loop
        loop.finish()
    finally:
        loop._transport.close()


def settle(kafka: KafkaSettings, loop: Loop, settings: LoopSettings, seconds: float = 40.0) -> None:
    """Turn until everything is read."""
    watch = Quiescence(kafka, {settings.group: settings.inputs})
    deadline = time.monotonic() + seconds
    while loop.step() or not (loop.ready and watch.quiescent()):
        assert time.monotonic() < deadline, f"it never came to rest: {watch.lag()}"


def turn_for(loop: Loop, seconds: float) -> None:
    """Turn for so long, or until it raises."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        loop.step()


def settled(kafka: KafkaSettings, core: Processor | None = None, settings: LoopSettings = INGEST) -> None:
    """Start, read everything, stop."""
    with running(kafka, core or Ingest(), settings) as loop:
        settle(kafka, loop, settings)


def stop_of(kafka: KafkaSettings, core: Processor | None = None, settings: LoopSettings = INGEST) -> str:
    """The sentence that a service stops with when it is started."""
    with pytest.raises(UserError) as stop:
        settled(kafka, core, settings)
    assert stop.value.exit_code == ExitCode.STATE_MISMATCH, stop.value.sentence
    assert f"`driftloop recover {settings.group}`" in stop.value.sentence
    return stop.value.sentence


def recover(kafka: KafkaSettings, settings: LoopSettings = INGEST, start: Start | None = None) -> Recovery:
    """What `driftloop recover GROUP --yes` does, with `--from START` if it is named."""
    recoverer = Recoverer(kafka, settings.group, settings.inputs, settings.state)
    found = recoverer.look(start)
    assert recoverer.look(start) == found, "looking changes nothing"
    assert found.needed
    recoverer.apply(found)
    assert not recoverer.look().needed
    return found


def events(kafka: KafkaSettings) -> Counter[tuple[str, str]]:
    """(prediction id, event) of every row in the frames."""
    reader = LogReader(kafka, [OUTCOME_FRAMES])
    try:
        frames = [decode_frame(r.value() or b"", r.headers()).batch for r in reader.read_to(reader.ends())]  # type: ignore[arg-type]
    finally:
        reader.close()
    columns = [(f.column("prediction_id").to_pylist(), f.column("event").to_pylist()) for f in frames]
    return Counter(pair for ids, kinds in columns for pair in zip(ids, kinds, strict=True))


def expected(numbers: range, *kinds: str) -> Counter[tuple[str, str]]:
    """Each row once a kind."""
    return Counter((f"row-{number}", kind) for number in numbers for kind in kinds)


def labelled(numbers: range) -> Iterator[tuple[str, bytes]]:
    """The labels of these rows."""
    return map(label, numbers)


# -- the cases ----------------------------------------------------------------------------------------


def partitioner(kafka: KafkaSettings) -> None:
    """Outcomes from a client that spreads keys by CRC32, labels from one that uses murmur2."""
    prepare(kafka)
    rows = range(60)
    foreign = Producer({**client_config(kafka), "partitioner": "consistent_random"})
    for key, value in map(outcome, rows):
        foreign.produce(kafka.topic_prefix + PREDICTION_OUTCOMES, value, key)
    foreign.flush(30)
    settled(kafka)
    send(kafka, PREDICTION_LABELS, labelled(rows))
    settled(kafka)
    letters = read_dead_letters(kafka)
    assert {letter.error["class"] for letter in letters} == {"WrongPartition"}
    assert all("partitioner=murmur2_random" in letter.error["message"] for letter in letters)
    joined = {name for name, kind in events(kafka) if kind == "label"}
    assert len(joined) + len(letters) == len(rows)
    assert joined
    send_again(kafka, letters)
    settled(kafka)
    found = events(kafka)
    assert {name for name, _ in found} == {f"row-{number}" for number in rows}
    assert set(found.values()) == {1}
    assert sum(kind in ("label", "outcome") for _, kind in found) == len(rows)


def partitions(kafka: KafkaSettings) -> None:
    """One input gets more partitions than the other, while the service runs and before it starts."""
    prepare(kafka, partitions=2)
    send(kafka, PREDICTION_OUTCOMES, map(outcome, range(20)))
    with running(kafka, Ingest(), INGEST) as loop:
        settle(kafka, loop, INGEST)
        name, admin = kafka.topic_prefix + PREDICTION_OUTCOMES, admin_client(kafka)
        admin.create_partitions([NewPartitions(name, 3)])[name].result(30)
        with pytest.raises(UserError) as stop:
            turn_for(loop, LOOK_EVERY_S + 30)
    for sentence in (stop.value.sentence, stop_of(kafka)):
        for part in ("prediction-outcomes 3", "prediction-labels 2", "outcome_ingestion-changelog 2"):
            assert part in sentence, sentence
    found = recover(kafka)
    assert found.grow == {PREDICTION_LABELS: 3, INGEST.changelog: 3}
    send(kafka, PREDICTION_OUTCOMES, map(outcome, range(20, 40)))
    send(kafka, PREDICTION_LABELS, labelled(range(20, 40)))
    settled(kafka)
    assert Counter(name for name, kind in events(kafka) if kind != "prediction") == Counter(
        f"row-{number}" for number in range(20, 40)
    )
    moved = [number for number in range(20) if partition_of(f"row-{number}", 2) != partition_of(f"row-{number}", 3)]
    assert moved, "some keys are elsewhere by now, as the recovery said"


def changelog(kafka: KafkaSettings) -> None:
    """The changelog is deleted; the offsets stay."""
    prepare(kafka)
    send(kafka, PREDICTION_OUTCOMES, map(outcome, range(20)))
    settled(kafka)
    delete_topic(kafka, INGEST.changelog)
    assert "the state is gone" in stop_of(kafka)
    assert "the state is gone" in stop_of(kafka), "a second start says the same"
    found = recover(kafka)
    assert any("what waited in it is lost" in words for step in found.steps for words in step.words)
    send(kafka, PREDICTION_OUTCOMES, map(outcome, range(20, 40)))
    settled(kafka)
    send(kafka, PREDICTION_LABELS, labelled(range(20, 40)))
    settled(kafka)
    assert events(kafka) == expected(range(40), "prediction") + expected(range(20, 40), "label")


def group(kafka: KafkaSettings) -> None:
    """The group is deleted, or expired; the state stays. After the recovery nothing counts twice."""
    prepare(kafka)
    send(kafka, PREDICTION_OUTCOMES, map(outcome, range(20)))
    settled(kafka)
    delete_group(kafka, INGEST.group)
    assert "the group's offsets are gone" in stop_of(kafka)
    assert events(kafka) == expected(range(20), "prediction")
    recover(kafka)
    send(kafka, PREDICTION_LABELS, labelled(range(20)))
    settled(kafka)
    assert events(kafka) == expected(range(20), "prediction", "label")


def retention(kafka: KafkaSettings) -> None:
    """Records are deleted before they were read."""
    prepare(kafka, partitions=1)
    send(kafka, PREDICTION_OUTCOMES, map(outcome, range(20)))
    settled(kafka)
    send(kafka, PREDICTION_OUTCOMES, map(outcome, range(20, 40)))
    place = TopicPartition(kafka.topic_prefix + PREDICTION_OUTCOMES, 0, 32)
    admin = admin_client(kafka)
    for done in admin.delete_records([place], request_timeout=30).values():
        done.result(30)
    assert "12 records of prediction-outcomes were deleted before they were read" in stop_of(kafka)
    found = recover(kafka)
    assert found.steps[0].offsets[PREDICTION_OUTCOMES] == 32
    settled(kafka)
    assert events(kafka) == expected(range(20), "prediction") + expected(range(32, 40), "prediction")


CASES: Mapping[str, Callable[[KafkaSettings], None]] = {
    "partitioner": partitioner,
    "partitions": partitions,
    "changelog": changelog,
    "group": group,
    "retention": retention,
}
"""Name → case. Each wants a prefix that is its own."""


def delete_topic(kafka: KafkaSettings, topic: str) -> None:
    """Delete it, and wait until it is gone."""
    admin, name = admin_client(kafka), kafka.topic_prefix + topic
    admin.delete_topics([name], operation_timeout=30)[name].result(30)
    deadline = time.monotonic() + 30
    while name in admin.list_topics(timeout=10).topics:
        assert time.monotonic() < deadline


def delete_group(kafka: KafkaSettings, group_id: str) -> None:
    """Delete it; its members have left."""
    admin, name = admin_client(kafka), kafka.topic_prefix + group_id
    admin.delete_consumer_groups([name], request_timeout=30)[name].result(30)


def lake_rows(folder: Path) -> int:
    """How many rows the archive has."""
    from deltalake import DeltaTable

    return sum(one or 0 for one in DeltaTable(str(folder)).get_add_actions(flatten=True)["num_records"].to_pylist())
