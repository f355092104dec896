"""Frames of a few small models whose errors rise now and then."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from tests.chaos.case import Input

from driftloop.codec.frames import FEATURE, LABEL, PREDICTION, ROW_COLUMNS, SEGMENT, Frame, encode_frame
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.outcome_frames import FrameHeader
from driftloop.contracts.topics import MODEL_PROFILES, MODEL_SPECS, OUTCOME_FRAMES
from driftloop.learners.protocol import Predictions, Rows
from driftloop.spec.model_spec import Feature, ModelSpec, TargetField
from driftloop.statistics.profiles import make_profile

Policy = str | dict[str, Any]

START = datetime(2026, 3, 2, tzinfo=UTC)
MODELS = tuple(f"gate-{number}" for number in range(6))
ROWS = 20
_ERRORS = (0.1, 0.6)
_FRAMES_A_REGIME = 40


SITES = ("north", "south")
"""Of each frame every second row, where the spec asks for segments."""


def spec_of(model_id: str, policy: Policy = "default", segments: tuple[str, ...] = ()) -> ModelSpec:
    """One number in, a yes or no out."""
    return ModelSpec(
        model_id=model_id,
        task="binary",
        features={"heat": Feature()},
        target={"ok": TargetField()},
        clock="event",
        policy=policy,
        segments=segments,
    )


def prepared(model_id: str, policy: Policy = "default", segments: tuple[str, ...] = ()) -> Iterator[Input]:
    """The spec and the profile of version 1.0.0."""
    published = ModelSpecPublished(
        message_id=derive_id("spec", model_id),
        model_id=model_id,
        occurred_at=START,
        spec_version=1,
        spec=spec_of(model_id, policy, segments),
    )
    yield Input(MODEL_SPECS, model_id, published.to_json())
    columns = _columns(model_id, 10_000, 2_000, _ERRORS[0])
    profile = make_profile(
        model_id,
        "1.0.0",
        spec_of(model_id),
        1,
        Rows({"heat": columns["heat"]}, {"ok": columns["ok"]}),
        Predictions({"ok": columns["said"]}, np.full(2_000, 0.9)),
        (columns["ok"] != columns["said"]).astype(float),
        1.0,
        message_id=derive_id("profile", model_id),
        occurred_at=START,
    )
    yield Input(MODEL_PROFILES, f"{model_id}/1.0.0", profile.to_json(), partition_by=model_id)


def frames(*, by_site: bool = False) -> Iterator[Input]:
    """One frame after the other, model by model, for ever."""
    number = 0
    while True:
        yield _frame(MODELS[number % len(MODELS)], number // len(MODELS), by_site=by_site)
        number += 1


def row_ids(model_id: str, frame: int) -> list[str]:
    """The prediction ids of a frame."""
    return [f"{model_id}:{row}" for row in range(frame * ROWS, (frame + 1) * ROWS)]


def _columns(model_id: str, frame: int, rows: int, error_share: float) -> dict[str, Any]:
    rng = np.random.default_rng([MODELS.index(model_id), frame])
    label = rng.integers(0, 2, rows)
    wrong = rng.random(rows) < error_share
    text = np.array(["no", "yes"], dtype=object)
    return {"heat": rng.normal(size=rows), "ok": text[label], "said": text[np.where(wrong, 1 - label, label)]}


def _frame(model_id: str, number: int, *, by_site: bool) -> Input:
    columns = _columns(model_id, number, ROWS, _ERRORS[number // _FRAMES_A_REGIME % 2])
    moments = [START + timedelta(seconds=row) for row in range(number * ROWS, (number + 1) * ROWS)]
    arrays: dict[str, pa.Array] = {name: pa.nulls(ROWS, kind) for name, kind in ROW_COLUMNS.items()}
    arrays |= {
        "event": pa.array(["outcome"] * ROWS),
        "prediction_id": pa.array(row_ids(model_id, number)),
        "model_version": pa.array(["1.0.0"] * ROWS),
        "predicted_at": pa.array(moments, ROW_COLUMNS["predicted_at"]),
        "labelled_at": pa.array(moments, ROW_COLUMNS["labelled_at"]),
        f"{FEATURE}heat": pa.array(columns["heat"]),
        f"{PREDICTION}ok": pa.array(columns["said"], pa.string()),
        f"{LABEL}ok": pa.array(columns["ok"], pa.string()),
    }
    if by_site:
        arrays[f"{SEGMENT}site"] = pa.array([SITES[row % len(SITES)] for row in range(ROWS)])
    header = FrameHeader(model_id=model_id, spec_version=1, rows=ROWS, first_at=moments[0], last_at=moments[-1])
    value, headers = encode_frame(Frame(header, pa.RecordBatch.from_pydict(arrays)))
    return Input(OUTCOME_FRAMES, model_id, value, headers)
