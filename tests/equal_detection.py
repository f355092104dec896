"""Whether detection of two checkouts gives the same bytes: what it publishes of each frame, and its state after them.

    python -m tests.equal_detection FOLDER      digests here beside those of the checkout in FOLDER

Nine models (few and many columns and segments, numbers and classes, several targets, windows of time,
tumbling ones, a preset, labels that come late) meet gaps, drifts, three versions, corrections and rows that only
train, in frames of 37, 500 and 5,000 rows. Prints the runs that differ, and ends with 1 if one does.
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

FRAME_ROWS = (37, 500, 5_000)
ROWS = 15_000
START = datetime(2026, 1, 1, tzinfo=UTC)
SPECS: Mapping[str, Mapping[str, Any]] = {
    "ten": {"features": 10, "sites": 3},
    "wide": {"features": 60, "sites": 20},
    "crowded": {"features": 4, "sites": 120},
    "number": {"features": 5, "sites": 4, "target": {"y": {"kind": "number"}}, "task": "regression"},
    "several": {
        "features": 4, "sites": 2, "task": "multi-field",
        "target": {"y": {}, "z": {"kind": "number", "tolerance": 0.5}, "w": {"kind": "number"}},
    },
    "timed": {"features": 5, "sites": 3, "detection": {"window_seconds": 900, "minimum_rows": 100}},
    "tumbling": {"features": 5, "sites": 3, "detection": {"windows": "tumbling", "window_rows": 300}},
    "preset": {
        "features": 5, "sites": 0, "target": {"y": {"kind": "number"}}, "task": "regression",
        "detection": {"preset": "plant-regression"},
    },
    "late": {"features": 5, "sites": 3, "label_delay": {"expected_seconds": 600}},
}  # fmt: skip


def digests() -> dict[str, str]:
    """Run → digest of all that was published and of the snapshot after it."""
    return {f"{name}, {rows} rows": _digest(name, rows) for name in SPECS for rows in FRAME_ROWS}


def _digest(name: str, frame_rows: int) -> str:
    import zlib

    from drift_detection.core.processor import DriftDetection
    from driftloop.contracts.topics import MODEL_PROFILES, MODEL_SPECS
    from driftloop.testing.records import FakeRecord

    spec, published, profiles = _declared(name)
    core, found = DriftDetection(), hashlib.sha256()
    core.take_table(MODEL_SPECS, [FakeRecord(MODEL_SPECS, key=name, value=published)])
    for version, profile in profiles.items():
        core.take_table(MODEL_PROFILES, [FakeRecord(MODEL_PROFILES, key=f"{name}/{version}", value=profile)])
    rows = ROWS if frame_rows > 37 else ROWS // 3
    for place, batch in enumerate(_frames(spec, rows, frame_rows)):
        effects = core.process([_record(name, place, batch)], START, tables_current=True)
        assert not effects.dead_letters, effects.dead_letters
        for out in effects.outgoing:
            found.update(repr((out.topic, out.key, out.value)).encode())
        if place % 50 == 49:
            kept = list(core.snapshot(0))
            again = DriftDetection()
            again.knowledge = core.knowledge
            again.restore(0, kept)
            core = again
    for _, state in core.snapshot(0):
        found.update(zlib.decompress(state))
    return found.hexdigest()[:16]


def _declared(name: str) -> tuple[Any, bytes, dict[str, bytes]]:
    from driftloop.contracts.message import derive_id
    from driftloop.contracts.model_specs import ModelSpecPublished
    from driftloop.learners.protocol import Predictions, Rows
    from driftloop.spec.model_spec import ModelSpec
    from driftloop.statistics.profiles import make_profile

    wanted = {"task": "binary", "target": {"y": {}}, **SPECS[name]}
    features = {f"x{place}": {} for place in range(wanted.pop("features"))} | {"c": {"kind": "category"}}
    sites = wanted.pop("sites")
    spec = ModelSpec.model_validate(
        {"model_id": name, "features": features, "segments": ["site"] if sites else [], "clock": "event", **wanted}
    )
    said_at = {"message_id": derive_id("spec"), "occurred_at": START, "model_id": name, "spec_version": 1}
    profiles = {}
    for version, seed in (("1.0.0", 1), ("2.0.0", 2)):
        rng = np.random.default_rng(seed)
        columns = {one: _column(one, rng, 5_000, gaps=True) for one in features}
        true, said = _answers(spec, rng, 5_000, 0.1)
        losses = (true["y"] != said["y"]).astype(float) if spec.task != "regression" else np.abs(true["y"] - said["y"])
        profiles[version] = make_profile(
            name, version, spec, 1, Rows(columns, true), Predictions(said, rng.random(5_000)), losses,
            float(max(losses.max(), 1.0)), message_id=derive_id("profile", version), occurred_at=START,
        ).to_json()  # fmt: skip
    return spec, ModelSpecPublished(spec=spec, **said_at).to_json(), profiles


def _column(name: str, rng: np.random.Generator, rows: int, *, gaps: bool, shift: float = 0.0) -> Any:
    if name == "c":
        return np.array(["a", "b", "c", "d"])[np.minimum(rng.geometric(0.5, rows) - 1 + (shift > 0), 3)].astype(object)
    values = rng.normal(shift, 1.0, rows)
    if gaps and name == "x1":
        values[rng.random(rows) < 0.05] = np.nan
    return np.round(values, 1) if name == "x2" else values


def _answers(spec: Any, rng: np.random.Generator, rows: int, wrong: float) -> tuple[dict[str, Any], dict[str, Any]]:
    true: dict[str, Any] = {}
    said: dict[str, Any] = {}
    for name, target in spec.target.items():
        if target.kind == "category":
            label = rng.integers(0, 3, rows)
            true[name] = label.astype(str).astype(object)
            said[name] = np.where(rng.random(rows) < wrong, (label + 1) % 3, label).astype(str).astype(object)
        else:
            true[name] = rng.normal(size=rows)
            said[name] = true[name] + rng.normal(scale=2 * wrong, size=rows)
    return true, said


def _frames(spec: Any, rows: int, frame_rows: int) -> Iterator[pa.RecordBatch]:
    whole = _stream(spec, rows)
    for first in range(0, rows, frame_rows):
        yield whole.slice(first, min(frame_rows, rows - first))


def _stream(spec: Any, rows: int) -> pa.RecordBatch:
    """Quiet rows, a drift in the middle third; another version from there on, a third one here and there."""
    from driftloop.codec.frames import FEATURE, LABEL, PREDICTION, ROW_COLUMNS, SEGMENT

    rng = np.random.default_rng([len(spec.features), 7])
    third = rows // 3
    arrays: dict[str, Any] = {name: pa.nulls(rows, kind) for name, kind in ROW_COLUMNS.items()}
    numbers, event = np.arange(rows), np.full(rows, "outcome", dtype=object)
    event[rng.random(rows) < 0.05] = "prediction"
    event[rng.random(rows) < 0.02] = "example"
    ids = [f"p-{row:07d}" for row in numbers.tolist()]
    for row in np.flatnonzero(rng.random(rows) < 0.02).tolist():
        if row > 40:
            event[row], ids[row] = "correction", ids[row - int(rng.integers(1, 40))]
    version = np.where(numbers < 2 * third, "1.0.0", "2.0.0").astype(object)
    version[rng.random(rows) < 0.03] = "3.0.0"
    moments = [START + timedelta(seconds=5 * row) for row in numbers.tolist()]
    late = rng.integers(0, 900, rows).tolist()
    quiet, drift, back = (_answers(spec, rng, part, wrong) for part, wrong in (
        (third, 0.1), (third, 0.35), (rows - 2 * third, 0.1)))  # fmt: skip
    arrays |= {
        "event": pa.array(event),
        "prediction_id": pa.array(ids),
        "model_version": pa.array(version),
        "label_source": pa.array(np.where(rng.random(rows) < 0.1, "user", None)),
        "predicted_at": pa.array(moments, pa.timestamp("us", tz="UTC")),
        "labelled_at": pa.array(
            [at + timedelta(seconds=lag) for at, lag in zip(moments, late, strict=True)], pa.timestamp("us", tz="UTC")
        ),
        "confidence": pa.array(rng.random(rows), mask=rng.random(rows) < 0.1),
        "latency_ms": pa.array(rng.exponential(20, rows), mask=rng.random(rows) < 0.5),
        "status": pa.array(np.where(rng.random(rows) < 0.02, "failed", "ok").astype(object)),
        "rating": pa.array(rng.integers(1, 6, rows).astype(float), mask=rng.random(rows) < 0.8),
    }
    for target in spec.target:
        for prefix, which in ((LABEL, 0), (PREDICTION, 1)):
            parts = [part[which][target] for part in (quiet, drift, back)]
            arrays[prefix + target] = pa.array(np.concatenate(parts))
    sites = SPECS[spec.model_id]["sites"]
    if sites:
        arrays[f"{SEGMENT}site"] = pa.array([f"s{one}" for one in rng.integers(0, sites, rows).tolist()])
    for place, name in enumerate(spec.features):
        parts = [
            _column(name, rng, part, gaps=True, shift=shift * (place % 3 == 0 or name == "c"))
            for part, shift in ((third, 0.0), (third, 1.0), (rows - 2 * third, 0.0))
        ]
        arrays[FEATURE + name] = pa.array(np.concatenate(parts), from_pandas=True)
    types = {name: arrays[name].type for name in arrays}
    cast = {name: one.cast(ROW_COLUMNS[name]) if name in ROW_COLUMNS else one for name, one in arrays.items()}
    assert types.keys() == cast.keys()
    return pa.RecordBatch.from_pydict(cast)


def _record(model: str, place: int, batch: pa.RecordBatch) -> Any:
    from driftloop.codec.frames import Frame, encode_frame
    from driftloop.contracts.outcome_frames import FrameHeader
    from driftloop.contracts.topics import OUTCOME_FRAMES
    from driftloop.testing.records import FakeRecord

    header = FrameHeader(
        model_id=model, spec_version=1, rows=batch.num_rows, first_at=START, last_at=START + timedelta(days=1)
    )
    value, headers = encode_frame(Frame(header, batch))
    return FakeRecord(OUTCOME_FRAMES, key=model, value=value, headers=headers, at_offset=place)


def _there(folder: Path) -> dict[str, str]:
    """The digests by the code of another checkout."""
    path = [str(folder / part) for part in ("services", "shared")]
    code = f"import sys, json; sys.path[:0] = {path!r}; sys.path.append({str(Path(__file__).parent)!r})\n"
    code += "import equal_detection; print(json.dumps(equal_detection.digests()))"
    ended = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(ended.stderr)
    found: dict[str, str] = json.loads(ended.stdout)
    return found


def main() -> int:
    """Compare this checkout with the one in the folder that is named, or with a file of its digests."""
    theirs = Path(sys.argv[1])
    known = json.loads(theirs.read_text(encoding="utf-8")) if theirs.is_file() else _there(theirs)
    ours = _there(Path(__file__).parent.parent)
    differing = [run for run in known if known[run] != ours.get(run)]
    print("\n".join([f"differs: {run}" for run in differing] or [f"{len(known)} runs are equal"]))  # noqa: T201
    if len(sys.argv) > 2:
        Path(sys.argv[2]).write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    return int(bool(differing))


if __name__ == "__main__":
    raise SystemExit(main())
