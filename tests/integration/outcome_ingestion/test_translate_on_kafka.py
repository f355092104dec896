"""Somebody else's log on the real Kafka becomes outcomes, each once, though its translator is killed on the way."""

import json
import signal
from collections import Counter

import pytest
from confluent_kafka.admin import NewTopic
from tests.foreign.bytes_of import kserve_headers
from tests.quiescence import Quiescence

from driftloop.clock import system_now
from driftloop.contracts.topics import DEAD_LETTERS, PREDICTION_HALVES, PREDICTION_OUTCOMES
from driftloop.kafka.admin.topics import apply_topics, create_topics
from driftloop.kafka.clients.clients import admin_client
from driftloop.kafka.clients.partitioner import partition_of
from driftloop.kafka.clients.sender import Sender
from driftloop.kafka.clients.tail import Tail
from driftloop.registry.sources import declared_sources, publish_source
from driftloop.spec.model_source import ModelSource

pytestmark = pytest.mark.broker

LOG, EXCHANGES = "kserve-logs", 1_000
SOURCE = ModelSource(
    name="fraud", model_id="fraud", topics=(LOG,), server="kserve", feature_names=("amount",), version="7"
)


def send(sender: Sender, part: str, number: int, body: object) -> None:
    # the logger's sink spreads its records as it likes: request and response are in different partitions
    key = f"{part}-{number}"
    sender.send(LOG, key, json.dumps(body).encode(), headers=kserve_headers(part, f"r{number}"))


@pytest.mark.timeout(240)
def test_requests_and_responses_in_any_partition_become_outcomes_once_through_kills(kafka, start_service):
    apply_topics(kafka, partitions=2)
    create_topics(admin_client(kafka), [NewTopic(kafka.topic_prefix + LOG, 3)])
    assert publish_source(kafka, SOURCE, system_now())
    assert not publish_source(kafka, SOURCE, system_now())
    assert declared_sources(kafka).usable == {"fraud": SOURCE}
    sender = Sender(kafka)
    for number in range(EXCHANGES):
        for part in ("request", "response") if number % 2 else ("response", "request"):
            body = {"instances": [[number / 2]]} if part == "request" else {"predictions": [number]}
            send(sender, part, number, body)
    send(sender, "request", -1, {"instances": "no list"})
    sender.close()

    def start() -> list:
        small = {"DRIFTLOOP_KAFKA_BATCH_SIZE": "100", "DRIFTLOOP_OUTCOME_INGESTION_SOURCE": "fraud"}
        return [start_service("outcome_ingestion", role, **small) for role in ("translate", "pair")]

    with Tail(kafka, [PREDICTION_OUTCOMES, DEAD_LETTERS]) as tail:
        found = []
        processes = start()
        while not found:
            found += tail.read(1.0)
            assert [process.poll() for process in processes] == [None, None]
        for process in processes:
            process.send_signal(signal.SIGKILL)
            process.wait()
        processes = start()
        inputs = {"outcome_translate-fraud": (LOG,), "outcome_pairing": (PREDICTION_HALVES,)}
        Quiescence(kafka, inputs).wait(120.0, pause_s=0.2)
        found += tail.read_to_end()
    outcomes = [record for record in found if record.topic == PREDICTION_OUTCOMES]
    assert Counter(record.key for record in outcomes) == Counter(f"r{number}" for number in range(EXCHANGES))
    for record in outcomes:
        assert record.partition == partition_of(record.key, 2)
        row = json.loads(record.value)
        assert row["features"] == {"amount": row["prediction"] / 2}
        assert row["model_version"] == "7"
    (letter,) = (record for record in found if record.topic == DEAD_LETTERS)
    assert "instances is no list" in str(dict(letter.headers))
