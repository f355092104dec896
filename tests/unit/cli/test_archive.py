"""The archive by days: what is there, what is taken out, what is dropped."""

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from deltalake import DeltaTable, write_deltalake
from typer.testing import CliRunner

from driftloop.archive.schema import ARCHIVE_SCHEMA, PARTITION_BY
from driftloop.archive.upkeep import Days, archive_stats, export_days, prune_days
from driftloop.errors import UserError
from driftloop.tools.cli.main import app


def row(model: str, day: int, number: int) -> dict:
    at = datetime(2026, 1, day, 12, tzinfo=UTC)
    return {
        "model_id": model, "day": at.date(), "frame_partition": 0, "frame_offset": number, "frame_row": 0,
        "prediction_id": f"p{number}", "event": "outcome", "model_version": "1.0.0", "predicted_at": at,
        "labelled_at": at, "label_source": "system", "weight": None, "confidence": 0.9, "spec_version": 1,
        "numbers": [("x", float(number))], "categories": [("city", "Bern")], "predictions": [("y", "1.5")],
        "labels_number": [("y", 2.0)], "labels_category": [], "segments": [],
    }  # fmt: skip


@pytest.fixture
def archive(tmp_path: Path) -> str:
    rows = [row("pricing", day, 10 * day + place) for day in (1, 2, 3) for place in range(4)] + [row("other", 2, 99)]
    uri = str(tmp_path / "lake")
    write_deltalake(uri, pa.Table.from_pylist(rows, schema=ARCHIVE_SCHEMA), partition_by=PARTITION_BY)
    return uri


def test_the_stats_count_files_rows_bytes_and_days(archive):
    found = archive_stats(archive)
    assert (found.files, found.rows, found.models) == (4, 13, {"other": 1, "pricing": 12})
    assert (found.first_day, found.last_day) == (date(2026, 1, 1), date(2026, 1, 3))
    assert found.bytes > 0
    said = CliRunner().invoke(app, ["archive", "stats", "--archive-uri", archive])
    assert said.output.startswith("13 rows in 4 files")


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_file_a_day_with_a_column_a_feature(archive, tmp_path, form):
    days = Days(date(2026, 1, 2), date(2026, 1, 3))
    assert export_days(archive, "pricing", tmp_path / "out", days, form) == {
        f"2026-01-02.{form}": 4,
        f"2026-01-03.{form}": 4,
    }
    path = tmp_path / "out" / f"2026-01-02.{form}"
    table = pyarrow.parquet.read_table(path) if form == "parquet" else pyarrow.csv.read_csv(path)
    assert table["feature.x"].to_pylist() == [20.0, 21.0, 22.0, 23.0]
    assert table["label.y"].to_pylist() == [2.0] * 4
    assert table["feature.city"].to_pylist() == ["Bern"] * 4


def test_old_days_are_dropped_and_their_files_stay_for_the_safety_period(archive):
    files = sorted(Path(archive).rglob("*.parquet"))
    assert prune_days(archive, date(2026, 1, 3)) == 9
    assert archive_stats(archive).models == {"pricing": 4}
    assert sorted(Path(archive).rglob("*.parquet")) == files
    prune_days(archive, date(2026, 1, 3), safety_hours=0)
    assert len(list(Path(archive).rglob("*.parquet"))) == 1


def test_nothing_is_dropped_without_yes(archive):
    said = CliRunner().invoke(app, ["archive", "prune", "--before", "2026-01-03", "--archive-uri", archive])
    assert "with --yes" in said.output
    assert archive_stats(archive).rows == 13


def test_progress_survives_a_prune(archive):
    from deltalake import CommitProperties, Transaction

    write_deltalake(
        archive, pa.Table.from_pylist([row("pricing", 4, 50)], schema=ARCHIVE_SCHEMA), mode="append",
        partition_by=PARTITION_BY, commit_properties=CommitProperties(app_transactions=[Transaction("a", 7)]),
    )  # fmt: skip
    prune_days(archive, date(2026, 1, 4), safety_hours=0)
    assert DeltaTable(archive).transaction_version("a") == 7


def test_what_is_not_there_is_one_sentence(archive, tmp_path):
    with pytest.raises(UserError, match="no archive at"):
        archive_stats(str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="no rows of model weather"):
        export_days(archive, "weather", tmp_path, Days(), "csv")
