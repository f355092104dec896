"""The trainer under fault: one request, one run, one version, and no process left behind."""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
from confluent_kafka import Message
from deltalake import CommitProperties, Transaction, write_deltalake
from tests.chaos.case import PARTITIONS, Input, World
from tests.chaos.cases.gates import MODELS, START, prepared
from tests.chaos.verdict import Verdict
from tests.chaos.witness import kept_entries, read_all

from driftloop.archive.schema import ARCHIVE_SCHEMA, PARTITION_BY, app_id
from driftloop.artifacts.store import verify_artifact
from driftloop.contracts.message import FramePosition, derive_id
from driftloop.contracts.topics import MODEL_PROFILES, TRAINING_REQUESTS, TRAINING_RESULTS
from driftloop.contracts.training_requests import DataRule, TrainingRequest
from driftloop.contracts.training_results import TrainingResult
from driftloop.errors import UserError
from trainer_worker.app import TRAIN
from trainer_worker.core.train.processor import TrainingRuns

_ROWS, _ROWS_PER_FRAME = 400, 50
_TRAINED_EVERY, _SHORT_EVERY, _REPEATED_EVERY, _REPEATED_AFTER = 120, 480, 7, 60
_NO_SUCH_SPEC = 99
_STAND_STILL_S = 120.0


class TrainingCase:
    """Most requests fail without training, for want of their spec: they keep transactions full.

    One in 120 is trained, some of those on too few rows; one in seven is a repeat.
    """

    name = "trainer_worker"
    module = control = ("trainer_worker", "--role", "train")
    rate, hold_ms = 100.0, 150.0
    outputs = (TRAINING_RESULTS, MODEL_PROFILES, TRAIN.changelog)
    groups: Mapping[str, tuple[str, ...]] = {TRAIN.group: TRAIN.inputs}

    def __init__(self) -> None:
        self._results = 0
        self._heard_at = 0.0

    def environment(self, world: World) -> Mapping[str, str]:
        return {
            "DRIFTLOOP_TRAINER_WORKER_ARCHIVE_URI": str(world.folder / "lake"),
            "DRIFTLOOP_TRAINER_WORKER_ARTIFACT_URI": str(world.folder / "artifacts"),
            "DRIFTLOOP_TRAINER_WORKER_STARTS_PER_RUN": "1000",
            "DRIFTLOOP_TRAINER_WORKER_RUNS_AT_ONCE": "2",
        }

    def prepare(self, world: World) -> Iterator[Input]:
        _write_archive(str(world.folder / "lake"))
        for model_id in MODELS:
            yield from (item for item in prepared(model_id) if item.topic != MODEL_PROFILES)

    def inputs(self) -> Iterator[Input]:
        number = 0
        while True:
            yield _request(number)
            if number % _REPEATED_EVERY == 0 and number >= _REPEATED_AFTER:
                yield _request(number - _REPEATED_AFTER)
            number += 1

    def finished(self, world: World) -> bool:
        """Whether every run has ended, or none has for long: the count says then what is missing."""
        wanted = len({item.value for item in world.sent})
        found = len(self._read(world, TRAINING_RESULTS)) if wanted else 0
        if found != self._results:
            self._results, self._heard_at = found, time.monotonic()
        return found >= wanted or time.monotonic() - self._heard_at > _STAND_STILL_S

    def check(self, world: World, verdict: Verdict) -> None:
        requests = {r.message_id: r for r in (TrainingRequest.from_json(item.value) for item in world.sent)}
        results = [TrainingResult.from_json(record.value()) for record in self._read(world, TRAINING_RESULTS)]
        verdict.compare(list(requests), [result.run_id for result in results])
        verdict.state_errors += sum(result.status != _end_of(requests[result.run_id]) for result in results)
        trained = [(r.model_id, r.version) for r in requests.values() if _end_of(r) == "succeeded"]
        profiles = [record.key().decode() for record in self._read(world, MODEL_PROFILES)]
        verdict.compare([f"{model_id}/{version}" for model_id, version in trained], profiles)
        verdict.state_errors += _artifact_errors(world.folder / "artifacts", results, trained)
        verdict.state_errors += self._runs_left(world) + _processes_left(str(world.folder / "artifacts"))

    def _runs_left(self, world: World) -> int:
        """Runs that a worker would take up again, though their results are out."""
        changelog, core = self._read(world, TRAIN.changelog), TrainingRuns(_NoExecutor())
        for number in range(PARTITIONS):
            core.restore(number, kept_entries(changelog, number))
        return sum(map(len, core._runs.values()))

    def _read(self, world: World, topic: str) -> list[Message]:
        return read_all(world.kafka.bootstrap_servers, [world.kafka.topic_prefix + topic])


