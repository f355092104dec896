"""`driftloop watch`: what is found in outcomes that somebody else recorded."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from driftloop.errors import ExitCode, UserError
from driftloop.files.description import FileDescription
from driftloop.files.table import Table
from driftloop.spec.model_spec import Feature, ModelSpec, TargetField
from driftloop.tools.cli.main import app
from driftloop.tools.watch.baseline import baselines, default_baseline_rows
from driftloop.tools.watch.declared import BaselineColumns, baseline_profile
from driftloop.tools.watch.options import WatchOptions
from driftloop.tools.watch.outcomes import RecordedOutcomes
from driftloop.tools.watch.play import Found, InMemory
from driftloop.tools.watch.reading import recorded_outcomes

DRIFT = 6_000


def rows(count: int = 10_000, *, seed: int = 1, drift: int | None = DRIFT) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, count)
    share = np.where(np.arange(count) < (count if drift is None else drift), 0.1, 0.4)
    said = np.where(rng.random(count) < share, 1 - truth, truth)
    return {"said": said, "truth": truth, "a": rng.normal(size=count), "b": rng.normal(size=count)}


def table(columns: Mapping[str, Any]) -> Table:
    data = pa.table(dict(columns))
    size = data.num_rows
    return Table(data, FileDescription("rows", "csv", None, None, None, None, size, data.num_columns, size))


def read(columns: Mapping[str, Any], **options: Any) -> RecordedOutcomes:
    return recorded_outcomes(table(columns), WatchOptions(**{"prediction": "said", "label": "truth"} | options))


def found(recorded: RecordedOutcomes, baseline_rows: int | None = None) -> Found:
    reference = baselines(recorded, baseline_rows or default_baseline_rows(len(recorded)))
    if not len(reference.judged):
        return Found()
    return InMemory().play(recorded.take(reference.judged), reference.profiles, lambda _done, _rows: None)


def harmful_rows(recorded: RecordedOutcomes) -> list[int]:
    ids = recorded.columns["prediction_id"].to_pylist()
    return [ids.index(signal.raised.prediction_id) for signal in found(recorded).signals if signal.harmful]


def test_harmful_drift_is_found_soon_after_it_began():
    (first, *_) = harmful_rows(read(rows()))
    assert DRIFT < first < DRIFT + 200


def test_a_stationary_file_raises_nothing():
    assert found(read(rows(drift=None))).signals == []


def test_rows_are_put_in_the_order_of_their_time_and_that_is_said():
    columns = rows()
    when = np.datetime64("2026-01-01T00:00:00") + np.arange(10_000).astype("timedelta64[m]")
    columns["at"] = pa.array(when.astype("datetime64[us]"), pa.timestamp("us", tz="UTC"))
    order = np.random.default_rng(2).permutation(10_000)
    shuffled = {name: pa.array(column).take(pa.array(order)) for name, column in columns.items()}
    recorded = read(shuffled, time="at")
    assert pc.all(pc.equal(recorded.columns["predicted_at"], columns["at"])).as_py()
    assert "sorted by at" in recorded.notes[0]
    assert recorded.rows.tolist() == np.argsort(order).tolist()
    assert harmful_rows(recorded) == harmful_rows(read(columns, time="at"))


@pytest.mark.wild(area="recorded outcomes", given="probabilities beside 0/1 labels", right="read as classes, and said")
def test_probabilities_are_read_as_classes():
    columns = rows()
    columns["said"] = np.where(columns["said"] == 1, 0.93, 0.04)
    recorded = read(columns)
    assert "probabilities" in recorded.notes[-1]
    assert set(recorded.columns["prediction.truth"].to_pylist()) == {"0", "1"}
    assert recorded.columns["confidence"][0].as_py() > 0.9


@pytest.mark.wild(area="recorded outcomes", given="1, 1.0 or '1' beside integer labels", right="one spelling")
@pytest.mark.parametrize("said", [["1", "0"], [1.0, 0.0], [1, 0]], ids=["text", "float", "integer"])
def test_classes_meet_whatever_their_type(said):
    columns = rows(400)
    columns["said"] = pa.array([said[1 - value] for value in columns["truth"]])
    assert found(read(columns)).signals == []


@pytest.mark.wild(area="recorded outcomes", given="predictions `yes`, labels 1", right="refused: no class in common")
def test_classes_that_never_meet_are_refused():
    columns = rows(400)
    columns["said"] = ["yes" if value else "no" for value in columns["said"]]
    with pytest.raises(UserError, match="no class in common"):
        read(columns)


def test_a_version_of_any_name_has_a_reference_of_its_own():
    columns = rows(12_000, drift=None)
    columns["version"] = ["2026-05-01-abc"] * 6_000 + ["sha256:9f"] * 6_000
    recorded = read(columns, version="version")
    reference = baselines(recorded, 2_000)
    assert dict(reference.rows) == {"2026-05-01-abc": 2_000, "sha256:9f": 2_000}
    assert found(recorded).signals == []


def test_rows_without_a_label_are_watched_by_their_columns():
    columns = rows(drift=None)
    columns["a"][DRIFT:] += 3
    recorded = recorded_outcomes(table(columns), WatchOptions(prediction="said", without=["truth"]))
    assert {(signal.kind, signal.subject) for signal in found(recorded).signals} >= {("feature", "a")}


@pytest.mark.wild(area="recorded outcomes", given="rows without a prediction", right="left out, and counted")
def test_rows_without_a_prediction_are_left_out_and_counted():
    columns = rows(1_000)
    columns["said"] = pa.array([None if row % 10 == 0 else value for row, value in enumerate(columns["said"].tolist())])
    recorded = read(columns)
    assert len(recorded) == 900
    assert recorded.rows[0] == 1
    assert "100 rows have no said" in recorded.notes[-1]


@pytest.mark.wild(
    area="recorded outcomes",
    given="no label ever, a column that shifts twice",
    right="both shifts are told, with ids of their own",
)
def test_signals_about_rows_without_labels_are_told_apart():
    columns = rows(drift=None)
    columns["a"][4_000:] += 3
    columns["a"][7_000:] += 6
    recorded = recorded_outcomes(table(columns), WatchOptions(prediction="said", without=["truth"]))
    signals = [signal for signal in found(recorded).signals if signal.subject == "a"]
    assert len(signals) >= 2
    assert len({signal.message_id for signal in signals}) == len(signals)


def test_identifiers_counters_and_empty_columns_are_left_out_with_the_reason():
    columns = rows(1_000)
    columns |= {"number": np.arange(1_000), "name": [f"n{n}" for n in range(1_000)], "nothing": pa.nulls(1_000)}
    recorded = read(columns)
    assert set(recorded.left_out) == {"number", "name", "nothing"}
    assert set(recorded.spec.features) == {"a", "b"}


@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(st.sampled_from(["x", "y", None]), st.sampled_from(["x", "y", None]), st.floats(-1e300, 1e300)),
        min_size=120,
        max_size=200,
    )
)
def test_whatever_the_rows_hold_the_file_is_watched(some):
    columns = {"said": [s for s, _, _ in some], "truth": [t for _, t, _ in some], "a": [v for _, _, v in some]}
    if not any(s == t for s, t, _ in some if s is not None):
        return
    recorded = read(columns, task="multiclass", features=["a"])
    assert isinstance(found(recorded, 100), Found)


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    pa.csv.write_csv(pa.table(rows()), path)
    return path


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["watch", *arguments], catch_exceptions=True)


def test_the_json_says_rows_figures_and_signals(csv_file, tmp_path):
    out, page = tmp_path / "out.json", tmp_path / "page.html"
    done = run(str(csv_file), "--prediction", "said", "--label", "truth", "--json", str(out), "--report", str(page))
    assert done.exit_code == 0, done.output
    said = json.loads(out.read_text())
    assert said["rows"] == said["labelled"] == 10_000
    assert said["task"] == "binary"
    assert said["accuracy"] == pytest.approx(0.78, abs=0.02)
    first = next(signal for signal in said["signals"] if signal["harmful"])
    assert {"row", "time", "kind", "onset_row", "reference", "current"} <= first.keys()
    assert first["reference"] == pytest.approx(0.1, abs=0.02)
    assert abs(first["onset_row"] - DRIFT) < 100
    assert "Error over time" in page.read_text()


def test_parquet_gives_the_same_as_csv(csv_file, tmp_path):
    parquet = tmp_path / "rows.parquet"
    pq.write_table(pa.table(rows()), parquet)
    outs = [tmp_path / "a.json", tmp_path / "b.json"]
    for file, out in zip((csv_file, parquet), outs, strict=True):
        assert run(str(file), "--prediction", "said", "--label", "truth", "--json", str(out)).exit_code == 0
    one, other = (json.loads(out.read_text()) for out in outs)
    assert [one["signals"], one["accuracy"]] == [other["signals"], other["accuracy"]]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--prediction", "nothing"), ExitCode.USAGE, "is not a column"),
        (("--prediction", "said", "--label", "truth", "--time", "a"), ExitCode.USAGE, "holds no times"),
        (("--prediction", "said", "--label", "truth", "--task", "forecasts"), ExitCode.USAGE, "There is no task"),
        (
            ("--prediction", "said", "--label", "truth", "--baseline-rows", "20000"),
            ExitCode.USAGE,
            "is left to watch",
        ),
    ],
    ids=["no such column", "no times", "no such task", "all reference"],
)
def test_what_does_not_fit_is_one_sentence(csv_file, arguments, code, words):
    done = run(str(csv_file), *arguments)
    assert isinstance(done.exception, UserError)
    assert done.exception.exit_code == code
    assert words in str(done.exception)


def test_a_files_rows_become_the_reference_of_a_version_that_was_trained_elsewhere():
    spec = declared_spec()
    profile = baseline_profile(table(rows(1_000)), spec, 3, BaselineColumns("2026-05", "said", "truth"))
    assert (profile.model_id, profile.version, profile.spec_version) == ("churn", "2026-05", 3)
    assert profile.numeric["a"].rows == 1_000
    assert profile.loss.rows == 1_000
    assert 0.05 < profile.loss.mean < 0.15


def test_without_labels_a_baseline_knows_no_losses():
    profile = baseline_profile(table(rows(1_000)), declared_spec(), 1, BaselineColumns("2026-05", "said"))
    assert profile.loss.rows == 0
    assert profile.predictions["y"].rows == 1_000


@pytest.mark.parametrize(
    ("columns", "named", "why"),
    [
        (rows(1_000), BaselineColumns("v", "guessed"), "guessed is not a column"),
        ({k: v for k, v in rows(1_000).items() if k != "b"}, BaselineColumns("v", "said"), "b is not a column"),
        (rows(50), BaselineColumns("v", "said", "truth"), "50 rows have prediction and label; 100 are needed"),
    ],
)
def test_a_baseline_that_does_not_fit_the_spec_is_refused_with_a_sentence(columns, named, why):
    with pytest.raises(UserError, match=why):
        baseline_profile(table(columns), declared_spec(), 1, named)


def declared_spec() -> ModelSpec:
    return ModelSpec(
        model_id="churn",
        task="binary",
        features={"a": Feature(), "b": Feature()},
        target={"y": TargetField()},
        serving="external",
    )
