"""The whole loop: from outcomes to a promotion, five services with their own cores, and training that takes no time.

What is not here: the archive (it writes a Delta table) and the console. The end is judged by `driftloop verify`'s own
cores over the log, and by a count of rows that shares no code with the loop.
"""

import json
from collections import Counter as Tally
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
from tests.chaos.cases.ingestion import rows_of
from tests.simulation.broker.partition_log import Entry
from tests.simulation.cases.instant import Instant, NoRows, Shelf, said_by, truth
from tests.simulation.cases.parts import committed, compared, kafka, loop_of

from drift_detection.app import LOOP as DETECTION
from drift_detection.core.processor import DriftDetection
from driftloop.codec.arrow import encode_batch
from driftloop.codec.content_types import ARROW, content_header
from driftloop.contracts import topics
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_commands import ModelCommand
from driftloop.contracts.topics import topics as declared
from driftloop.cores.checkpoints import checkpoint_rule
from driftloop.kafka.clients.partitioner import partition_of
from driftloop.kafka.settings import LoopSettings
from driftloop.spec.model_spec import ModelSpec
from driftloop.testing.clock import START
from driftloop.tools.registry.declaring import spec_message
from driftloop.tools.replay.stream import EventTime, outcome_batch
from driftloop.tools.verify.comparison import verify
from driftloop.tools.verify.recorded import INPUTS, OUTPUTS, Recorded
from outcome_ingestion.app import INGEST
from outcome_ingestion.core.ingest import Ingest
from retrain_coordinator.app import LOOP as COORDINATOR
from retrain_coordinator.core.processor import Coordinator
from trainer_worker.adapters.frame_log import KafkaFrames
from trainer_worker.app import SCORE, TRAIN
from trainer_worker.core.score.processor import ChallengeScoring
from trainer_worker.core.train.processor import TrainingRuns

if TYPE_CHECKING:
    from tests.simulation.process import Make
    from tests.simulation.world import World

MODEL = "flip"
BATCH_ROWS, EXAMPLES, BEFORE, MOST = 25, 2, 8, 60
"""Rows of a batch, batches before the first version, batches of the first regime, and batches in which the new
version must have been promoted."""
ENOUGH_ROWS = 400
"""Rows on which a challenge must have ended."""
AHEAD = 10
"""Batches that the producer may be ahead of detection."""
SPEC = ModelSpec.model_validate(
    {
        "model_id": MODEL,
        "task": "binary",
        "features": {"x": {}},
        "target": {"y": {"kind": "category"}},
        "clock": "event",
        "detection": {"window_rows": 100, "minimum_rows": 50, "loss_block_rows": 25},
        "challenge": {"probation_rows": 50},
        "training": {"minimum_rows": 20},
        "policy": {"triggers": {"harmful_drift": True}},
    }
)


@cache
def _often(settings: LoopSettings) -> LoopSettings:
    """Snapshots every few commits, so that restores replay something."""
    return settings.model_copy(update={"snapshot_every": 5})


