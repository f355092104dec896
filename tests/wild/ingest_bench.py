"""Ingestion's core for odd records: rows in every encoding, and what comes of them."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
from tests.ingesting import START, CoreOutput, at, spec_record

from driftloop.codec.arrow import encode_batch
from driftloop.codec.avro import AvroTopic
from driftloop.codec.content_types import ARROW, AVRO, COLUMNS, content_header
from driftloop.contracts.prediction_labels import PredictionLabel
from driftloop.contracts.prediction_outcomes import PredictionOutcome
from driftloop.contracts.topics import MODEL_SPECS, PREDICTION_LABELS, PREDICTION_OUTCOMES
from driftloop.testing.records import FakeRecord
from outcome_ingestion.core.ingest import Ingest
from outcome_ingestion.core.rules import IngestRules

CHURN: dict[str, Any] = {
    "model_id": "churn",
    "task": "binary",
    "features": {"x": {}},
    "target": {"y": {"kind": "category"}},
    "clock": "event",
}
Rows = Sequence[dict[str, Any]]
_outcomes, _labels = AvroTopic(PREDICTION_OUTCOMES), AvroTopic(PREDICTION_LABELS)


def row(number: int, **fields: Any) -> dict[str, Any]:
    """A row of `CHURN`; a field that is `...` is left out."""
    made = {
        "prediction_id": f"p{number}",
        "model_id": "churn",
        "model_version": "1.0.0",
        "predicted_at": at(number),
        "features": {"x": float(number)},
    }
    return {name: value for name, value in (made | fields).items() if value is not ...}


def label(number: int, value: Any, seconds: float, **fields: Any) -> FakeRecord:
    made = {"prediction_id": f"p{number}", "model_id": "churn", "label": value, "labelled_at": at(seconds)} | fields
    return FakeRecord(PREDICTION_LABELS, key=made["prediction_id"], value=json.dumps(made).encode(), at_ms=stamp())


def avro_label(number: int, value: Any, seconds: float) -> FakeRecord:
    made = PredictionLabel(prediction_id=f"p{number}", model_id="churn", label=value, labelled_at=at(seconds))
    return _record(PREDICTION_LABELS, made.prediction_id, _labels.encode(made), AVRO)


def stamp(seconds: float = 3_600) -> int:
    return int((START + timedelta(seconds=seconds)).timestamp() * 1000)


def json_rows(rows: Rows) -> list[FakeRecord]:
    return [
        FakeRecord(PREDICTION_OUTCOMES, key=r["prediction_id"], value=json.dumps(r).encode(), at_ms=stamp())
        for r in rows
    ]


def avro_rows(rows: Rows) -> list[FakeRecord]:
    made = map(PredictionOutcome.model_validate, rows)
    return [_record(PREDICTION_OUTCOMES, one.prediction_id, _outcomes.encode(one), AVRO) for one in made]


def column_rows(rows: Rows) -> list[FakeRecord]:
    names = [name for name in rows[0] if name not in ("model_id", "features")]
    whole: dict[str, Any] = {name: [r[name] for r in rows] for name in names} | {"model_id": "churn"}
    whole["features"] = {name: [r["features"][name] for r in rows] for name in rows[0]["features"]}
    whole |= {name: fields for name in ("prediction", "label") if (fields := _by_field(rows, name))}
    return [_record(PREDICTION_OUTCOMES, rows[0]["prediction_id"], json.dumps(whole).encode(), COLUMNS)]


def _by_field(rows: Rows, name: str) -> dict[str, list[Any]]:
    """A column for each target field, of a prediction or label with several."""
    given = [r.get(name) for r in rows]
    fields = sorted({field for value in given if isinstance(value, dict) for field in value})
    return {field: [(value or {}).get(field) for value in given] for field in fields}


def arrow_rows(rows: Rows) -> list[FakeRecord]:
    columns = {name: pa.array([r.get(name) for r in rows], pa.string()) for name in ("prediction_id", "model_version")}
    moment = pa.timestamp("us", tz="UTC")
    for name in ("predicted_at", "labelled_at"):
        if name in rows[0]:
            columns[name] = pa.array([datetime.fromisoformat(r[name]) for r in rows], moment)
    for name in ("prediction", "label"):
        fields = _by_field(rows, name) or ({"y": [r[name] for r in rows]} if name in rows[0] else {})
        columns |= {f"{name}.{field}": pa.array(values) for field, values in fields.items()}
    columns |= {f"feature.{n}": pa.array([r["features"][n] for r in rows]) for n in rows[0]["features"]}
    return [arrow_record(columns)]


def arrow_record(columns: dict[str, pa.Array], model_id: str = "churn") -> FakeRecord:
    batch = pa.RecordBatch.from_pydict(columns).replace_schema_metadata({"model_id": model_id})
    return _record(PREDICTION_OUTCOMES, "p0", encode_batch(batch), ARROW)


def _record(topic: str, key: str, value: bytes, kind: str) -> FakeRecord:
    return FakeRecord(topic, key=key, value=value, headers=content_header(kind), at_ms=stamp())


ENCODINGS: dict[str, Callable[[Rows], list[FakeRecord]]] = {
    "json": json_rows,
    "columns": column_rows,
    "arrow": arrow_rows,
    "avro": avro_rows,
}


class Bench(CoreOutput):
    """A core, and what came out of it."""

    def feed(self, records: Sequence[FakeRecord]) -> "Bench":
        self.take(records)
        return self

    def restarted(self) -> "Bench":
        """The same in a new process."""
        core = Ingest(self.core.rules)
        core._readers = self.core._readers
        core.restore(0, list(self.state.items()))
        return Bench(core, self.frames, self.dead, self.ignored, self.state)


def bench(spec: dict[str, Any] | None = None, *, quick: bool = False, **rules: Any) -> Bench:
    """A core that knows one model; `quick`: it tries the quick way from the first record on."""
    core = Ingest(IngestRules(**rules))
    core.take_table(MODEL_SPECS, [spec_record(spec or CHURN)])
    for shaped in core.shaped.values() if quick else ():
        shaped.fewest = 1
    return Bench(core)
