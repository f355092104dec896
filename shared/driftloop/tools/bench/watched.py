"""A watched model of any width, and its frames: what speed and state are measured on."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drift_detection.core.processor import DriftDetection
from drift_detection.core.reports.pace import STATUS_SECONDS
from driftloop.codec.frames import FEATURE, LABEL, PREDICTION, ROW_COLUMNS, SEGMENT, Frame, encode_frame
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.outcome_frames import FrameHeader
from driftloop.contracts.topics import MODEL_PROFILES, MODEL_SPECS, OUTCOME_FRAMES
from driftloop.learners.protocol import Predictions, Rows
from driftloop.spec.model_spec import Feature, ModelSpec, TargetField
from driftloop.statistics.profiles import make_profile
from driftloop.testing.records import FakeRecord
from driftloop.tools.bench.columns import stationary

FEATURES, SITES = 10, 3
FRAME_ROWS = 5_000
"""As many as ingestion puts into a frame at most."""
START = datetime(2026, 1, 1, tzinfo=UTC)


def watched_columns(rows: int, features: int, seed: int) -> Mapping[str, NDArray[np.float64]]:
    """Independent normal columns `x0`, `x1` …"""
    rng = np.random.default_rng(seed)
    return {f"x{place}": stationary("normal", rows, rng) for place in range(features)}


def make_detection(models: int = 1, features: int = FEATURES) -> DriftDetection:
    """Detection that knows models `model-0`, `model-1` …: binary, with segments, a profile for version 1.0.0.

    It keeps the service's pace: statuses of segments wait where frames come faster than one a second.
    """
    core = DriftDetection(status_seconds=STATUS_SECONDS)
    for number in range(models):
        declare(core, f"model-{number}", features)
    return core


def declare(core: DriftDetection, name: str, features: int = FEATURES) -> None:
    """Show a core the spec of a model, and the profile of its version 1.0.0."""
    spec, profile = (renamed(text, name) for text in declared(features))
    core.take_table(MODEL_SPECS, [FakeRecord(MODEL_SPECS, key=name, value=spec)])
    core.take_table(MODEL_PROFILES, [FakeRecord(MODEL_PROFILES, key=f"{name}/1.0.0", value=profile)])


def renamed(text: bytes, model: str) -> bytes:
    """JSON about `model-0`, said of another model.

    >>> renamed(b'{"model_id":"model-0"}', "model-7")
    b'{"model_id":"model-7"}'
    """
    return text.replace(b'"model-0"', f'"{model}"'.encode())


@lru_cache(maxsize=8)
def declared(features: int) -> tuple[bytes, bytes]:
    """The spec and the profile of `model-0`, as they are published."""
    spec = ModelSpec(
        model_id="model-0",
        task="binary",
        features={f"x{place}": Feature() for place in range(features)},
        target={"ok": TargetField()},
        segments=("site",),
        clock="event",
    )
    rng = np.random.default_rng(3)
    ok, said = _answers(rng, 5_000)
    profile = make_profile(
        spec.model_id,
        "1.0.0",
        spec,
        1,
        Rows(watched_columns(5_000, features, 4), {"ok": ok}),
        Predictions({"ok": said}, rng.random(5_000)),
        (ok != said).astype(np.float64),
        1.0,
        message_id=derive_id("profile"),
        occurred_at=START,
    )
    published = ModelSpecPublished(
        message_id=derive_id("spec"), model_id=spec.model_id, occurred_at=START, spec_version=1, spec=spec
    )
    return published.to_json(), profile.to_json()


def _answers(rng: np.random.Generator, rows: int) -> tuple[NDArray[Any], NDArray[Any]]:
    label = rng.integers(0, 2, rows)
    said = np.where(rng.random(rows) < 0.1, 1 - label, label)
    return label.astype(str).astype(object), said.astype(str).astype(object)


def make_frame(
    place: int, model: str = "model-0", features: int = FEATURES, sites: int = SITES, rows: int = FRAME_ROWS
) -> FakeRecord:
    """A frame of `rows` stationary rows, the `place`-th of its model."""
    rng = np.random.default_rng([place, 5])
    ok, said = _answers(rng, rows)
    first = place * rows
    moments = pa.array([START + timedelta(seconds=first + row) for row in range(rows)], pa.timestamp("us", tz="UTC"))
    arrays: dict[str, pa.Array] = {name: pa.nulls(rows, kind) for name, kind in ROW_COLUMNS.items()}
    arrays |= {
        "event": pa.array(["outcome"] * rows),
        "prediction_id": pa.array([f"p-{first + row:08d}" for row in range(rows)]),
        "model_version": pa.array(["1.0.0"] * rows),
        "predicted_at": moments,
        "labelled_at": moments,
        "confidence": pa.array(rng.random(rows)),
        f"{PREDICTION}ok": pa.array(said, pa.string()),
        f"{LABEL}ok": pa.array(ok, pa.string()),
        f"{SEGMENT}site": pa.array([f"site-{site}" for site in rng.integers(0, sites, rows).tolist()]),
        **{
            f"{FEATURE}{name}": pa.array(column)
            for name, column in watched_columns(rows, features, 100 + place).items()
        },
    }
    header = FrameHeader(model_id=model, spec_version=1, rows=rows, first_at=START, last_at=START + timedelta(days=1))
    value, headers = encode_frame(Frame(header, pa.RecordBatch.from_pydict(arrays)))
    return FakeRecord(OUTCOME_FRAMES, key=model, value=value, headers=headers, at_offset=place)
