"""How soon the loop answers: from outcomes to the drift signal about them, and to the version that learnt from them.

In one run, all services as `driftloop up` runs them, on the real broker. Signals: many models whose outcomes were
right are sent a burst of wrong ones, one model after the other; an answer takes from before the burst is published
until a reader of committed records has the signal. Promotions: an incremental model asks for a run with every hundred
labelled rows and promotes unproven what came of it; an answer takes from before the last hundred are published until
that reader has the promotion. Nothing is slept for: the next burst goes out when the answer to the last has come.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from driftloop.clock import system_now
from driftloop.contracts import topics
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.training_results import TrainingResult
from driftloop.errors import UserError
from driftloop.kafka.clients.log_reader import LogReader
from driftloop.kafka.clients.sender import Sender
from driftloop.kafka.settings import KafkaSettings
from driftloop.learners.protocol import Predictions, Rows
from driftloop.processor import Record
from driftloop.spec.model_spec import Feature, LearnerChoice, ModelSpec, TargetField, TrainingRule
from driftloop.statistics.profiles import make_profile
from driftloop.tools.local.home import Home
from driftloop.tools.local.loop import LocalLoop, local_loop
from driftloop.tools.registry.declaring import publish_spec, spec_message

Say = Callable[[str], None]

FEATURES = tuple(f"x{place}" for place in range(5))
RIGHT_ROWS, WRONG_ROWS, ROWS_A_RUN = 150, 60, 100
LEARNING, LEARNER = "learning", "online"
_VERSION, _ERROR_SHARE, _PROFILE_ROWS = "1.0.0", 0.05, 2_000
_PATIENCE_S = 60.0
_WATCHED = (topics.DRIFT_STATUS, topics.DRIFT_SIGNALS, topics.TRAINING_REQUESTS, topics.TRAINING_RESULTS)

PARTS = ("rows to request", "request to result", "result to promotion")
"""What an answer by a promotion is made of, by what the reader saw in between."""


class Seen(NamedTuple):
    """A record, and when the reader had it."""

    at: float
    record: Record


class Watch:
    """Reads what the services say from the beginning of the log; `check` raises where one of them has ended."""

    def __init__(self, kafka: KafkaSettings, check: Callable[[], None]) -> None:
        self._reader = LogReader(kafka, (*_WATCHED, topics.MODEL_EVENTS))
        self._check = check

    def close(self) -> None:
        """Let the connections go."""
        self._reader.close()

    def until(self, wanted: Callable[[Record], bool], what: str) -> list[Seen]:
        """All that comes up to the first record that is wanted, which is the last; UserError where it does not come."""
        seen: list[Seen] = []
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            found, now = self._reader.poll(0.1), time.monotonic()
            for record in found:
                seen.append(Seen(now, record))
                if wanted(record):
                    return seen
            self._check()
        raise UserError(f"{what} did not come within {_PATIENCE_S:.0f} s")


def bench_answers(models: int, runs: int, say: Say) -> dict[str, Any]:
    """Signals of `models` models and promotions after `runs` runs, in ms; the loop lives in a temporary folder.

    Raises UserError where a service ends, or does not answer within a minute.
    """
    with tempfile.TemporaryDirectory() as name:
        home = Home(Path(name) / "home")
        with local_loop(home, keep_kafka=False, warm=(LEARNER,), thrown_away=True) as loop:
            say(f"{models} models, a burst of {WRONG_ROWS} wrong outcomes each")
            signals = to_signals(loop, models)
            say(f"{runs} runs, one after every {ROWS_A_RUN} outcomes")
            promotions = to_promotions(loop, runs)
    return {
        "models": models,
        "runs": runs,
        "outcome_to_signal_ms": signals,
        **promotions,
        "load_average": round(os.getloadavg()[0], 2),
    }


def to_signals(loop: LocalLoop, models: int) -> dict[str, float]:
    """From a burst of wrong outcomes to its signal: p50, p99 and the highest, in ms."""
    names = [f"model-{number:04d}" for number in range(models)]
    watch, sender = Watch(loop.kafka, loop.check), Sender(loop.kafka)
    try:
        for name in names:
            _declare(sender, name)
        sender.flush()
        for name in names:
            _publish(sender, name, 0, RIGHT_ROWS, wrong=False)
        judged = _Judged(models * RIGHT_ROWS)
        watch.until(judged, f"the status of {models * RIGHT_ROWS} outcomes")
        took = []
        for name in names:
            started = time.monotonic()
            _publish(sender, name, RIGHT_ROWS, WRONG_ROWS, wrong=True)
            took.append(watch.until(_named(topics.DRIFT_SIGNALS, name), f"a signal of {name}")[-1].at - started)
    finally:
        watch.close()
        sender.close()
    return in_ms(took)


def to_promotions(loop: LocalLoop, runs: int) -> dict[str, Any]:
    """From a hundred outcomes to the version that learnt from them, in ms, with its parts and with what trained."""
    watch, sender = Watch(loop.kafka, loop.check), Sender(loop.kafka)
    took: list[float] = []
    trained: list[float] = []
    parts: dict[str, list[float]] = {part: [] for part in PARTS}
    try:
        publish_spec(loop.kafka, learning_spec(), system_now())
        _publish(sender, LEARNING, 0, ROWS_A_RUN, wrong=False, version=None)
        last = watch.until(_promoted, "a first version")[-1]
        for run in range(1, runs + 1):
            version = ModelEvent.from_json(last.record.value() or b"").version
            started = time.monotonic()
            _publish(sender, LEARNING, run * ROWS_A_RUN, ROWS_A_RUN, wrong=False, version=version)
            seen = watch.until(_promoted, f"the promotion after run {run}")
            last = seen[-1]
            request, result = (_last(seen, topic) for topic in (topics.TRAINING_REQUESTS, topics.TRAINING_RESULTS))
            cost = TrainingResult.from_json(result.record.value() or b"").cost
            trained.append(cost.seconds if cost is not None else float("nan"))
            moments = (started, request.at, result.at, last.at)
            took.append(last.at - started)
            for part, begin, end in zip(PARTS, moments, moments[1:], strict=False):
                parts[part].append(end - begin)
    finally:
        watch.close()
        sender.close()
    return {
        "outcome_to_promoted_ms": in_ms(took),
        "training_ms": in_ms(trained),
        "parts_p50_ms": {part: in_ms(seconds)["p50"] for part, seconds in parts.items()},
    }


def learning_spec() -> ModelSpec:
    """A model that learns on with every hundred labelled rows, and lets what came of it serve."""
    return ModelSpec(
        model_id=LEARNING,
        task="binary",
        features={name: Feature() for name in FEATURES},
        target={"ok": TargetField()},
        learner=LearnerChoice(name=LEARNER),
        training=TrainingRule(minimum_rows=50),
        policy={
            "mode": "incremental",
            "triggers": {"harmful_drift": False, "new_rows": ROWS_A_RUN, "first_version_rows": ROWS_A_RUN},
            "window": {"rows": ROWS_A_RUN},
            "challenge": {"mode": "none", "probation_rows": 0},
        },
    )


def in_ms(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p99 and the highest; of few samples p99 lies between the two highest.

    >>> in_ms([0.1, 0.2, 0.3])
    {'p50': 200.0, 'p99': 298.0, 'highest': 300.0}
    """
    p50, p99 = np.quantile(seconds, [0.5, 0.99])
    found = {"p50": p50, "p99": p99, "highest": max(seconds)}
    return {name: round(float(value) * 1000, 1) for name, value in found.items()}