class PipelineCase:
    """Batches of rows, predicted by whichever version serves; a regime change after the first few."""

    def __init__(self, seed: int) -> None:
        self._random = Random(f"pipeline {seed}")
        self._numbers = np.random.default_rng(seed)
        self._batches = self._commands = 0
        self._sent: list[str] = []

    def services(self) -> "Iterator[tuple[str, Make]]":
        """In the direction of the data."""
        yield "outcome_ingestion", lambda world, replica: loop_of(Ingest(), INGEST, world, replica)
        yield "challenge_scoring", _scoring
        yield (
            "drift_detection",
            lambda world, replica: loop_of(
                DriftDetection(checkpoint_rule("drift_detection", 4.0, None)), _often(DETECTION), world, replica
            ),
        )
        yield (
            "retrain_coordinator",
            lambda world, replica: loop_of(
                Coordinator(checkpoints=checkpoint_rule("retrain_coordinator", 4.0, None)), COORDINATOR, world, replica
            ),
        )
        yield "trainer_worker", lambda world, replica: loop_of(TrainingRuns(Instant()), TRAIN, world, replica)

    def groups(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Their inputs."""
        for settings in (INGEST, SCORE, DETECTION, COORDINATOR, TRAIN):
            yield settings.group, settings.inputs

    def prepare(self, world: "World") -> None:
        """Every topic, and the spec."""
        for topic in declared():
            world.cluster.create(topic)
        _append(world, topics.MODEL_SPECS, spec_message(SPEC, START).to_json())

    def feed(self, world: "World") -> bool:
        """A batch; False when the new version serves and its probation is over, or it never came."""
        serving = _serving(world)
        if not serving:
            self._ask_for_the_first(world)
            return True
        if self._batches - _coordinated(world) > AHEAD:
            return True  # else all rows are over before a version could be proven on them
        self._send(world, serving[-1], 0 if self._batches < BEFORE else 1)
        return self._batches < MOST and (len(serving) < 2 or self._batches < BEFORE + 12)

    def _ask_for_the_first(self, world: "World") -> None:
        """Examples, and then the command that trains a version; again where it came before the examples."""
        if self._batches < EXAMPLES:
            self._send(world, None, 0)
        elif self._commands == len(committed(world, topics.RETRAIN_DECISIONS)):
            self._commands += 1
            command = ModelCommand(
                message_id=derive_id("first", self._commands), model_id=MODEL, occurred_at=START, command="retrain",
                requested_by="a test", reason="the first version",
            )  # fmt: skip
            _append(world, topics.MODEL_COMMANDS, command.to_json())

    def _send(self, world: "World", version: str | None, regime: int) -> None:
        x = self._numbers.normal(size=BATCH_ROWS).round(3)
        first = self._batches * BATCH_ROWS
        self._batches += 1
        batch = outcome_batch(
            MODEL, EventTime(interval=timedelta(minutes=1)), first, {"x": x}, labels={"y": truth(x, regime)},
            predictions=None if version is None else {"y": said_by(version, x)}, model_version=version,
        )  # fmt: skip
        self._sent += batch.column("prediction_id").to_pylist()
        _append(world, topics.PREDICTION_OUTCOMES, encode_batch(batch), content_header(ARROW))

    def helped(self, world: "World") -> bool:
        """It never has to be."""
        return False

    def check_stopped(self, world: "World", said: str) -> Iterator[str]:
        """It never has to."""
        yield f"stopped: {said}"[:300]

    def check(self, world: "World") -> Iterator[str]:
        """Rows once, one status a frame, ids once, a promotion, and all of it the same when it is made again."""
        rows = [row["prediction_id"] for record in committed(world, topics.OUTCOME_FRAMES) for row in rows_of(record)]
        yield from compared("rows", self._sent, rows)
        yield from compared("dead letters", [], [one.value() for one in committed(world, topics.DEAD_LETTERS)])
        frames = [one.offset() for one in committed(world, topics.OUTCOME_FRAMES)]
        statuses = [json.loads(one.value() or b"{}") for one in committed(world, topics.DRIFT_STATUS)]
        yield from compared("statuses", frames, [one["position"]["offset"] for one in statuses])
        for topic in (*OUTPUTS, topics.MODEL_CHECKPOINTS, topics.TRAINING_RESULTS):
            found = Tally(json.loads(one.value() or b"{}")["message_id"] for one in committed(world, topic))
            if twice := [name for name, times in found.items() if times > 1]:
                yield f"{topic} doubled: {twice[:3]}"
        if len(_serving(world)) < 2:
            yield from _unproven(world)
        yield from self._again(world)

    def _again(self, world: "World") -> Iterator[str]:
        names = (*INPUTS, *OUTPUTS, topics.MODEL_CHECKPOINTS)
        again = verify(Recorded([record for topic in names for record in committed(world, topic)]))
        yield from (one.sentence for one in again.differences)
        if again.incomplete or not again.compared:
            yield f"not made again: {again}"


def _scoring(world: "World", replica: int) -> Any:
    plan = world.plan
    frames = KafkaFrames(kafka(replica, plan.classic, plan.batch, plan.linger_ms, plan.poll_ms))
    return loop_of(ChallengeScoring(Shelf(), frames, NoRows()), SCORE, world, replica)


def _serving(world: "World") -> list[str]:
    """The versions that were promoted, in order."""
    events = [json.loads(one.value() or b"{}") for one in committed(world, topics.MODEL_EVENTS)]
    return [event["version"] for event in events if event["event"] in ("promoted", "rolled_back")]


def _unproven(world: "World") -> Iterator[str]:
    """Where no version was promoted after the drift: it was not found, or a challenge had rows enough and no end."""
    if not committed(world, topics.DRIFT_SIGNALS):
        yield "the drift was not found"
    events = [json.loads(one.value() or b"{}") for one in committed(world, topics.MODEL_EVENTS)]
    since = [event["from_position"]["offset"] for event in events if event["event"] in ("challenged", "rejected")]
    frames = [one for one in committed(world, topics.OUTCOME_FRAMES) if one.offset() > max(since, default=-1)]
    rows = sum(len(rows_of(frame)) for frame in frames)
    decisions = [json.loads(one.value() or b"{}") for one in committed(world, topics.RETRAIN_DECISIONS)]
    if any("taken in without" in one["reason"] for one in decisions):
        return  # scores were late by more than is waited for, which the coordinator said
    if rows >= ENOUGH_ROWS:
        yield f"no version was promoted, and {rows} rows came since the newest challenge"


def _coordinated(world: "World") -> int:
    """Batches that detection has told of."""
    statuses = committed(world, topics.DRIFT_STATUS)
    return int(json.loads(statuses[-1].value() or b"{}")["labelled_rows"]) // BATCH_ROWS if statuses else 0


def _append(world: "World", topic: str, value: bytes, headers: tuple[tuple[str, bytes], ...] = ()) -> None:
    number = partition_of(MODEL, world.plan.partitions)
    world.cluster.log((topic, number)).append(Entry(MODEL.encode(), value, headers, world.wall_ms))
