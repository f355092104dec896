"""The whole loop in memory: the real cores of every service, a real Delta table, real learners, no broker."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from driftloop.artifacts.store import load_model
from driftloop.codec.arrow import encode_batch
from driftloop.codec.content_types import ARROW, content_header
from driftloop.contracts import topics
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_commands import ModelCommand
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.retrain_decisions import RetrainDecision
from driftloop.contracts.training_requests import TrainingRequest
from driftloop.learners.protocol import Model, Rows
from driftloop.spec.model_spec import ModelSpec
from driftloop.tools.backtest.loop_in_memory import LoopInMemory
from driftloop.tools.registry.declaring import spec_message
from driftloop.tools.replay.stream import EventTime, outcome_batch

MODEL = "m"


class ClosedLoop:
    """Serve rows block by block: what serves predicts them, their labels go on the log, the loop thinks."""

    def __init__(self, spec: ModelSpec, folder: Path) -> None:
        self.spec, self.time = spec, EventTime(interval=timedelta(minutes=1))
        self.rows = 0
        self.served: list[str] = []
        self._loop = LoopInMemory(folder)
        self._models: dict[str, Model] = {}
        self._put(topics.MODEL_SPECS, spec_message(spec, self.time.start))

    def learn_first(self, rows: Rows) -> "ClosedLoop":
        """The first version, of examples."""
        self._publish(rows)
        self.command("retrain")
        assert self.champion is not None
        return self

    def serve(self, rows: Rows, block: int = 50) -> "ClosedLoop":
        """Labelled rows in blocks, each predicted by the champion of the moment."""
        for start in range(0, len(rows), block):
            part = rows.take(slice(start, start + block))
            event = self.champion
            assert event is not None
            self.served += [str(event.version)] * len(part)
            self._publish(part, event)
        return self

    def publish_as(self, version: str, rows: Rows) -> None:
        """Labelled rows that a server of somebody else's predicted, right each time."""
        batch = outcome_batch(
            MODEL, self.time, self.rows, rows.features, labels=rows.labels, predictions=rows.labels,
            model_version=version,
        )  # fmt: skip
        self._say(batch, len(rows))

    def records(self, topic: str) -> list[Any]:
        """What stands on a topic."""
        return list(self._loop.records(topic))

    def put_profile(self, version: str, profile: bytes) -> None:
        """The profile of a version that was made elsewhere."""
        self._loop.say(topics.MODEL_PROFILES, f"{MODEL}/{version}", profile)
        self._loop.settle()

    def command(self, name: str, **rest: Any) -> None:
        message = ModelCommand(
            message_id=derive_id("command", self.rows, name), model_id=MODEL, occurred_at=self.time.at(self.rows),
            command=name, reason="because", requested_by="ada", **rest,
        )  # fmt: skip
        self._put(topics.MODEL_COMMANDS, message)
        self._loop.settle()

    @property
    def champion(self) -> ModelEvent | None:
        """The event that made the version serve that serves now."""
        serving = [event for event in self.events if event.event in ("promoted", "rolled_back")]
        return serving[-1] if serving else None

    @property
    def events(self) -> list[ModelEvent]:
        return [ModelEvent.from_json(record.value()) for record in self._loop.records(topics.MODEL_EVENTS)]

    @property
    def decisions(self) -> list[RetrainDecision]:
        return [RetrainDecision.from_json(record.value()) for record in self._loop.records(topics.RETRAIN_DECISIONS)]

    @property
    def requests(self) -> list[TrainingRequest]:
        return [TrainingRequest.from_json(record.value()) for record in self._loop.records(topics.TRAINING_REQUESTS)]

    def loss(self, rows: Rows) -> float:
        """What the champion loses on rows that nobody has seen."""
        event = self.champion
        assert event is not None
        return float(np.mean(self._model(event).predict(rows).fields["y"] != rows.labels["y"]))

    def _model(self, event: ModelEvent) -> Model:
        version = str(event.version)
        if version not in self._models:
            self._models[version] = load_model(str(event.artifact), event.artifact_sha256)
        return self._models[version]

    def _publish(self, rows: Rows, event: ModelEvent | None = None) -> None:
        said = self._model(event).predict(rows) if event else None
        batch = outcome_batch(
            MODEL, self.time, self.rows, rows.features, labels=rows.labels,
            predictions=said.fields if said else None, confidence=said.confidence if said else None,
            model_version=str(event.version) if event else None,
        )  # fmt: skip
        self._say(batch, len(rows))

    def _say(self, batch: Any, rows: int) -> None:
        self._loop.say(topics.PREDICTION_OUTCOMES, str(self.rows), encode_batch(batch), content_header(ARROW))
        self.rows += rows
        self._loop.settle()

    def _put(self, topic: str, message: Any) -> None:
        self._loop.say(topic, MODEL, message.to_json())


@pytest.fixture
def closed_loop(tmp_path_factory) -> Callable[..., ClosedLoop]:
    """Makes a loop of one model, of which only what differs from a plain binary one is said."""

    def make(**changes: Any) -> ClosedLoop:
        declared = {
            "model_id": MODEL, "task": "binary", "clock": "event", "features": {n: {} for n in "abcd"},
            "target": {"y": {}}, "learner": {"name": "random-forest", "parameters": {}}, **changes,
        }  # fmt: skip
        return ClosedLoop(ModelSpec.model_validate(declared), tmp_path_factory.mktemp("loop"))

    return make


@pytest.fixture
def stream() -> Callable[..., Rows]:
    """Rows of a concept: `a` and `b` decide; `turned` by so many radians; `noise` labels in a hundred are wrong."""

    def rows(count: int, seed: int, *, turned: float = 0.0, noise: float = 5.0) -> Rows:
        random = np.random.default_rng(seed)
        table = random.normal(size=(count, 4))
        side = np.cos(turned) * table[:, 0] + np.sin(turned) * table[:, 1] > 0
        wrong = random.random(count) < noise / 100
        labels = np.where(side ^ wrong, "yes", "no").astype(object)
        return Rows(dict(zip("abcd", table.T, strict=True)), {"y": labels})

    return rows
