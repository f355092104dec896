"""Translation under fault: somebody else's records, some of them rubbish, to outcomes."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from confluent_kafka.admin import NewTopic
from tests.chaos.case import PARTITIONS, Input, World
from tests.chaos.verdict import Verdict
from tests.chaos.witness import read_all

from driftloop.contracts.topics import DEAD_LETTERS, MODEL_SOURCES, PREDICTION_OUTCOMES
from driftloop.kafka.admin.topics import create_topics
from driftloop.kafka.clients.clients import admin_client
from driftloop.kafka.clients.partitioner import partition_of
from driftloop.registry.sources import source_message
from driftloop.spec.model_source import ModelSource

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
THEIRS = "their-log"
SOURCE = ModelSource.model_validate({
    "name": "chaos", "model_id": "plant", "topics": [THEIRS],
    "paths": {"prediction_id": "call.id", "model_version": "call.version", "predicted_at": "at", "features": "x",
              "prediction": "y"},
})  # fmt: skip


class TranslationCase:
    """Each good record becomes one outcome, in order; each bad one is buried once."""

    name = "outcome_translate"
    module = control = ("outcome_ingestion", "--role", "translate")
    rate, hold_ms = 600.0, 40.0
    outputs = (PREDICTION_OUTCOMES, DEAD_LETTERS)
    groups: Mapping[str, tuple[str, ...]] = {f"outcome_translate-{SOURCE.name}": (THEIRS,)}

    def environment(self, world: World) -> Mapping[str, str]:
        return {"DRIFTLOOP_OUTCOME_INGESTION_SOURCE": SOURCE.name}

    def prepare(self, world: World) -> Iterator[Input]:
        create_topics(admin_client(world.kafka), [NewTopic(world.kafka.topic_prefix + THEIRS, PARTITIONS)])
        yield Input(MODEL_SOURCES, SOURCE.name, source_message(SOURCE, START).to_json())

    def inputs(self) -> Iterator[Input]:
        number = 0
        while True:
            yield _record(number)
            number += 1

    def finished(self, world: World) -> bool:
        return True

    def check(self, world: World, verdict: Verdict) -> None:
        made = self._read(world, PREDICTION_OUTCOMES)
        names = [record.key().decode() for record in made]
        verdict.compare([item.key for item in world.sent if _is_good(item)], names)
        verdict.compare([item.value for item in world.sent if not _is_good(item)],
                        [record.value() for record in self._read(world, DEAD_LETTERS)])  # fmt: skip
        verdict.order([(partition_of(name, PARTITIONS), int(name.split("-")[1])) for name in names])
        wrong = [record for record in made if json.loads(record.value())["prediction"] != _number(record.key()) / 2]
        verdict.state_errors += len(wrong)

    def _read(self, world: World, topic: str) -> list[Any]:
        return read_all(world.kafka.bootstrap_servers, [world.kafka.topic_prefix + topic])


def _number(key: bytes) -> int:
    return int(key.decode().split("-")[1])


def _is_good(item: Input) -> bool:
    return item.topic == THEIRS and item.value.endswith(b"}")


def _record(number: int) -> Input:
    """Most go the short way; a nested feature makes one in seven go the long way."""
    features = {"speed": number % 17, "load": {"left": 1.5}} if number % 7 == 3 else {"speed": number % 17}
    row = {
        "call": {"id": f"p-{number}", "version": "1.0.0"}, "at": (START + timedelta(seconds=number)).isoformat(),
        "x": features, "y": number / 2,
    }  # fmt: skip
    rubbish = b"!" if number % 20 == 7 else b""
    return Input(THEIRS, f"p-{number}", json.dumps(row).encode() + rubbish)