class _Judged:
    """True of the status with which so many rows of all models have one."""

    def __init__(self, rows: int) -> None:
        self._wanted, self._rows = rows, dict[str, int]()

    def __call__(self, record: Record) -> bool:
        if record.topic() == topics.DRIFT_STATUS:
            said = json.loads(record.value() or b"{}")
            if not said["segment"]:
                self._rows[said["model_id"]] = said["rows"]
        return sum(self._rows.values()) >= self._wanted


def _named(topic: str, model: str) -> Callable[[Record], bool]:
    return lambda record: record.topic() == topic and record.key() == model.encode()


def _promoted(record: Record) -> bool:
    if not _named(topics.MODEL_EVENTS, LEARNING)(record):
        return False
    return ModelEvent.from_json(record.value() or b"").event == "promoted"


def _last(seen: Sequence[Seen], topic: str) -> Seen:
    return next(one for one in reversed(seen) if _named(topic, LEARNING)(one.record))


def _declare(sender: Sender, model: str) -> None:
    """The spec of a watched model, and the profile of its version: one row in twenty was wrong."""
    now = system_now()
    spec = learning_spec().model_copy(update={"model_id": model, "policy": {"triggers": {"harmful_drift": False}}})
    random = np.random.default_rng(1)
    said = random.choice(["yes", "no"], _PROFILE_ROWS).astype(object)
    losses = (random.random(_PROFILE_ROWS) < _ERROR_SHARE).astype(np.float64)
    true = np.where(losses > 0, np.where(said == "yes", "no", "yes"), said).astype(object)
    profile = make_profile(
        model,
        _VERSION,
        spec,
        1,
        Rows({name: random.normal(size=_PROFILE_ROWS) for name in FEATURES}, {"ok": true}),
        Predictions({"ok": said}),
        losses,
        1.0,
        message_id=derive_id("profile", model),
        occurred_at=now,
    )
    sender.send(topics.MODEL_SPECS, model, spec_message(spec, now).to_json())
    sender.send(topics.MODEL_PROFILES, f"{model}/{_VERSION}", profile.to_json())


