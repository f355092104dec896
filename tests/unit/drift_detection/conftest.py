"""A watched model in miniature: its spec, its profile, rows, frames, and detection fed with them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from drift_detection.core.processor import DriftDetection
from driftloop.codec.frames import FEATURE, LABEL, PREDICTION, ROW_COLUMNS, SEGMENT, Frame, encode_frame
from driftloop.contracts.drift_signals import DriftSignal
from driftloop.contracts.drift_status import DriftStatus
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.outcome_frames import FrameHeader
from driftloop.learners.protocol import Predictions, Rows
from driftloop.processor import Effects
from driftloop.spec.model_spec import Feature, ModelSpec, TargetField
from driftloop.statistics.profiles import make_profile
from driftloop.testing.records import FakeRecord

START = datetime(2026, 3, 2, tzinfo=UTC)
MODEL = "gate"


def spec_of(**changes: Any) -> ModelSpec:
    """Two numbers and a category, 0/1 loss, segments by site."""
    fields: dict[str, Any] = {
        "model_id": MODEL,
        "task": "binary",
        "features": {"heat": Feature(), "load": Feature(), "kind": Feature(kind="category")},
        "target": {"ok": TargetField()},
        "segments": ("site",),
        "clock": "event",
    }
    return ModelSpec(**{**fields, **changes})


@dataclass
class Stream:
    """Rows of a model; columns are changed by hand where a test wants a drift.

    `place` is the row that a row is: its prediction id and its minute (a correction has that of another row).
    """

    rows: int
    seed: int = 0
    error_share: Any = 0.1
    version: Any = "1.0.0"
    event: Any = "outcome"
    columns: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        label = rng.integers(0, 2, self.rows)
        wrong = rng.random(self.rows) < self.error_share
        self.columns = {
            "heat": rng.normal(size=self.rows),
            "load": rng.lognormal(size=self.rows),
            "kind": rng.choice(["a", "b", "c"], self.rows, p=[0.6, 0.3, 0.1]).astype(object),
            "site": rng.choice(["north", "south"], self.rows).astype(object),
            "ok": label.astype(str).astype(object),
            "said": np.where(wrong, 1 - label, label).astype(str).astype(object),
            "confidence": np.clip(0.9 - 0.2 * wrong + 0.05 * rng.normal(size=self.rows), 0, 1),
            "version": np.full(self.rows, self.version, dtype=object),
            "event": np.full(self.rows, self.event, dtype=object),
            "place": np.arange(self.rows),
            **self.columns,
        }

    def frame(self, start: int, stop: int, spec_version: int = 1) -> tuple[bytes, tuple[tuple[str, bytes], ...]]:
        """Rows start…stop as a frame."""
        part = {name: values[start:stop] for name, values in self.columns.items()}
        places, count = part["place"], stop - start
        moments = np.datetime64(START.replace(tzinfo=None), "us") + places.astype("timedelta64[m]")
        arrays: dict[str, pa.Array] = {name: pa.nulls(count, kind) for name, kind in ROW_COLUMNS.items()}
        arrays |= {
            "event": pa.array(part["event"], pa.string()),
            "prediction_id": pa.array(list(map(_row_id, places.tolist()))),
            "model_version": pa.array(part["version"], pa.string()),
            "predicted_at": pa.array(moments, ROW_COLUMNS["predicted_at"]),
            "labelled_at": pa.array(moments, ROW_COLUMNS["labelled_at"], mask=part["event"] == "prediction"),
            "confidence": pa.array(part["confidence"], pa.float64(), from_pandas=True),
            f"{FEATURE}heat": pa.array(part["heat"], pa.float64(), from_pandas=True),
            f"{FEATURE}load": pa.array(part["load"], pa.float64(), from_pandas=True),
            f"{FEATURE}kind": pa.array(part["kind"], pa.string()),
            f"{PREDICTION}ok": pa.array(part["said"], pa.string() if part["said"].dtype == object else pa.float64()),
            f"{LABEL}ok": pa.array(part["ok"], pa.string() if part["ok"].dtype == object else pa.float64()),
            f"{SEGMENT}site": pa.array(part["site"], pa.string()),
        }
        if "rating" in part:
            arrays["rating"] = pa.array(part["rating"], pa.float64(), from_pandas=True)
        arrays |= {  # further targets
            name: pa.array(values, pa.string() if values.dtype == object else pa.float64())
            for name, values in part.items()
            if name.startswith((PREDICTION, LABEL))
        }
        first_at, last_at = (START + timedelta(minutes=int(place)) for place in (places.min(), places.max()))
        header = FrameHeader(model_id=MODEL, spec_version=spec_version, rows=count, first_at=first_at, last_at=last_at)
        return encode_frame(Frame(header, pa.RecordBatch.from_pydict(arrays)))


@cache
def _row_id(place: int) -> str:
    return f"row-{place:08d}"


@cache
def profile_bytes(version: str = "1.0.0", seed: int = 99, error_share: float = 0.1, rows: int = 4000) -> bytes:
    """The profile of a version that learnt from rows like `Stream`'s."""
    seen = Stream(rows, seed, error_share)
    losses = (seen.columns["ok"] != seen.columns["said"]).astype(float)
    features = {name: seen.columns[name] for name in ("heat", "load", "kind")}
    return make_profile(
        MODEL,
        version,
        spec_of(),
        1,
        Rows(features, {"ok": seen.columns["ok"]}),
        Predictions({"ok": seen.columns["said"]}, seen.columns["confidence"]),
        losses,
        1.0,
        message_id=derive_id("profile", version),
        occurred_at=START,
    ).to_json()


