"""The rows of a run with their times: a feature's season is learnt from them."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from driftloop.archive.rows import ArchivedRows
from driftloop.archive.schema import ARCHIVE_SCHEMA
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
