"""Logs of model servers are read by name: halves joined, what is damaged or half named, labels from beside."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.foreign.logs import BENTO_SCHEMA, LOGS, PAGE, Log, azure, bento, brick, captured, lines, with_table

from driftloop.errors import UserError
from driftloop.files.opening import open_table
from driftloop.files.options import file_options
from driftloop.tools.replay.choices import Choices
from driftloop.tools.replay.history import open_history
from driftloop.tools.watch.options import WatchOptions
from driftloop.tools.watch.play import InMemory
from driftloop.tools.watch.run import watch


def opened(log: Log, folder: Path, *more: str):
    address = log.write(folder, *more)
    labels = str(folder / "labels") if log.labels else None
    return open_table(address, file_options(log.form, labels=labels))


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.name)
def test_each_log_gives_a_row_a_prediction(log: Log, tmp_path: Path) -> None:
    table = opened(log, tmp_path)
    rows = sorted(table.data.to_pylist(), key=lambda row: row["prediction_id"])
    assert [row["prediction"] for row in rows] == ["yes", "yes"]
    assert [row["label"] for row in rows] == ["yes", "no"]
    assert all(row["predicted_at"].year == 2026 for row in rows)
    numbers = [row["a"] if "a" in row else row["column1"] for row in rows]
    assert numbers in ([1.5, 2.5], [1.5, 1.5])


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.name)
def test_what_is_damaged_or_half_is_named_and_holds_nothing_up(log: Log, tmp_path: Path) -> None:
    more = [log.damaged[0], *([] if log.half is None else [log.half[0]])]
    table = opened(log, tmp_path, *more, "{")
    said = " ".join(table.description.notes)
    assert len(table) == 2
    assert log.damaged[1] in said
    assert "a line that is no JSON" in said
    assert Path(log.into).name in said, "where it stands is told"
    if log.half is not None:
        assert log.half[1] in said


def test_a_capture_with_neither_side_is_named(tmp_path: Path) -> None:
    """As where the sampling of both sides is switched off: it was taken for a prediction without values before."""
    whole = LOGS[0]
    address = whole.write(tmp_path, json.dumps(captured("r7", None, None)))
    table = open_table(address, file_options(whole.form, labels=str(tmp_path / "labels") if whole.labels else None))
    assert len(table) == 2
    assert "neither endpointInput nor endpointOutput" in " ".join(table.description.notes)


def test_the_table_in_the_docs_is_the_one_that_is_tested() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_table(page) == page, "python -m tests.foreign.logs write"


def test_halves_come_in_any_order_and_ids_twice_are_named(tmp_path: Path) -> None:
    asked, answered = azure("model_inputs", [{"a": 1.0}]), azure("model_outputs", ["yes"])
    (tmp_path / "log.jsonl").write_text(lines(answered, asked, asked))
    table = open_table(tmp_path, file_options("azureml"))
    assert len(table) == 1
    assert any("the same request again" in note for note in table.description.notes)


def test_a_table_of_databricks_is_read_from_parquet_too(tmp_path: Path) -> None:
    rows = [
        brick(f"r{n}", {"dataframe_records": [{"a": float(n)}]}, {"predictions": [n % 2]}, "200") for n in range(40)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "part.parquet")
    table = open_table(tmp_path, file_options("databricks"))
    assert (len(table), table.data["model_version"][0].as_py()) == (40, "4")


def test_labels_of_no_prediction_are_counted(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(lines(brick("r1", {"inputs": [[1.0]]}, {"predictions": [1]})))
    (tmp_path / "labels.jsonl").write_text(lines({"id": "r1", "label": 1}, {"id": "z", "label": 1}, {"id": "y"}))
    table = open_table(tmp_path / "log.jsonl", file_options("databricks", labels=str(tmp_path / "labels.jsonl")))
    assert any("labels of no prediction, 1 ×" in note for note in table.description.notes)
    assert any("a record without label, among the labels" in note for note in table.description.notes)


_TOLD = [{"id": f"r{row}", "label": row % 2, "labelled_at": f"2026-06-0{2 + row}T10:00:00Z"} for row in range(3)]
_NANOS = [f"{one['id']},{one['label']},{one['labelled_at'][:-1]}.123456789Z" for one in _TOLD]
_GERMAN = [f"r{row};{row % 2};0{2 + row}.06.2026 10:00" for row in range(3)]
LABELS_BESIDE = {
    "csv": "\n".join(["id,label,labelled_at", *_NANOS]),
    "semicolons": "\n".join(["\ufeffid;label;labelled_at", *_GERMAN]),
    "jsonl": lines(*_TOLD),
    "json": json.dumps(_TOLD),
}


@pytest.mark.parametrize("form", LABELS_BESIDE)
def test_labels_beside_a_log_are_any_table_with_the_time_at_which_they_became_known(form: str, tmp_path: Path) -> None:
    records = [brick(f"r{row}", {"inputs": [[1.0]]}, {"predictions": [1]}) for row in range(3)]
    (tmp_path / "log.jsonl").write_text(lines(*records))
    (tmp_path / "labels").write_text(LABELS_BESIDE[form])
    table = open_table(tmp_path / "log.jsonl", file_options("databricks", labels=str(tmp_path / "labels")))
    rows = sorted(table.data.to_pylist(), key=lambda row: row["prediction_id"])
    assert [row["label"] for row in rows] == [0, 1, 0]
    assert [(row["labelled_at"].day, row["labelled_at"].hour) for row in rows] == [(2, 10), (3, 10), (4, 10)]


@pytest.mark.parametrize("form", ["sagemaker", "azureml", "databricks", "vertex"])
def test_a_log_of_something_else_is_refused_with_a_sentence(form: str, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(lines({"x": 1}, {"x": 2}))
    with pytest.raises(UserError, match=f"holds no prediction in the format {form}"):
        open_table(tmp_path, file_options(form))


def test_a_log_of_bentoml_without_its_schema_says_so(tmp_path: Path) -> None:
    (tmp_path / "data.1.log").write_text(lines(bento("r1", "yes")))
    with pytest.raises(UserError, match="no schema beside the log"):
        open_table(tmp_path, file_options("bentoml"))


def test_several_rows_of_one_request_of_bentoml_have_an_id_each(tmp_path: Path) -> None:
    (tmp_path / "data.0.log").write_text(lines(bento("7", "yes"), bento("7", "no"), bento("8", "no")))
    (tmp_path / "schema.0.log").write_text(lines(BENTO_SCHEMA))
    table = open_table(tmp_path, file_options("bentoml"))
    assert table.data["prediction_id"].to_pylist() == ["7_0", "7_1", "8"]
    assert "trace_id" not in table.names
    assert any("have no zone" in note for note in table.description.notes)


def test_labels_go_with_a_named_log_only() -> None:
    with pytest.raises(UserError, match="--labels goes with"):
        file_options("csv", labels="labels.csv")


def drifting(folder: Path, rows: int = 1500) -> Path:
    """An inference table whose model is right until the last third."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(rows, 2))
    said = (values[:, 0] > 0).astype(int)
    right = np.where(np.arange(rows) < 2 * rows // 3, said, 1 - said)
    right = np.where(rng.random(rows) < 0.05, 1 - right, right)
    records, truth = [], []
    for row in range(rows):
        record = brick(f"r{row}", {"dataframe_records": [dict(zip("ab", values[row].tolist(), strict=True))]},
                       {"predictions": [int(said[row])]})  # fmt: skip
        records.append(record | {"timestamp_ms": 1780300800000 + 60_000 * row})
        truth.append({"id": f"r{row}", "label": int(right[row])})
    (folder / "log.jsonl").write_text(lines(*records))
    (folder / "labels.jsonl").write_text(lines(*truth))
    return folder


def test_a_log_is_watched_without_a_word_about_its_columns(tmp_path: Path) -> None:
    folder = drifting(tmp_path)
    reading = file_options("databricks", labels=str(folder / "labels.jsonl"))
    found = watch(
        str(folder / "log.jsonl"), reading, WatchOptions(prediction="prediction"), InMemory(), lambda *_: None
    )
    harmful = [signal for signal in found.found.signals if signal.harmful]
    assert harmful
    assert found.recorded.spec.features.keys() == {"a", "b"}


def test_a_replay_learns_from_the_features_alone(tmp_path: Path) -> None:
    folder = drifting(tmp_path, 300)
    reading = file_options("databricks", labels=str(folder / "labels.jsonl"))
    history = open_history(folder / "log.jsonl", Choices(""), reading)
    assert (history.target, set(history.features)) == ("label", {"a", "b"})
    assert history.time is not None
    assert history.time.dates
    assert json.dumps(history.as_json())


def _with_labels(folder: Path, labels: list[dict[str, object]], form: str = "jsonl"):
    records = [brick(f"{row}", {"inputs": [[1.0]]}, {"predictions": [1]}) for row in range(3)]
    (folder / "log.jsonl").write_text(lines(*records))
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist(labels), folder / "labels")
    else:
        (folder / "labels").write_text(lines(*labels))
    table = open_table(folder / "log.jsonl", file_options("databricks", labels=str(folder / "labels")))
    rows = sorted(table.data.to_pylist(), key=lambda row: row["prediction_id"])
    return [row["label"] for row in rows], " ".join(table.description.notes)


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_of_two_labels_of_an_id_the_newest_holds_and_that_is_said(form: str, tmp_path: Path) -> None:
    new, old = ({"labelled_at": f"2026-06-0{day}T10:00:00Z"} for day in (3, 2))
    told = [{"id": "0", "label": 7, **new}, {"id": "0", "label": 8, **old}, {"id": "1", "label": 5, **old}]
    label, said = _with_labels(tmp_path, [*told, {"id": "2", "label": 4, **old}, {"id": "2", "label": 4, **new}], form)
    assert label == [7, 5, 4]
    assert "1 label says otherwise than an earlier one of the same id" in said
    label, said = _with_labels(tmp_path, [{"id": "0", "label": 7}, {"id": "0", "label": 8}], form)
    assert label == [8, None, None]
    assert "the newest by labelled_at holds, without it the last" in said


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_ids_that_a_join_made_floats_and_labels_that_are_nan(form: str, tmp_path: Path) -> None:
    told = [{"id": 0.0, "label": 1.0}, {"id": 1.0, "label": float("nan")}, {"id": 2.0, "label": 0.0}]
    assert _with_labels(tmp_path, told, form)[0] == [1, None, 0]


@pytest.mark.parametrize("labels", [[{"id": "z", "label": 1}], [{"key": "1", "label": 1}], [{"id": "1", "truth": 1}]])
def test_labels_none_of_which_belongs_to_the_log_are_refused(labels: list[dict[str, object]], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^No label in .*labels belongs to a prediction in .*log.jsonl") as refused:
        _with_labels(tmp_path, labels)
    assert "Left out: " in refused.value.sentence


@pytest.mark.parametrize("at", [1e20, -1e20, 10**30, float("nan"), float("inf")])
def test_a_time_beyond_the_calendar_holds_nothing_up(at: float, tmp_path: Path) -> None:
    record = brick("r1", {"inputs": [[1.0]]}, {"predictions": [1]}) | {"timestamp_ms": at}
    (tmp_path / "log.jsonl").write_text(lines(brick("r2", {"inputs": [[1.0]]}, {"predictions": [1]}), record))
    assert len(open_table(tmp_path / "log.jsonl", file_options("databricks"))) in (1, 2)
