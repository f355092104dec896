"""Topics that people change under running services: a table grows, a table is made anew, an input is deleted."""

import time
from collections.abc import Callable, Mapping

import pytest
from confluent_kafka.admin import NewPartitions, NewTopic
from tests.cluster.cases_identity import (
    declare,
    delete_topic,
    events,
    expected,
    outcome,
    prepare,
    running,
    send,
    settle,
    settled,
    turn_for,
)

from driftloop.contracts.topics import MODEL_SPECS, PREDICTION_LABELS, PREDICTION_OUTCOMES
from driftloop.errors import AwayError, ExitCode
from driftloop.kafka.admin.topics import apply_topics
from driftloop.kafka.clients.clients import admin_client
from driftloop.kafka.clients.partitioner import partition_of
from driftloop.kafka.loop.topic_watch import LOOK_EVERY_S
from driftloop.kafka.settings import KafkaSettings
from outcome_ingestion.app import INGEST
from outcome_ingestion.core.ingest import Ingest

_STOPS_S = 3 * LOOK_EVERY_S + 30


def _stop(kafka: KafkaSettings, change: Callable[[], None]) -> AwayError:
    """How a service that is at work ends when somebody changes its topics."""
    send(kafka, PREDICTION_OUTCOMES, map(outcome, range(20)))
    with running(kafka, Ingest(), INGEST) as loop:
        settle(kafka, loop, INGEST)
        change()
        with pytest.raises(AwayError) as stop:
            turn_for(loop, _STOPS_S)
    return stop.value


def table_grows(kafka: KafkaSettings) -> None:
    """The specs get more partitions: a spec in a new one is known after the next start, and its rows count."""
    prepare(kafka, partitions=2)
    name, admin = kafka.topic_prefix + MODEL_SPECS, admin_client(kafka)

    def grow() -> None:
        admin.create_partitions([NewPartitions(name, 6)])[name].result(30)

    stop = _stop(kafka, grow)
    assert "its table model-specs has 6 partitions, before it had 2" in stop.sentence
    model = next(f"plant-{number}" for number in range(99) if partition_of(f"plant-{number}", 6) >= 2)
    declare(kafka, model)
    rows = (outcome(number) for number in range(20, 30))
    send(kafka, PREDICTION_OUTCOMES, ((key, value.replace(b'"plant"', f'"{model}"'.encode())) for key, value in rows))
    settled(kafka)
    assert events(kafka) == expected(range(30), "prediction")


def table_made_anew(kafka: KafkaSettings) -> None:
    """The specs are deleted and made anew, empty: nobody goes on with what is on no log."""
    prepare(kafka, partitions=2)

    def replace() -> None:
        delete_topic(kafka, MODEL_SPECS)
        name, admin = kafka.topic_prefix + MODEL_SPECS, admin_client(kafka)
        deadline = time.monotonic() + 30
        while True:
            admin.create_topics([NewTopic(name, 2)])[name].exception(30)
            if name in admin.list_topics(timeout=10).topics:
                return
            assert time.monotonic() < deadline

    assert "`driftloop models apply`" in _stop(kafka, replace).sentence


def input_deleted(kafka: KafkaSettings) -> None:
    """An input is deleted and stays away: a topic without news looks the same, so it is looked for."""
    prepare(kafka, partitions=2)
    stop = _stop(kafka, lambda: delete_topic(kafka, PREDICTION_LABELS))
    assert "prediction-labels is not there any more" in stop.sentence
    assert stop.exit_code == ExitCode.NOT_FOUND
    apply_topics(kafka, partitions=2, replication=None)
    assert events(kafka) == expected(range(20), "prediction")


CASES: Mapping[str, Callable[[KafkaSettings], None]] = {
    "table-grows": table_grows,
    "table-made-anew": table_made_anew,
    "input-deleted": input_deleted,
}
"""Name → case. Each wants a prefix that is its own."""
