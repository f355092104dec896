"""`driftloop versions register`: which versions may be taken in, and by which rows they are judged."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from driftloop.archive.rows import ArchivedRows
from driftloop.archive.schema import ARCHIVE_SCHEMA
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.retrain_decisions import RetrainDecision
from driftloop.contracts.topics import MODEL_EVENTS, RETRAIN_DECISIONS
from driftloop.errors import UserError
from driftloop.spec.model_spec import ModelSpec
from driftloop.testing.records import FakeRecord
from driftloop.tools.cli.register import require_new, told_rows
from driftloop.tools.registry.view import RegistryView

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SPEC = ModelSpec.model_validate({"model_id": "m", "task": "binary", "features": {"x": {}}, "target": {"y": {}}})


def event(number: int, kind: str, version: str) -> FakeRecord:
    told = ModelEvent(
        message_id=derive_id("event", number), model_id="m", occurred_at=NOW, event=kind, version=version, reason="r",
        artifact="a", artifact_sha256="0" * 64,
    )  # fmt: skip
    return FakeRecord(MODEL_EVENTS, key="m", value=told.to_json(), at_offset=number)


@pytest.fixture
def view() -> RegistryView:
    """Versions in every status, and a run on its way to 1.0.3."""
    made = RegistryView()
    run = RetrainDecision(
        message_id=derive_id("decision", 1), model_id="m", occurred_at=NOW, action="retrain", trigger="drift",
        reason="r", policy="default", candidate="1.0.3", run_id=derive_id("run", 1),
    )  # fmt: skip
    versions = ["1.0.0", "1.0.1", "1.0.2", "blue", "green"]
    events = [("registered", version) for version in versions]
    events += [("promoted", "1.0.1"), ("rejected", "1.0.0"), ("challenged", "1.0.2"), ("deprecated", "green")]
    made.take_in([event(number, *one) for number, one in enumerate(events)])
    made.take_in([FakeRecord(RETRAIN_DECISIONS, key="m", value=run.to_json())])
    return made


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ("1.0.0", r"m has a version 1\.0\.0 already \(rejected\): name one above the highest\."),
        ("1.0.1", r"already \(champion\)"),
        ("1.0.2", r"already \(challenger\)"),
        ("blue", r"already \(registered\)"),
        ("1.0.3", r"Version 1\.0\.3 of m is that of training run [0-9a-f-]{36}: name one above it\."),
        ("1.0.4", None),
        ("2.0.0", None),
        ("green", None),
    ],
)
def test_a_version_whose_artifact_would_be_written_over_is_refused(view: RegistryView, version: str, told: str | None):
    if told is None:
        require_new(view, "m", version)
        return
    with pytest.raises(UserError, match=told):
        require_new(view, "m", version)


def test_a_version_is_not_judged_by_pseudo_labels():
    sources = ["user", "pseudo", "system", "pseudo", "user"]
    rows = [
        {
            "predicted_at": NOW + timedelta(minutes=row), "label_source": source, "confidence": 0.99,
            "frame_offset": row, "numbers": [("x", float(row))], "categories": [], "labels_number": [],
            "labels_category": [("y", "yes")],
        }
        for row, source in enumerate(sources)
    ]  # fmt: skip
    judged, at = told_rows(ArchivedRows("m", 0, pa.Table.from_pylist(rows, ARCHIVE_SCHEMA)), SPEC)
    assert judged.features["x"].tolist() == [0.0, 2.0, 4.0]
    assert np.diff(at).tolist() == [120_000, 120_000]
