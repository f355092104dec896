"""A policy is tried on what really came: replay and backtest read the archive's own table."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from driftloop.archive.schema import ARCHIVE_SCHEMA, PARTITION_BY
from driftloop.errors import UserError
from driftloop.tools.backtest.options import BacktestOptions
from driftloop.tools.backtest.outcome import backtest
from driftloop.tools.backtest.stream import read_stream
from driftloop.tools.replay.archived import Archived
from driftloop.tools.replay.choices import Choices
from driftloop.tools.replay.history import open_history
from driftloop.tools.replay.options import ReplayOptions
from driftloop.tools.replay.recording import open_recording

FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def row(model: str, number: int, **changes: Any) -> dict[str, Any]:
    rng = np.random.default_rng(number)
    heat, at = float(rng.normal()), FIRST + timedelta(hours=number)
    return {
        "model_id": model, "day": at.date(), "frame_partition": 0, "frame_offset": number // 5, "frame_row": number % 5,
        "prediction_id": f"p{number}", "event": "outcome", "model_version": "1.0.0", "predicted_at": at,
        "labelled_at": at + timedelta(hours=3), "label_source": "system", "weight": None, "confidence": 0.9,
        "spec_version": 1, "numbers": [("heat", heat), ("load", float(number % 7))],
        "categories": [("kind", "ab"[number % 2])], "predictions": [("ok", "yes")], "labels_number": [],
        "labels_category": [("ok", "yes" if heat > 0 else "no")], "segments": [], **changes,
    }  # fmt: skip


def archive(folder: Path, rows: list[dict[str, Any]]) -> str:
    write_deltalake(str(folder), pa.Table.from_pylist(rows, ARCHIVE_SCHEMA), partition_by=PARTITION_BY)
    return str(folder)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("lake")
    return archive(folder, [row("gate", n) for n in range(240)] + [row("door", n) for n in range(10)])


def test_the_rows_of_a_model_are_its_history(lake: str) -> None:
    history = open_history("gate", Choices(""), Archived(lake))
    assert (len(history), history.target, history.inferred.task) == (240, "ok", "binary")
    assert dict(history.inferred.features) == {"heat": "number", "load": "number", "kind": "category"}
    assert history.time is not None
    assert history.time.dates
    assert "driftloop's archive" in history.sentences()[0]
    assert "Half of the labels came 3 rows after their prediction: --label-delay 3." in history.sentences()


def test_since_leaves_older_rows_out_and_rows_takes_the_newest(lake: str) -> None:
    since = FIRST + timedelta(hours=100)
    assert len(open_history("gate", Choices(""), Archived(lake, since))) == 140
    assert len(open_history("gate", Choices(""), Archived(lake, since, rows=50))) == 50


def test_a_backtest_and_a_replay_see_the_same_rows(lake: str, tmp_path: Path) -> None:
    stream = read_stream("gate", Choices(""), Archived(lake))
    recording = open_recording(ReplayOptions(file="gate", target="", reading=Archived(lake)))
    assert stream.labels.tolist() == recording.labels["ok"].tolist()
    options = BacktestOptions(first=60, block=20, windows=(60,), policies=("never", "default"), cache=tmp_path)
    outcome = backtest(stream, options)
    assert outcome.score(outcome.runs["never"][0.01].loss) > 0.8


def test_a_number_is_a_regression_whatever_its_values(tmp_path: Path) -> None:
    rows = [row("gate", n, labels_number=[("ok", float(n % 2))], labels_category=[]) for n in range(80)]
    history = open_history("gate", Choices(""), Archived(archive(tmp_path / "lake", rows)))
    assert history.inferred.task == "regression"


def test_what_is_not_there_is_said_in_a_sentence(lake: str, tmp_path: Path) -> None:
    both = [("ok", "yes"), ("why", "x")]
    several = archive(tmp_path / "several", [row("gate", n, labels_category=both) for n in range(30)])
    late = datetime(2027, 1, 1, tzinfo=UTC)
    for model, at, choices, told in (
        ("nobody", Archived(lake), Choices(""), "has no labelled rows of nobody"),
        ("gate", Archived(lake, late), Choices(""), "since 2027-01-01"),
        ("gate", Archived(str(tmp_path / "nowhere")), Choices(""), "has no labelled rows"),
        ("gate", Archived(lake), Choices("other"), "no label other; it has ok"),
        ("gate", Archived(several), Choices(""), "name one of ok, why with --target"),
    ):
        with pytest.raises(UserError, match=told):
            open_history(model, choices, at)
