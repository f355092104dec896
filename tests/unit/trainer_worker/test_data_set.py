"""The rows of a run with their times: a feature's season is learnt from them."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from driftloop.archive.rows import ArchivedRows
from driftloop.archive.schema import ARCHIVE_SCHEMA
from driftloop.contracts.message import FramePosition
from driftloop.contracts.training_requests import DataRule
from driftloop.spec.model_spec import Feature, ModelSpec, TargetField
from trainer_worker.adapters.data_set import data_set

FIRST = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture
def archived() -> ArchivedRows:
    """Forty rows of four times an hour; the third has no label."""
    rows = [
        {
            "predicted_at": FIRST + timedelta(minutes=15 * row),
            "label_source": "user",
            "frame_offset": row // 10,
            "numbers": [("load", float(row % 7))],
            "categories": [],
            "labels_number": [],
            "labels_category": [] if row == 2 else [("ok", str(row % 2))],
        }
        for row in range(40)
    ]
    return ArchivedRows("gate", 0, pa.Table.from_pylist(rows, ARCHIVE_SCHEMA))


def test_rows_that_are_learnt_from_keep_the_times_of_their_predictions(archived: ArchivedRows) -> None:
    spec = ModelSpec(
        model_id="gate",
        task="binary",
        features={"load": Feature(season="hour-of-week")},
        target={"ok": TargetField()},
    )
    data = data_set(archived, spec)
    first = int(FIRST.timestamp() * 1000)
    assert data.predicted_at.tolist() == [first + 900_000 * row for row in range(40) if row != 2]
    assert len(data.predicted_at) == len(data.rows)


def test_what_is_described_and_hashed_is_the_mix_that_is_learnt(archived: ArchivedRows) -> None:
    spec = ModelSpec(model_id="gate", task="binary", features={"load": Feature()}, target={"ok": TargetField()})
    until = FramePosition(partition=0, offset=99)
    whole = data_set(archived, spec, DataRule(until=until, rows=40))
    mixed = data_set(archived, spec, DataRule(until=until, rows=40, fresh_rows=10, replay_rows=5))
    assert (len(whole.rows), len(mixed.rows)) == (39, 15)
    assert mixed.described.rows == 15
    assert mixed.described.sha256 != whole.described.sha256
    assert mixed.predicted_at[-10:].tolist() == whole.predicted_at[-10:].tolist()


def test_times_are_learnt_from_and_hashed_only_where_rows_are_weighed_by_days(archived: ArchivedRows) -> None:
    told = {"model_id": "gate", "task": "binary", "features": {"load": {}}, "target": {"ok": {}}}
    plain, by_rows, by_days = (
        data_set(archived, ModelSpec.model_validate({**told, "training": {"recency": recency}}))
        for recency in (None, {"half_life_rows": 5}, {"half_life_days": 5})
    )
    assert plain.rows.at is None
    assert by_rows.rows.at is None
    assert by_days.rows.at is not None
    assert by_days.rows.at.tolist() == by_days.predicted_at.tolist()
    assert plain.described == by_rows.described
    assert plain.described.sha256 != by_days.described.sha256
