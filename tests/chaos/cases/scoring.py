"""Challenge scoring under fault: each frame is scored once, and the scores are those of a recount."""

from collections.abc import Iterator, Mapping
from functools import cache

import numpy as np
from confluent_kafka import Message
from prometheus_client import CollectorRegistry
from tests.chaos.case import PARTITIONS, Input, World
from tests.chaos.cases.gates import MODELS, START, frames, prepared, spec_of
from tests.chaos.verdict import Verdict
from tests.chaos.witness import kept_entries, read_all

from driftloop.artifacts.manifest import Manifest
from driftloop.artifacts.store import Artifact, artifact_uri, load_model, write_artifact
from driftloop.codec.frames import FEATURE, LABEL, PREDICTION, decode_frame
from driftloop.contracts.challenge_scores import ChallengeScores
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_events import ModelEvent, ModelEventType
from driftloop.contracts.topics import CHALLENGE_SCORES, MODEL_EVENTS, MODEL_SPECS, OUTCOME_FRAMES
from driftloop.learners.entry_points import make_learner
from driftloop.learners.protocol import Rows
from trainer_worker.adapters.frame_log import KafkaFrames
from trainer_worker.adapters.learnt_rows import ArchivedLearntRows
from trainer_worker.adapters.model_shelf import LoadedModels
from trainer_worker.app import SCORE
from trainer_worker.core.score.processor import ChallengeScoring
from trainer_worker.metrics import ScoreMetrics

_CHAMPION, _CHALLENGER = "1.0.0", "1.0.1"
_CHEAP = {"preset": "default", "triggers": {"attainable": False}}
"""For all models but one: to fit cheap models all the time is not what is under test."""
Told = tuple[str, int, int]
"""Model, partition and offset of a scored frame."""


class ScoringCase:
    """Six models, each with a champion and a challenger from the first frame on."""

    name = "challenge_scoring"
    module = control = ("trainer_worker", "--role", "score")
    rate, hold_ms = 48.0, 200.0
    outputs = (CHALLENGE_SCORES, SCORE.changelog)
    groups: Mapping[str, tuple[str, ...]] = {SCORE.group: SCORE.inputs}

    def environment(self, world: World) -> Mapping[str, str]:
        return {"DRIFTLOOP_TRAINER_WORKER_ARCHIVE_URI": str(world.folder / "lake")}

    def prepare(self, world: World) -> Iterator[Input]:
        for model_id in MODELS:
            yield from prepared(model_id, "default" if model_id == MODELS[0] else _CHEAP)
            yield _event(_version(world, model_id, _CHAMPION), "promoted")
            yield _event(_version(world, model_id, _CHALLENGER), "challenged")

    def inputs(self) -> Iterator[Input]:
        return frames()

    def finished(self, world: World) -> bool:
        return True

    def check(self, world: World, verdict: Verdict) -> None:
        records = self._read(world, OUTCOME_FRAMES)
        found = [ChallengeScores.from_json(record.value()) for record in self._read(world, CHALLENGE_SCORES)]
        verdict.compare([_place_of(record) for record in records], [_told(scores) for scores in found])
        verdict.order([(scores.model_id, scores.position.offset) for scores in found])
        recounted = {_place_of(record): _losses(world, record) for record in records}
        verdict.state_errors += sum(scores.losses != recounted.get(_told(scores)) for scores in found)
        said = {_told(scores): scores for scores in found}
        again = {_told(scores): scores for scores in self._scored_again(world, records)}
        verdict.state_errors += sum(said.get(place) != scores for place, scores in again.items())
        verdict.state_errors += self._state_errors(world, records)

    def _scored_again(self, world: World, frames: list[Message]) -> list[ChallengeScores]:
        """What a core says that sees all frames in one go: what it remembers of earlier ones counts too."""
        shelf = LoadedModels(64, ScoreMetrics(CollectorRegistry()))
        core = ChallengeScoring(shelf, KafkaFrames(world.kafka), ArchivedLearntRows(str(world.folder / "lake")))
        core.take_table(MODEL_SPECS, self._read(world, MODEL_SPECS))
        for number in range(PARTITIONS):
            core.restore(number, ())
        records = [*self._read(world, MODEL_EVENTS), *frames]
        for record in records:
            record.set_topic(record.topic().removeprefix(world.kafka.topic_prefix))
        effects = core.process(records, START, tables_current=True)
        return [ChallengeScores.from_json(wish.value) for wish in effects.outgoing]

    def _state_errors(self, world: World, frames: list[Message]) -> int:
        """Partitions whose state does not say that they were read to their end."""
        changelog = self._read(world, SCORE.changelog)
        ends = {record.partition(): record.offset() for record in frames}
        kept = {number: dict(kept_entries(changelog, number)) for number in ends}
        return sum(int(kept[number].get("@frames", b"-1")) != end for number, end in ends.items())

    def _read(self, world: World, topic: str) -> list[Message]:
        return read_all(world.kafka.bootstrap_servers, [world.kafka.topic_prefix + topic])


def _version(world: World, model_id: str, version: str) -> Artifact:
    """A line through random rows: each version errs in its own way."""
    spec, rng = spec_of(model_id), np.random.default_rng([MODELS.index(model_id), int(version[-1])])
    heat = rng.normal(size=200)
    label = np.where(heat + rng.normal(size=200) > 0, "yes", "no").astype(object)
    model = make_learner(spec, "linear", {}).fit(
        Rows({"heat": heat}, {"ok": label}), None, warm_start=None, seed=0, progress=lambda _: None
    )
    manifest = Manifest(model_id=model_id, version=version, learner="linear", spec_version=1, spec=spec)
    return write_artifact(artifact_uri(str(world.folder / "artifacts"), model_id, version), manifest, model)


def _event(artifact: Artifact, event: ModelEventType) -> Input:
    model_id, version = artifact.manifest.model_id, artifact.manifest.version
    message = ModelEvent(
        message_id=derive_id("event", model_id, version),
        model_id=model_id,
        occurred_at=START,
        event=event,
        version=version,
        reason="a test of faults",
        artifact=artifact.uri,
        artifact_sha256=artifact.sha256,
    )
    return Input(MODEL_EVENTS, model_id, message.to_json())


def _losses(world: World, record: Message) -> dict[str, tuple[float, ...]]:
    """By version, 1 for each row that it gets wrong: the champion's words are in the frame, the challenger is run."""
    frame = decode_frame(record.value(), record.headers())
    label = frame.batch.column(f"{LABEL}ok").to_pylist()
    heat = np.array(frame.batch.column(f"{FEATURE}heat"))
    model = _loaded(artifact_uri(str(world.folder / "artifacts"), frame.header.model_id, _CHALLENGER))
    said = {
        _CHAMPION: frame.batch.column(f"{PREDICTION}ok").to_pylist(),
        _CHALLENGER: model.predict(Rows({"heat": heat}, {})).fields["ok"].tolist(),
    }
    return {version: tuple(float(a != b) for a, b in zip(words, label, strict=True)) for version, words in said.items()}


_loaded = cache(load_model)


def _place_of(record: Message) -> Told:
    return record.key().decode(), record.partition(), record.offset()


def _told(scores: ChallengeScores) -> Told:
    return scores.model_id, scores.position.partition, scores.position.offset
