"""A model of many days of event time: the services' own cores in memory, a drift now and then, checkpoints each day."""

import tempfile
from datetime import timedelta
from pathlib import Path

import numpy as np

from driftloop.contracts import topics
from driftloop.processor import Record
from driftloop.spec.model_spec import (
    ChallengeRule,
    Detection,
    Feature,
    LearnerChoice,
    ModelSpec,
    TargetField,
    TrainingRule,
)
from driftloop.tools.backtest.memory_wire import MemoryWire
from driftloop.tools.replay.options import LOCKSTEP
from driftloop.tools.replay.player import Pace, Player
from driftloop.tools.replay.recording import Recording
from driftloop.tools.replay.stream import EventTime
from driftloop.tools.verify.recorded import INPUTS, OUTPUTS

TRAIN_ROWS = 200
MODEL = "months"


class Nobody:
    """An audience that hears nothing."""

    def stage(self, sentence: str) -> None:
        pass

    def message(self, message: object) -> None:
        pass

    def block(self, rows: slice, version: str, loss: float, frozen_loss: float) -> None:
        pass


def recording(days: float, frames_a_day: int, frame_rows: int, regime_days: float) -> Recording:
    """Two classes, three features, two sites; the classes change round after each `regime_days`."""
    random = np.random.default_rng(11)
    rows = TRAIN_ROWS + int(days * frames_a_day) * frame_rows
    step = timedelta(days=1) / (frames_a_day * frame_rows)
    features = random.normal(size=(rows, 3)).round(2)
    label = (features[:, 0] + 0.5 * features[:, 1] > 0) ^ (random.random(rows) < 0.05)
    regime = (np.maximum(np.arange(rows) - TRAIN_ROWS, 0) * step / timedelta(days=regime_days)).astype(int) % 2 == 1
    label[regime] = ~label[regime]
    features[regime, 0] = (features[regime, 0] + 3.0).round(2)
    spec = ModelSpec.model_validate(
        {
            "model_id": MODEL,
            "task": "binary",
            "features": {"a": Feature(), "b": Feature(), "c": Feature()},
            "target": {"y": TargetField(kind="category")},
            "segments": ("site",),
            "clock": "event",
            "detection": Detection(window_rows=100, minimum_rows=50, loss_block_rows=25),
            "challenge": ChallengeRule(probation_rows=150),
            "learner": LearnerChoice(name="linear"),
            "training": TrainingRule(minimum_rows=50),
            "policy": {"preset": "default", "triggers": {"payoff": {"price": 20.0}}},
        }
    )
    site = np.where(random.random(rows) < 0.5, "north", "south").astype(object)
    return Recording(
        spec=spec,
        features=dict(zip("abc", features.T, strict=True)),
        labels={"y": np.where(label, "yes", "no").astype(object)},
        train_rows=TRAIN_ROWS,
        block_rows=frame_rows,
        time=EventTime(interval=step),
        also={"segment.site": site},
    )


def log_of(made: Recording, *, label_delay: int = 0, checkpoint_hours: float = 24.0) -> list[Record]:
    """All that the loop put on its log."""
    with tempfile.TemporaryDirectory(prefix="driftloop-") as folder:
        wire = MemoryWire(MODEL, Path(folder), checkpoint_hours=checkpoint_hours)
        Player(made, wire, Pace(LOCKSTEP, label_delay_rows=label_delay), Nobody()).play()
        names = (*INPUTS, *OUTPUTS, topics.MODEL_CHECKPOINTS)
        return [record for topic in names for record in wire.loop.records(topic)]
