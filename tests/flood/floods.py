"""Two models on one partition: of `calm` come usual rows, of `flood` rows in which something is new each time.

The cores of ingestion, detection and the coordinator, the console's view and the notifier play in this process, each
fed with what the ones before it published. What is compared is the same number of rows without anything made up.
"""

import ctypes
import gc
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import median
from typing import Any

import numpy as np
from tests.ingesting import START, spec_record

from drift_detection.core.processor import DriftDetection
from driftloop.contracts import topics
from driftloop.processor import Processor, Record
from driftloop.telemetry.memory import memory_mb
from driftloop.testing.records import FakeRecord
from operations_console.core.notify.incidents import INPUTS
from operations_console.core.notify.processor import Notifier
from operations_console.core.notify.rules import Rules
from operations_console.core.view.fleet import TOPICS, FleetView
from outcome_ingestion.core.ingest import Ingest
from retrain_coordinator.core.processor import Coordinator

CALM, FLOOD = "calm", "flood"
CALM_ROWS = 200
"""Rows of the calm model in each batch."""
Change = Callable[[dict[str, Any], str], None]


def _spec(model: str) -> dict[str, Any]:
    return {
        "model_id": model, "task": "multiclass", "serving": "external", "clock": "event",
        "features": {"x": {}, "place": {"kind": "category"}, "words": {"kind": "text"}},
        "target": {"kind": {"kind": "category"}}, "segments": ["site"],
    }  # fmt: skip


def _class(row: dict[str, Any], new: str) -> None:
    row["prediction"] = row["label"] = new


MADE_UP: Mapping[str, Change] = {
    "nothing": lambda row, new: None,
    "versions": lambda row, new: row.update(model_version=new),
    "segments": lambda row, new: row.update(segments={"site": new}),
    "segment names": lambda row, new: row.update(segments={"site": "a", new: "b"}),
    "columns": lambda row, new: row["features"].update({new: 1.0}),
    "categories": lambda row, new: row["features"].update(place=new),
    "classes": _class,
    "ids": lambda row, new: row.update(prediction_id=new * 8),
    "texts": lambda row, new: row["features"].update(words=f"{new} " * 12),
    "models": lambda row, new: row.update(model_id=new),
}
"""Kind → how a row gets something that no row had before. `models`: names that no spec declares."""


class Nobody:
    """A deliverer that delivers nothing."""

    def start(self, told: object) -> None:
        pass

    def results(self) -> list[Any]:
        return []

    def passed_over(self, told: object, why: object) -> None:
        pass


@dataclass
class World:
    """The cores, wired: `take` gives a batch of outcomes to ingestion and what follows to those who read it."""

    cores: dict[str, tuple[Processor, tuple[str, ...]]] = field(default_factory=dict)
    view: FleetView = field(default_factory=FleetView)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    _offsets: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def __post_init__(self) -> None:
        notifier = Notifier(Rules.model_validate({"channels": {}, "rules": []}), Nobody())  # type: ignore[arg-type]
        self.cores = {
            "ingestion": (Ingest(), (topics.PREDICTION_OUTCOMES,)),
            "detection": (DriftDetection(), (topics.OUTCOME_FRAMES,)),
            "coordinator": (Coordinator(), (topics.DRIFT_SIGNALS, topics.DRIFT_STATUS)),
            "notifier": (notifier, INPUTS),
        }
        for model in (CALM, FLOOD):
            spec = spec_record(_spec(model))
            for name in ("ingestion", "detection", "coordinator"):
                self.cores[name][0].take_table(topics.MODEL_SPECS, [spec])
            self.view.take(spec)

    def take(self, records: list[Record]) -> None:
        """One batch, through all of them; the CPU seconds that each takes are in `seconds`."""
        said: list[Record] = list(records)
        for name, (core, reads) in self.cores.items():
            mine = [record for record in said if record.topic() in reads]
            if not mine:
                continue
            begun = time.process_time()
            effects = core.process(mine, START, tables_current=True)
            self.seconds[name] += time.process_time() - begun
            said += [self._record(out.topic, out.key, out.value, out.headers) for out in effects.outgoing]
            said += [self._record(topics.DEAD_LETTERS, None, b"", ()) for _ in effects.dead_letters]
        begun = time.process_time()
        for record in said:
            if record.topic() in TOPICS and record.topic() != topics.DEAD_LETTERS:
                self.view.take(record)
        self.seconds["console"] += time.process_time() - begun

    def _record(self, topic: str, key: str | None, value: bytes, headers: Iterable[tuple[str, bytes]]) -> FakeRecord:
        self._offsets[topic] += 1
        return FakeRecord(topic, key=key, value=value, headers=tuple(headers), at_offset=self._offsets[topic])


@dataclass
class Feed:
    """Batches of outcomes: `rows` of the flooded model and some of the calm one."""

    change: Change
    rows: int
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))
    batch: int = 0

    def next(self) -> list[Record]:
        """The next batch."""
        first, self.batch = self.batch * (self.rows + CALM_ROWS), self.batch + 1
        x = self.random.normal(size=self.rows + CALM_ROWS).round(3).tolist()
        return [self._record(first + place, x[place], FLOOD if place < self.rows else CALM) for place in range(len(x))]

    def _record(self, number: int, x: float, model: str) -> FakeRecord:
        moment = (START + timedelta(seconds=number / 50)).isoformat()
        said = "yes" if x > 0 else "no"
        row: dict[str, Any] = {
            "prediction_id": f"p-{number:09d}", "model_id": model, "model_version": "1.0.0", "predicted_at": moment,
            "labelled_at": moment, "prediction": said, "label": "no" if number % 20 == 0 else said,
            "segments": {"site": "ab"[number % 2]},
            "features": {"x": x, "place": "ab"[number % 2], "words": "all well"},
        }  # fmt: skip
        if model == FLOOD:
            self.change(row, f"m{number:09d}")
        return FakeRecord(
            topics.PREDICTION_OUTCOMES, key=row["prediction_id"], value=json.dumps(row).encode(),
            headers=(("content-type", b"application/json"),), at_offset=number, at_ms=int(START.timestamp() * 1000),
        )  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """What a flood took: resident memory at its end, and the CPU seconds of a batch, by service."""

    mb: float
    batch_seconds: Mapping[str, float]

    @property
    def whole_batch(self) -> float:
        """What a row of the calm model waits, through all services."""
        return sum(self.batch_seconds.values())


def played(kind: str, values: int, batch_rows: int) -> Cost:
    """A flood of so many made-up values; the median batch of its last half."""
    feed, world = Feed(MADE_UP[kind], batch_rows), World()
    batches = max(4, values // batch_rows)
    took: dict[str, list[float]] = defaultdict(list)
    for number in range(batches):
        records = feed.next()
        world.seconds.clear()
        world.take(records)
        if number >= batches // 2:
            for name, seconds in world.seconds.items():
                took[name].append(seconds)
    del records
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return Cost(memory_mb(), {name: median(seconds) for name, seconds in took.items()})
