from pathlib import Path

import numpy as np
import pytest

from driftloop.codec.frames import FEATURE, LABEL, PREDICTION
from driftloop.errors import UserError
from driftloop.tools.replay.options import ReplayOptions
from driftloop.tools.replay.recording import open_recording, record
from driftloop.tools.replay.stream import EventTime, outcome_batch, row_id
from driftloop.tools.replay.table import Table

CLASSES = np.tile([0.0, 1.0], 150)
TABLE = Table({"x": np.sin(np.arange(300.0)), "y": CLASSES})


def options(**changes):
    return ReplayOptions(**{"file": Path("stream.csv"), "target": "y", "train_rows": 100, "block_rows": 75, **changes})


def test_blocks_cover_every_row_after_training_once():
    blocks = record(TABLE, options()).blocks()
    assert [(rows.start, rows.stop) for rows in blocks] == [(100, 175), (175, 250), (250, 300)]


def test_classes_are_text_and_numbers_stay_numbers():
    assert record(TABLE, options()).labels["y"][:2].tolist() == ["0", "1"]
    assert record(TABLE, options(task="regression")).labels["y"].dtype == np.float64


@pytest.mark.parametrize("train_rows", [1, 299, 4000])
def test_training_must_leave_rows_and_have_some(train_rows):
    with pytest.raises(UserError, match="cannot be trained"):
        record(TABLE, options(train_rows=train_rows))


def test_rows_without_a_label_are_left_out_and_counted(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("x,y\n" + "".join(f"{i % 7}.5,{i % 2 if i % 10 else ''}\n" for i in range(100)))
    recording = open_recording(options(file=path, train_rows=20))
    assert (len(recording), recording.unlabelled_rows) == (90, 10)


@pytest.mark.parametrize("pace", ["fast", "-1", "0"])
def test_a_pace_is_a_word_or_a_positive_number(pace):
    with pytest.raises(UserError, match="--pace"):
        options(pace=pace).rows_per_second()


def test_a_block_is_one_batch_with_the_columns_of_frames():
    recording = record(TABLE, options())
    rows = slice(100, 103)
    labels = recording.labels_of(rows)
    batch = outcome_batch(
        "m",
        EventTime(),
        100,
        {"x": np.array([1.0, np.nan, 3.0])},
        labels=labels,
        predictions=labels,
        confidence=np.array([0.5, 0.6, 0.7]),
        model_version="1.0.0",
    )
    assert batch.schema.metadata == {b"model_id": b"m"}
    assert batch.column("prediction_id").to_pylist() == [row_id(row) for row in (100, 101, 102)]
    assert batch.column(FEATURE + "x").to_pylist() == [1.0, None, 3.0]
    assert batch.column(LABEL + "y").to_pylist() == batch.column(PREDICTION + "y").to_pylist()
    assert batch.column("predicted_at")[1].as_py() == EventTime().at(101)


def test_an_example_has_no_prediction_and_a_waiting_row_no_label():
    example = outcome_batch("m", EventTime(), 0, {"x": np.zeros(2)}, labels={"y": np.zeros(2)})
    waiting = outcome_batch(
        "m", EventTime(), 0, {"x": np.zeros(2)}, predictions={"y": np.zeros(2)}, model_version="1.0.0"
    )
    assert "model_version" not in example.schema.names
    assert "labelled_at" not in waiting.schema.names
