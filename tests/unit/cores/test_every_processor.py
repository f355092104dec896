"""Every processor, every table and every topic: rubbish, tombstones and messages of the next release end nothing."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from drift_detection import app as detection
from drift_detection.core.processor import DriftDetection
from driftloop.contracts import topics
from driftloop.in_memory.log import MemoryLog
from driftloop.in_memory.loop import MemoryLoop
from driftloop.kafka.settings import LoopSettings
from driftloop.processor import Processor, Record
from driftloop.spec.model_source import ModelSource
from operations_console import app as console
from operations_console.adapters.lineage import Lineage
from operations_console.core.mirror.processor import Mirror, Seen
from operations_console.core.notify.processor import Notifier
from operations_console.core.notify.rules import Rules
from outcome_ingestion import app as ingestion
from outcome_ingestion.core.archive.archiving import Archive
from outcome_ingestion.core.ingest import Ingest
from outcome_ingestion.core.translate.pairing import Pair
from outcome_ingestion.core.translate.translating import Translate
from retrain_coordinator import app as coordination
from retrain_coordinator.core.processor import Coordinator
from trainer_worker import app as trainer
from trainer_worker.core.score.ports import RefusedArtifactError
from trainer_worker.core.score.processor import ChallengeScoring
from trainer_worker.core.train.processor import TrainingRuns

EXAMPLES = Path(__file__).parents[3] / "schemas" / "examples"


class NoShelf:
    def predict(self, artifact, sha256, rows):
        raise RefusedArtifactError(f"there is no artifact at {artifact}")

    check = predict


class NoFrames:
    def between(self, model_id, partition, first, last) -> Iterable[Record]:
        return ()


class NoRows:
    def rows(self, artifact, sha256, spec):
        return None


class NoExecutor:
    def start(self, run) -> None: ...

    def holds(self, run_id) -> bool:
        return False

    def reports(self):
        return ()

    def cancel(self, run) -> None: ...

    def keep(self, run_ids) -> None: ...


class NoRegistry:
    def put(self, model, versions, history) -> Seen:
        return Seen()

    def look(self, model, versions) -> None: ...


class NoDeliverer:
    def start(self, told) -> None: ...

    def results(self):
        return []

    def passed_over(self, told, why) -> None: ...


class NoSink:
    def belongs_to(self, cluster: str, frames: str) -> None: ...

    def archived_until(self, partition: int) -> int:
        return 0

    def write(self, frames: Sequence[object]) -> None: ...


class Service(NamedTuple):
    make: Callable[[], Processor]
    settings: LoopSettings


MINE = ModelSource(name="plant", model_id="plant", topics=("theirs",), server="kserve")
"""A source whose name is one of the keys below."""
SERVICES = {
    "translation": Service(lambda: Translate(MINE), ingestion.translate_loop(MINE)),
    "pairing": Service(Pair, ingestion.PAIR),
    "ingestion": Service(Ingest, ingestion.INGEST),
    "archive": Service(lambda: Archive(NoSink()), ingestion.ARCHIVE),
    "detection": Service(DriftDetection, detection.LOOP),
    "coordinator": Service(Coordinator, coordination.LOOP),
    "training": Service(lambda: TrainingRuns(NoExecutor()), trainer.TRAIN),
    "notifier": Service(lambda: Notifier(Rules(), NoDeliverer()), console.NOTIFY),
    "lineage": Service(lambda: Lineage("prod", lambda _event: None), console.LINEAGE),
    "mirror": Service(lambda: Mirror(NoRegistry()), console.MIRROR),
    "scoring": Service(lambda: ChallengeScoring(NoShelf(), NoFrames(), NoRows()), trainer.SCORE),
}


def example(topic: str) -> dict:
    """A good message of a topic, as the schemas document it."""
    return json.loads(min((EXAMPLES / topic / "v1" / "valid").glob("*.json")).read_bytes())


def of_next_release(message: dict) -> bytes:
    """The message with a field that this release does not know, at the top and in every object within."""

    def more(part):
        if isinstance(part, dict):
            return {name: more(value) for name, value in part.items()} | {"added_later": {"x": [1]}}
        return part

    message = dict(message)
    whole = message | {"added_later": 1}
    if "spec" in message:
        spec = message["spec"]
        features = {name: {**feature, "added_later": 1} for name, feature in spec["features"].items()}
        whole["spec"] = {**spec, "features": features, "added_later": more({"a": 1})}
    return json.dumps(whole).encode()


RUBBISH = {
    "no JSON": b"{",
    "no text": b"\xff\xfe\x00\x81",
    "another JSON": b"[1, 2, 3]",
    "nothing in it": b"{}",
    "a number": b"7",
    "deep": b"[" * 20_000 + b"]" * 20_000,
    "null": b"null",
    "empty": b"",
    "a tombstone": None,
}
KEYS = (b"plant", b"\xff\xfe", None)
PLACES = [(name, topic) for name, one in SERVICES.items() for topic in (*one.settings.inputs, *one.settings.tables)]

ROWS = (topics.OUTCOME_FRAMES, topics.PREDICTION_OUTCOMES, topics.PREDICTION_LABELS)
"""Their fields are columns: the codec's tests have the unknown ones."""


