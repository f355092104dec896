"""Rows with ten named float features, in every encoding that ingestion takes; seeded."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from driftloop.codec.arrow import encode_batch
from driftloop.codec.avro import AvroTopic
from driftloop.codec.content_types import ARROW, AVRO, COLUMNS, content_header
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.prediction_outcomes import PredictionOutcome
from driftloop.contracts.topics import MODEL_PROFILES, MODEL_SPECS, PREDICTION_OUTCOMES
from driftloop.learners.protocol import Predictions, Rows
from driftloop.processor import Record
from driftloop.spec.model_spec import Feature, ModelSpec, TargetField
from driftloop.statistics.losses import row_losses
from driftloop.statistics.profiles import make_profile
from driftloop.testing.records import FakeRecord

MODEL, VERSION, FEATURES, ROWS_A_RECORD = "bench", "1.0.0", tuple(f"feature_{i}" for i in range(10)), 500
START = datetime(2026, 1, 1, tzinfo=UTC)
ENCODINGS = ("json", "columns", "arrow", "avro")
Row = dict[str, Any]


def bench_spec() -> ModelSpec:
    """The model that the rows are of."""
    features = dict.fromkeys(FEATURES, Feature())
    target = {"y": TargetField(kind="number")}
    return ModelSpec(model_id=MODEL, task="regression", features=features, target=target, clock="event")


def spec_record() -> FakeRecord:
    """Its spec, as it is published."""
    spec = bench_spec()
    published = ModelSpecPublished(
        message_id=derive_id("spec", MODEL), model_id=MODEL, occurred_at=START, spec_version=1, spec=spec
    )
    return FakeRecord(MODEL_SPECS, key=MODEL, value=published.to_json())


def make_rows(count: int, seed: int = 1) -> list[Row]:
    """Labelled outcomes; one is about 440 bytes of JSON."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(count, len(FEATURES) + 2)).round(6).tolist()
    return [_row(number, own) for number, own in enumerate(values)]


def _row(number: int, values: list[float]) -> Row:
    at = START + timedelta(milliseconds=number)
    return {
        "prediction_id": f"row-{number:08d}",
        "model_id": MODEL,
        "model_version": VERSION,
        "predicted_at": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "features": dict(zip(FEATURES, values, strict=False)),
        "prediction": values[-2],
        "confidence": 0.9,
        "label": values[-1],
        "labelled_at": "2026-01-02T00:00:00Z",
    }


def encode(rows: Sequence[Row], encoding: str) -> list[Record]:
    """Records of the rows: one each (json, avro), or 500 a record (columns, arrow)."""
    if encoding == "json":
        return [_record(row, json.dumps(row, separators=(",", ":")).encode()) for row in rows]
    if encoding == "avro":
        avro = AvroTopic(PREDICTION_OUTCOMES)
        return [_record(row, avro.encode(PredictionOutcome.model_validate(row)), AVRO) for row in rows]
    parts = [rows[start : start + ROWS_A_RECORD] for start in range(0, len(rows), ROWS_A_RECORD)]
    write, kind = (_columns, COLUMNS) if encoding == "columns" else (_arrow, ARROW)
    return [_record(part[0], write(part), kind) for part in parts]


def _record(row: Row, value: bytes, kind: str | None = None) -> Record:
    headers = () if kind is None else content_header(kind)
    return FakeRecord(PREDICTION_OUTCOMES, key=row["prediction_id"], value=value, headers=headers)


def _columns(rows: Sequence[Row]) -> bytes:
    lists = {name: [row[name] for row in rows] for name in rows[0]}
    features = {name: [row["features"][name] for row in rows] for name in FEATURES}
    whole = lists | {"model_id": MODEL, "model_version": VERSION, "features": features}
    return json.dumps(whole, separators=(",", ":")).encode()


def _arrow(rows: Sequence[Row]) -> bytes:
    moment = pa.timestamp("us", tz="UTC")
    columns = {name: pa.array([row[name] for row in rows]) for name in ("prediction_id", "model_version", "confidence")}
    columns |= {n: pa.array([row[n] for row in rows]).cast(moment) for n in ("predicted_at", "labelled_at")}
    columns |= {f"{name}.y": pa.array([row[name] for row in rows]) for name in ("prediction", "label")}
    columns |= {f"feature.{name}": pa.array([row["features"][name] for row in rows]) for name in FEATURES}
    schema = pa.schema([(name, column.type) for name, column in columns.items()], metadata={"model_id": MODEL})
    return encode_batch(pa.record_batch(list(columns.values()), schema=schema))


def profile_record(rows: Sequence[Row]) -> FakeRecord:
    """The profile of the version that the rows are of, as if it had been learnt from them."""
    spec = bench_spec()
    features = {name: np.array([row["features"][name] for row in rows]) for name in FEATURES}
    said, true = ({"y": np.array([row[name] for row in rows])} for name in ("prediction", "label"))
    losses = row_losses(spec.target, said, true)
    profile = make_profile(
        MODEL,
        VERSION,
        spec,
        1,
        Rows(features, true),
        Predictions(said),
        losses,
        float(np.quantile(losses, 0.999)),
        message_id=derive_id("profile", MODEL),
        occurred_at=START,
    )
    return FakeRecord(MODEL_PROFILES, key=f"{MODEL}/{VERSION}", value=profile.to_json())