def _publish(
    sender: Sender, model: str, first: int, count: int, *, wrong: bool, version: str | None = _VERSION
) -> None:
    now = system_now()
    random = np.random.default_rng([first, 2])
    for number in range(first, first + count):
        row = _outcome(model, number, now, random.normal(size=len(FEATURES)).round(6).tolist(), version, wrong=wrong)
        sender.send(topics.PREDICTION_OUTCOMES, row["prediction_id"], json.dumps(row).encode())


def _outcome(
    model: str, number: int, now: datetime, values: Sequence[float], version: str | None, *, wrong: bool
) -> Mapping[str, Any]:
    """A labelled outcome; without a version it is an example, which nothing was predicted of."""
    label = "yes" if values[0] > 0 else "no"
    said = {"yes": "no", "no": "yes"}[label] if wrong else label
    served = {} if version is None else {"model_version": version, "prediction": said}
    return {
        "prediction_id": f"{model}-{number:07d}",
        "model_id": model,
        "predicted_at": now.isoformat(),
        "features": dict(zip(FEATURES, values, strict=True)),
        "label": label,
        "labelled_at": now.isoformat(),
        **served,
    }


def answers_table(result: Mapping[str, Any]) -> str:
    """The figures for a person."""
    named = {
        f"outcomes to signal, {result['models']} models": result["outcome_to_signal_ms"],
        f"outcomes to promotion, {result['runs']} runs": result["outcome_to_promoted_ms"],
        "of it training": result["training_ms"],
    }
    lines = [f"{'':34} {'p50 ms':>9} {'p99 ms':>9} {'highest':>9}"]
    lines += [f"{name:34} {one['p50']:9,.0f} {one['p99']:9,.0f} {one['highest']:9,.0f}" for name, one in named.items()]
    lines += [f"  {part:32} {one:9,.0f}" for part, one in result["parts_p50_ms"].items()]
    return "\n".join(lines)