@dataclass
class Detection:
    """Detection with its tables, and all that it has published."""

    core: DriftDetection = field(default_factory=DriftDetection)
    signals: list[DriftSignal] = field(default_factory=list)
    statuses: list[DriftStatus] = field(default_factory=list)
    raw: list[tuple[str, bytes]] = field(default_factory=list)
    offset: int = 0

    def tables(self, spec: ModelSpec | None = None, versions: Sequence[str] = ("1.0.0",)) -> "Detection":
        """Give it the spec and the profiles of versions."""
        published = ModelSpecPublished(
            message_id=derive_id("spec", 1), model_id=MODEL, occurred_at=START, spec_version=1, spec=spec or spec_of()
        )
        self.core.take_table("model-specs", [FakeRecord("model-specs", key=MODEL, value=published.to_json())])
        for version in versions:
            record = FakeRecord("model-profiles", key=f"{MODEL}/{version}", value=profile_bytes(version))
            self.core.take_table("model-profiles", [record])
        return self

    def feed(self, stream: Stream, cuts: Sequence[int] = (), start: int = 0, stop: int | None = None) -> Effects:
        """Feed rows as frames that end at `cuts`."""
        stop = stream.rows if stop is None else stop
        effects = Effects()
        for first, last in zip([start, *cuts], [*cuts, stop], strict=True):
            if first < last:
                effects = self.take(*stream.frame(first, last))
        return effects

    def feed_with(self, restored: "Detection", stream: Stream, cuts: Sequence[int], at: int) -> list[tuple[str, bytes]]:
        """Feed rows up to cut number `at`, the others to one that is restored from here; all that both published."""
        self.feed(stream, cuts=cuts[:at], stop=cuts[at])
        restored.core.restore(0, list(self.core.snapshot(0)))
        restored.offset = self.offset
        restored.feed(stream, cuts=cuts[at + 1 :], start=cuts[at])
        return self.raw + restored.raw

    def take(self, value: bytes, headers: tuple[tuple[str, bytes], ...]) -> Effects:
        """Feed one frame."""
        record = FakeRecord("outcome-frames", key=MODEL, value=value, headers=headers, at_offset=self.offset)
        self.offset += 1
        effects = self.core.process([record], START, tables_current=True)
        for message in effects.outgoing:
            self.raw.append((message.topic, message.value))
            if message.topic == "drift-signals":
                self.signals.append(DriftSignal.from_json(message.value))
            else:
                self.statuses.append(DriftStatus.from_json(message.value))
        return effects

    def harms(self) -> list[DriftSignal]:
        """The harmful signals of the whole model."""
        return [signal for signal in self.signals if signal.harmful and not signal.segment]


@pytest.fixture(scope="session")
def stream() -> Callable[..., Stream]:
    """Makes rows: `stream(rows, seed=…, error_share=…, version=…, columns={…})`."""
    return Stream


@pytest.fixture(scope="session")
def detection() -> Callable[..., Detection]:
    """Makes a detection with its tables: `detection(spec=…, versions=(…))`."""
    return lambda spec=None, versions=("1.0.0",): Detection().tables(spec, versions)


@pytest.fixture(scope="session")
def make_spec() -> Callable[..., ModelSpec]:
    """Makes the spec with some fields changed."""
    return spec_of
