"""The coordinator under fault: every decision, request and event once, whatever died in between."""

import json
from collections.abc import Iterator, Mapping

from confluent_kafka import Message
from tests.chaos.case import PARTITIONS, Input, World
from tests.chaos.cases.gates import MODELS, START, frames, prepared
from tests.chaos.cases.ingestion import spec_input
from tests.chaos.verdict import Verdict
from tests.chaos.witness import read_all

from drift_detection.core.processor import DriftDetection
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_commands import ModelCommand
from driftloop.contracts.topics import (
    DRIFT_SIGNALS,
    DRIFT_STATUS,
    MODEL_COMMANDS,
    MODEL_EVENTS,
    MODEL_SPECS,
    RETRAIN_DECISIONS,
    TRAINING_REQUESTS,
)
from driftloop.testing.records import FakeRecord
from retrain_coordinator.app import LOOP
from retrain_coordinator.core.processor import Coordinator

_COMMANDED = tuple(f"commanded-{number}" for number in range(12))
_COMMANDS_A_FRAME = 4
_COMMANDS = ("retrain", "freeze", "retrain", "unfreeze", "retrain")

Said = tuple[str, str, str]


class CoordinationCase:
    """Evidence of watched models on two topics, and commands for others on a third."""

    name = "retrain_coordinator"
    module = control = ("retrain_coordinator",)
    rate, hold_ms = 120.0, 120.0
    said = (RETRAIN_DECISIONS, TRAINING_REQUESTS, MODEL_EVENTS)
    outputs = (*said, LOOP.changelog)
    groups: Mapping[str, tuple[str, ...]] = {LOOP.group: LOOP.inputs}

    def environment(self, world: World) -> Mapping[str, str]:
        return {}

    def prepare(self, world: World) -> Iterator[Input]:
        for model_id in MODELS:
            yield from prepared(model_id)
        yield from map(spec_input, _COMMANDED)

    def inputs(self) -> Iterator[Input]:
        detection, offsets = _detection(), dict.fromkeys(MODELS, 0)
        for number, frame in enumerate(frames()):
            offsets[frame.key] += 1
            record = FakeRecord(
                frame.topic, key=frame.key, value=frame.value, headers=frame.headers, at_offset=offsets[frame.key]
            )
            for wish in detection.process([record], START, tables_current=True).outgoing:
                yield Input(wish.topic, wish.key, wish.value, wish.headers, wish.partition_by)
            yield from map(_command, range(number * _COMMANDS_A_FRAME, (number + 1) * _COMMANDS_A_FRAME))

    def finished(self, world: World) -> bool:
        return True

    def check(self, world: World, verdict: Verdict) -> None:
        found = [(topic, *_said(record)) for topic in self.said for record in self._read(world, topic)]
        verdict.compare(self._expected(world), found)

    def _expected(self, world: World) -> list[Said]:
        """What the core says of the same evidence, read topic by topic: their order must not matter."""
        core = Coordinator()
        core.take_table(MODEL_SPECS, self._read(world, MODEL_SPECS))
        for number in range(PARTITIONS):
            core.restore(number, ())
        records = [
            record for topic in (DRIFT_SIGNALS, DRIFT_STATUS, MODEL_COMMANDS) for record in self._read(world, topic)
        ]
        for record in records:
            record.set_topic(record.topic().removeprefix(world.kafka.topic_prefix))
        effects = core.process(records, START, tables_current=True)
        return [(wish.topic, wish.key, _id(wish.value)) for wish in effects.outgoing if wish.topic in self.said]

    def _read(self, world: World, topic: str) -> list[Message]:
        return read_all(world.kafka.bootstrap_servers, [world.kafka.topic_prefix + topic])


def _detection() -> DriftDetection:
    detection = DriftDetection()
    for model_id in MODELS:
        for item in prepared(model_id):
            detection.take_table(item.topic, [FakeRecord(item.topic, key=item.key, value=item.value)])
    detection.restore(0, ())
    return detection


def _command(number: int) -> Input:
    model_id = _COMMANDED[number % len(_COMMANDED)]
    command = ModelCommand(
        message_id=derive_id("command", number),
        model_id=model_id,
        occurred_at=START,
        command=_COMMANDS[number // len(_COMMANDED) % len(_COMMANDS)],
        reason="a test of faults",
        requested_by="the test",
    )
    return Input(MODEL_COMMANDS, model_id, command.to_json())


def _said(record: Message) -> tuple[str, str]:
    return record.key().decode(), _id(record.value())


def _id(value: bytes) -> str:
    return str(json.loads(value)["message_id"])
