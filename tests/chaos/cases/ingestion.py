"""Ingestion under fault: good rows, repeats, late labels and rubbish, mixed."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.chaos.case import PARTITIONS, Input, World
from tests.chaos.verdict import Verdict
from tests.chaos.witness import kept_entries, read_all

from driftloop.codec.frames import decode_frame
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.topics import (
    DEAD_LETTERS,
    MODEL_SPECS,
    OUTCOME_FRAMES,
    PREDICTION_LABELS,
    PREDICTION_OUTCOMES,
)
from driftloop.kafka.clients.partitioner import partition_of
from driftloop.spec.model_spec import ModelSpec
from outcome_ingestion.core.ingest import Ingest

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
MODELS = tuple(f"plant-{number}" for number in range(6))
_LABEL_AFTER = 40


def spec_input(model_id: str) -> Input:
    """A model of one number, as published."""
    spec = {
        "model_id": model_id,
        "task": "regression",
        "features": {"speed": {}},
        "target": {"d50": {"kind": "number"}},
    }
    published = ModelSpecPublished(
        message_id=derive_id("spec", model_id),
        model_id=model_id,
        occurred_at=START,
        spec_version=1,
        spec=ModelSpec.model_validate(spec),
    )
    return Input(MODEL_SPECS, model_id, published.to_json())


class IngestionCase:
    """Each good row and each label in a frame once, each bad record buried once, in order, none forgotten."""

    name = "outcome_ingestion"
    module = control = ("outcome_ingestion", "--role", "ingest")
    rate, hold_ms = 600.0, 40.0
    outputs = (OUTCOME_FRAMES, DEAD_LETTERS, "outcome_ingestion-changelog")
    groups: Mapping[str, tuple[str, ...]] = {"outcome_ingestion": (PREDICTION_OUTCOMES, PREDICTION_LABELS)}

    def environment(self, world: World) -> Mapping[str, str]:
        return {"DRIFTLOOP_OUTCOME_INGESTION_ARCHIVE_URI": str(world.folder / "lake")}

    def prepare(self, world: World) -> Iterator[Input]:
        return map(spec_input, MODELS)

    def inputs(self) -> Iterator[Input]:
        number = 0
        while True:
            yield _outcome(number)
            if number % 11 == 3 and number > 100:
                yield _outcome(number - 100)
            if (early := number - _LABEL_AFTER) >= 0 and _labelled_later(early):
                yield _label(early)
            number += 1

    def finished(self, world: World) -> bool:
        return True

    def check(self, world: World, verdict: Verdict) -> None:
        sent = Sent(world.sent)
        rows = [row for record in self._read(world, OUTCOME_FRAMES) for row in rows_of(record)]
        events = Counter((row["prediction_id"], kind_of(row["event"])) for row in rows)
        labelled = Counter(row["prediction_id"] for row in rows if row["event"] in ("outcome", "label"))
        verdict.compare(sent.good, [name for name, kind in events.elements() if kind == "row"])
        verdict.compare(sent.labelled, list(labelled.elements()))
        buried = [record.value() for record in self._read(world, DEAD_LETTERS)]
        verdict.compare(sent.bad, buried)
        places = [(row["model_id"], row["prediction_id"]) for row in rows if kind_of(row["event"]) == "row"]
        verdict.order([((m, partition_of(name, PARTITIONS)), int(name.split("-")[1])) for m, name in places])
        verdict.state_errors += self._state_errors(world, sent)

    def _state_errors(self, world: World, sent: "Sent") -> int:
        """How far the rows that wait for a label, restored, are from those that must."""
        core = Ingest()
        records = self._read(world, MODEL_SPECS)
        core.take_table(MODEL_SPECS, records)
        for number in range(PARTITIONS):
            core.restore(number, kept_entries(self._read(world, "outcome_ingestion-changelog"), number))
        waiting = len(set(sent.good) - set(sent.labelled))
        return abs(core.rows_waiting - waiting) + core.labels_waiting

    def _read(self, world: World, topic: str) -> list[Any]:
        return read_all(world.kafka.bootstrap_servers, [world.kafka.topic_prefix + topic])


class Sent:
    """What was fed: ids of good rows, ids with a label, values that are bad."""

    def __init__(self, inputs: list[Input]) -> None:
        self.good = sorted({item.key for item in inputs if not _bad(item)})
        with_label = {item.key for item in inputs if not _bad(item) and b'"label"' in item.value}
        self.labelled = sorted(with_label)
        self.bad = [item.value for item in inputs if _bad(item)]


def _bad(item: Input) -> bool:
    return item.value.endswith(b"!")


def _labelled_later(number: int) -> bool:
    return number % 20 != 7 and number % 3 == 0


def _outcome(number: int) -> Input:
    row: dict[str, Any] = {
        "prediction_id": f"p-{number}",
        "model_id": MODELS[number % len(MODELS)],
        "model_version": "1.0.0",
        "predicted_at": (START + timedelta(seconds=number)).isoformat(),
        "features": {"speed": number % 17},
        "prediction": 1.5,
    }
    if number % 3 == 1:
        row |= {"label": 2.0, "labelled_at": row["predicted_at"]}
    rubbish = b"!" if number % 20 == 7 else b""
    return Input(PREDICTION_OUTCOMES, f"p-{number}", json.dumps(row).encode() + rubbish)


def _label(number: int) -> Input:
    label = {
        "prediction_id": f"p-{number}",
        "model_id": MODELS[number % len(MODELS)],
        "label": 2.5,
        "labelled_at": (START + timedelta(seconds=number + 60)).isoformat(),
    }
    return Input(PREDICTION_LABELS, f"p-{number}", json.dumps(label).encode())


def kind_of(event: str) -> str:
    return "row" if event in ("prediction", "outcome") else event


def rows_of(record: Any) -> list[dict[str, Any]]:
    """The rows of a frame as it is on the log, each with its model."""
    frame = decode_frame(record.value(), record.headers())
    return [{**row, "model_id": frame.header.model_id} for row in frame.batch.to_pylist()]
