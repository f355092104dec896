"""Both roles as processes on the real Kafka, killed on the way: every good row once, every bad one buried once."""

import json
import random
import signal
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from deltalake import DeltaTable, QueryBuilder
from tests.quiescence import Quiescence

from driftloop.codec.frames import decode_frame
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.topics import DEAD_LETTERS, MODEL_SPECS, OUTCOME_FRAMES, PREDICTION_LABELS, PREDICTION_OUTCOMES
from driftloop.kafka.admin.topics import apply_topics
from driftloop.kafka.clients.sender import Sender
from driftloop.kafka.clients.tail import Tail
from driftloop.spec.model_spec import ModelSpec

pytestmark = pytest.mark.broker

ROWS, BAD = 10_000, 500
START = datetime(2026, 1, 5, tzinfo=UTC)
SPEC = {
    "model_id": "plant",
    "task": "regression",
    "features": {"speed": {}, "rate": {}, "energy": {"expression": "rate * speed / 1000"}},
    "target": {"d50": {"kind": "number"}},
    "clock": "event",
}


def row(number: int) -> dict[str, object]:
    at = (START + timedelta(seconds=number)).isoformat()
    fields = {"prediction_id": f"row-{number:08d}", "model_id": "plant", "model_version": "1.0.0", "predicted_at": at}
    fields |= {"features": {"speed": number / 7, "rate": 3}, "prediction": 1.0}
    return fields if number % 4 == 0 else fields | {"label": number, "labelled_at": at}


def encoded(number: int, **changes: object) -> tuple[str, bytes]:
    return f"row-{number:08d}", json.dumps(row(number) | changes).encode()


BAD_KINDS = (
    lambda n: (f"row-{n:08d}", encoded(n)[1][:-20]),
    lambda n: (f"row-{n:08d}", b"\xff\xfe\x00"),
    lambda n: (f"row-{n:08d}", None),
    lambda n: (None, encoded(n)[1]),
    lambda n: ("somebody else", encoded(n)[1]),
    lambda n: encoded(n, model_id="nobody"),
    lambda n: encoded(n, features={"speed": "fast", "rate": 3}),
    lambda n: encoded(n, predicted_at="1970-01-01T00:00:00Z"),
    lambda n: encoded(n, prediction=None),
    lambda n: encoded(n, confidence=7),
    lambda n: encoded(n, model_version="the latest"),
    lambda n: (f"row-{n:08d}", b'{"features":' * 10_000),
)
"""A good row's number → the key and value of a bad record."""


@pytest.fixture
def services(start_service, tmp_path):
    """Starts roles as processes."""
    return lambda role: start_service(
        "outcome_ingestion",
        role,
        DRIFTLOOP_KAFKA_BATCH_SIZE="500",
        DRIFTLOOP_OUTCOME_INGESTION_ARCHIVE_URI=str(tmp_path / "lake"),
    )


def publish_spec(sender: Sender) -> None:
    spec = ModelSpec.model_validate(SPEC)
    published = ModelSpecPublished(
        message_id=derive_id("spec", 1), model_id="plant", occurred_at=START, spec_version=1, spec=spec
    )
    sender.send(MODEL_SPECS, "plant", published.to_json())


def mixed_records(dice: random.Random) -> list[tuple[str | None, bytes | None]]:
    records = [encoded(number) for number in range(ROWS)]
    for number in range(BAD):
        bad = BAD_KINDS[number % len(BAD_KINDS)](ROWS + number)
        records.insert(dice.randrange(len(records)), bad)
    return records


@pytest.mark.timeout(240)
def test_good_rows_go_on_once_and_bad_ones_are_buried_once_through_kills(kafka, services, tmp_path):
    apply_topics(kafka, partitions=2)
    ingest, archive = services("ingest"), services("archive")
    records = mixed_records(random.Random(5))
    third = len(records) // 3
    with Tail(kafka, [OUTCOME_FRAMES, DEAD_LETTERS]) as tail:
        found = []
        sender = Sender(kafka)
        publish_spec(sender)
        for part in (records[:third], records[third : 2 * third], records[2 * third :]):
            for key, value in part:
                sender.send(PREDICTION_OUTCOMES, key, value)
            sender.flush()
            while not (new := tail.read(1.0)):
                assert ingest.poll() is None, "the service ended by itself"
            found += new
            for process in (ingest, archive):
                process.send_signal(signal.SIGKILL)
                process.wait()
            ingest, archive = services("ingest"), services("archive")
        for number in range(0, ROWS, 4):
            label = {"prediction_id": f"row-{number:08d}", "model_id": "plant", "label": number}
            at = (START + timedelta(hours=5)).isoformat()
            sender.send(PREDICTION_LABELS, label["prediction_id"], json.dumps(label | {"labelled_at": at}).encode())
        sender.close()
        inputs = {"outcome_ingestion": (PREDICTION_OUTCOMES, PREDICTION_LABELS), "outcome_archive": (OUTCOME_FRAMES,)}
        Quiescence(kafka, inputs).wait(300.0, pause_s=0.2)
        found += tail.read_to_end()
    _check_frames([r for r in found if r.topic == OUTCOME_FRAMES])
    _check_dead_letters([r for r in found if r.topic == DEAD_LETTERS], records)
    _check_archive(str(tmp_path / "lake"))
    assert ingest.poll() is None
    assert archive.poll() is None


def _check_frames(records):
    seen: Counter[tuple[str, str]] = Counter()
    for record in records:
        frame = decode_frame(record.value, record.headers)
        seen.update(
            zip(
                frame.batch.column("prediction_id").to_pylist(),
                frame.batch.column("event").to_pylist(),
                strict=True,
            )
        )
    assert set(seen.values()) == {1}
    events: dict[str, set[str]] = {}
    for prediction_id, event in seen:
        events.setdefault(prediction_id, set()).add(event)
    assert set(events) == {f"row-{n:08d}" for n in range(ROWS)}
    for prediction_id, own in events.items():
        later = int(prediction_id[4:]) % 4 == 0
        assert own == {"outcome"} or (later and own == {"prediction", "label"}), "a label is there before or after"


def _check_dead_letters(letters, records):
    good = {encoded(number) for number in range(ROWS)}
    sent = Counter(record for record in records if record not in good)
    assert Counter((letter.key or None, letter.value) for letter in letters) == sent
    for letter in letters:
        headers = dict(letter.headers)
        assert headers["dlq.error.stage"] in (b"decode", b"validate")
        assert headers["dlq.error.topic"] == PREDICTION_OUTCOMES.encode()
        assert {"dlq.error.class", "dlq.error.message", "dlq.error.offset", "dlq.error.partition"} <= headers.keys()
    assert len({dict(letter.headers)["dlq.error.class"] for letter in letters}) >= 8


def _check_archive(uri):
    query = "SELECT prediction_id, labels_number['d50'] AS label FROM archive"
    rows = QueryBuilder().register("archive", DeltaTable(uri)).execute(query).read_all()
    labels = dict(zip(rows["prediction_id"].to_pylist(), rows["label"].to_pylist(), strict=True))
    assert rows.num_rows == ROWS
    assert labels == {f"row-{n:08d}": float(n) for n in range(ROWS)}