def settings_of(name: str) -> LoopSettings:
    return SERVICES[name].settings.model_copy(update={"breaker_ratio": 1.0, "breaker_consecutive": 10_000})


def started(name: str, log: MemoryLog) -> MemoryLoop:
    loop = MemoryLoop(SERVICES[name].make(), settings_of(name), log)
    loop.settle(200)
    return loop


def committed(name: str, log: MemoryLog) -> bool:
    """Whether every input has been read to its end."""
    offsets = log.offsets[SERVICES[name].settings.group]
    return all(offsets.get((topic, 0), 0) == log.end((topic, 0)) for topic in SERVICES[name].settings.inputs)


@pytest.mark.parametrize(("name", "topic"), PLACES, ids=lambda value: value)
def test_rubbish_and_tombstones_end_no_service_and_a_restart_works(name, topic):
    log = MemoryLog()
    for key in KEYS:
        for value in RUBBISH.values():
            log.append(topic, key=key, value=value)
    loop = started(name, log)
    assert committed(name, log)
    loop.kill()
    started(name, log)
    assert committed(name, log)


@pytest.mark.parametrize(
    ("name", "topic"),
    [place for place in PLACES if place[1] not in ROWS and (EXAMPLES / place[1]).is_dir()],
    ids=lambda value: value,
)
def test_messages_of_the_next_release_are_read(name, topic):
    log, message = MemoryLog(), example(topic)
    log.append(topics.MODEL_SPECS, key=message["model_id"], value=of_next_release(spec_of(message["model_id"])))
    log.append(topic, key=message["model_id"], value=of_next_release(message))
    started(name, log)
    assert committed(name, log)
    assert log.records(topics.DEAD_LETTERS) == []


def spec_of(model_id: str) -> dict:
    published = example(topics.MODEL_SPECS)
    return published | {"model_id": model_id, "spec": published["spec"] | {"model_id": model_id}}


@pytest.mark.parametrize("name", ["training", "scoring"])
def test_a_spec_that_cannot_be_read_is_counted_and_the_one_before_it_holds(name):
    log = MemoryLog()
    good = example(topics.MODEL_SPECS)
    model = good["model_id"]
    log.append(topics.MODEL_SPECS, key=model, value=json.dumps(good))
    log.append(topics.MODEL_SPECS, key=model, value=b"{")
    log.append(topics.MODEL_SPECS, key=model, value=of_next_release(good | {"spec_version": 9}))
    loop = started(name, log)
    shown = {
        sample.labels["reason"]: sample.value
        for family in loop.metrics.registry.collect()
        for sample in family.samples
        if sample.name == "driftloop_table_rows_kept_out_total"
    }
    assert shown == {"unreadable": 1, "unknown_fields": 1}
    table = loop._processor._specs
    assert table.newest(model).spec_version == 9
    assert table.get(model, good["spec_version"]) is not None


class Raising(TrainingRuns):
    """A core that dies of some rows of a table."""

    taken: int = 0

    def take_table(self, topic: str, records: Sequence[Record]):
        if any(record.value() == b"{" for record in records):
            raise RuntimeError("nobody thought of this")
        self.taken += len(records)
        return super().take_table(topic, records)


def test_a_table_row_that_raises_is_kept_out_by_the_loop_and_the_others_are_taken():
    log, good = MemoryLog(), example(topics.MODEL_SPECS)
    for value in (json.dumps(good), "{", json.dumps(good | {"spec_version": 9})):
        log.append(topics.MODEL_SPECS, key=good["model_id"], value=value)
    core = Raising(NoExecutor())
    loop = MemoryLoop(core, trainer.TRAIN, log)
    loop.settle(50)
    assert core.taken == 2
    labels = {"service": "trainer_worker", "topic": topics.MODEL_SPECS, "reason": "raised"}
    assert loop.metrics.registry.get_sample_value("driftloop_table_rows_kept_out_total", labels) == 1