class _NoExecutor:
    def keep(self, run_ids: frozenset[object]) -> None:
        """Nothing runs here."""


def _end_of(request: TrainingRequest) -> str:
    return "succeeded" if request.spec_version == 1 and request.data.minimum_rows <= _ROWS else "failed"


def _request(number: int) -> Input:
    model_id = MODELS[(number + number // _TRAINED_EVERY) % len(MODELS)]
    trained, short = number % _TRAINED_EVERY == 0, number % _SHORT_EVERY == _TRAINED_EVERY
    request = TrainingRequest(
        message_id=derive_id("request", number),
        model_id=model_id,
        occurred_at=START,
        version=f"1.0.{number}",
        spec_version=1 if trained else _NO_SUCH_SPEC,
        learner="linear",
        data=DataRule(
            until=FramePosition(partition=0, offset=_ROWS // _ROWS_PER_FRAME - 1),
            rows=_ROWS,
            minimum_rows=2 * _ROWS if short else 10,
        ),
        seed=number,
        reason="a test of faults",
    )
    return Input(TRAINING_REQUESTS, model_id, request.to_json())


def _write_archive(uri: str) -> None:
    rng, rows = np.random.default_rng(5), _ROWS * len(MODELS)
    heat, place = rng.normal(size=rows), np.arange(rows) % _ROWS
    columns = {
        "model_id": [MODELS[row // _ROWS] for row in range(rows)],
        "day": [date(2026, 1, 5)] * rows,
        "frame_partition": [0] * rows,
        "frame_offset": (place // _ROWS_PER_FRAME).tolist(),
        "frame_row": (place % _ROWS_PER_FRAME).tolist(),
        "prediction_id": [f"row-{row}" for row in range(rows)],
        "event": ["outcome"] * rows,
        "predicted_at": [datetime(2026, 1, 5, tzinfo=UTC)] * rows,
        "label_source": ["system"] * rows,
        "numbers": [[("heat", float(value))] for value in heat],
        "labels_category": [[("ok", "yes" if value > 0 else "no")] for value in heat],
    }
    arrays = [pa.array(columns.get(field.name, [None] * rows), field.type) for field in ARCHIVE_SCHEMA]
    through = Transaction(app_id(0), _ROWS // _ROWS_PER_FRAME)
    write_deltalake(
        uri,
        pa.Table.from_arrays(arrays, schema=ARCHIVE_SCHEMA),
        partition_by=PARTITION_BY,
        commit_properties=CommitProperties(app_transactions=[through]),
    )


def _artifact_errors(folder: Path, results: list[TrainingResult], trained: list[tuple[str, str]]) -> int:
    """Versions that are damaged or another run's, and folders that belong to no version."""
    errors = 0
    for result in results:
        if result.artifact is None:
            continue
        try:
            errors += verify_artifact(result.artifact, result.artifact_sha256).manifest.run_id != result.run_id
        except UserError:
            errors += 1
    there = {(found.parent.name, found.name) for found in folder.glob("*/*")}
    return errors + len(there ^ set(trained))


def _processes_left(artifact_uri: str, patience_s: float = 10.0) -> int:
    """Processes of this run's workers (its folder is in their environment) that are alive long after them."""
    deadline = time.monotonic() + patience_s
    while (left := sum(_belongs(process, artifact_uri) for process in psutil.process_iter())) > 0:
        if time.monotonic() > deadline:
            break
        time.sleep(0.2)
    return left


def _belongs(process: psutil.Process, artifact_uri: str) -> bool:
    try:
        return process.environ().get("DRIFTLOOP_TRAINER_WORKER_ARTIFACT_URI") == artifact_uri
    except psutil.Error:
        return False
