"""Recorded outcomes whose columns are named or written oddly: `driftloop watch` says so, or reads them right."""

import json
import re
import signal
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from driftloop.errors import ExitCode, UserError
from driftloop.files.description import FileDescription
from driftloop.files.table import Table
from driftloop.spec.model_spec import Feature, ModelSpec, TargetField
from driftloop.tools.cli.main import app, main
from driftloop.tools.cli.outputs import writable
from driftloop.tools.watch.options import WatchOptions
from driftloop.tools.watch.outcomes import RecordedOutcomes
from driftloop.tools.watch.play import InMemory
from driftloop.tools.watch.reading import _spelled_as_said, recorded_outcomes
from driftloop.tools.watch.telling import tellings

ROWS, DRIFT = 1_200, 800


@pytest.fixture
def watched(tmp_path: Path) -> Any:
    """Runs `watch` on rows whose model fails from row 800 on, with some columns written otherwise."""
    x = np.random.default_rng(1).random(ROWS)
    said = (x > 0.5).astype(int)
    truth = np.where(np.arange(ROWS) < DRIFT, said, 1 - said)
    plain = {"x": x, "said": said, "truth": truth}

    def run(*options: str, **columns: Any) -> Result:
        given = plain | {name: made(plain) if callable(made) else made for name, made in columns.items()}
        file = tmp_path / "rows.csv"
        lines = [",".join(given), *(",".join(map(str, row)) for row in zip(*given.values(), strict=True))]
        file.write_text("\n".join(lines))
        return CliRunner().invoke(app, ["watch", str(file), "--prediction", "said", "--label", "truth", *options])

    return run


def sentence(done: Result) -> str:
    assert isinstance(done.exception, UserError)
    return done.exception.sentence


@pytest.mark.wild(
    area="recorded outcomes",
    given="one column named for two things (prediction and label, id and time)",
    right="refused: the accuracy would be 100 % and mean nothing",
)
@pytest.mark.parametrize("options", [("--label", "said"), ("--id", "x", "--confidence", "x"), ("--segment", "truth")])
def test_a_column_is_one_thing(watched: Any, options: tuple[str, ...]) -> None:
    assert "is named for two things" in sentence(watched(*options))


def test_the_version_may_be_a_segment_too(watched: Any) -> None:
    done = watched("--version", "v", "--segment", "v", v=["1.0.0", "2.0.0"] * (ROWS // 2))
    assert "harmful error in v=1.0.0" in done.output


@pytest.mark.wild(
    area="recorded outcomes",
    given="a confidence in per cent",
    right="refused, with the range that it has; before, its rows were left out, and no drift was found in the rest",
)
def test_a_confidence_in_per_cent_is_refused(watched: Any) -> None:
    done = watched("--confidence", "sure", sure=lambda plain: 50 + 50 * plain["x"])
    assert "a confidence is a number from 0 to 1" in sentence(done)


@pytest.mark.wild(
    area="recorded outcomes",
    given="predictions of three weeks without any label",
    right="columns are watched; no row is called not taken because it waited in vain for its label",
)
def test_rows_without_labels_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    rows = (f"{begun + timedelta(minutes=5 * at)},{at % 7},{at % 2}" for at in range(6_000))
    file.write_text("at,x,said\n" + "\n".join(rows))
    done = CliRunner().invoke(app, ["watch", str(file), "--prediction", "said", "--time", "at"])
    assert "No row has a label: only columns were watched." in done.stdout
    assert "Not taken" not in done.stdout


@pytest.mark.wild(
    area="recorded outcomes",
    given="counts as labels, predicted as numbers with a fraction",
    right="a regression; before, refused for want of a common class",
)
def test_counts_predicted_by_numbers_with_a_fraction_are_a_regression(watched: Any) -> None:
    done = watched(said=lambda plain: 3 + plain["x"], truth=lambda plain: (6 * plain["x"]).astype(int))
    assert done.exit_code == 0, done.exception
    assert "a mean absolute error of" in done.stdout


@pytest.mark.wild(
    area="recorded outcomes",
    given="an id that comes again at the same time, with another label",
    right="a resend: the first counts, in the accuracy too, and it is said",
)
def test_a_resend_counts_once(watched: Any) -> None:
    half = np.arange(ROWS) // 2
    wrong = np.arange(ROWS) % 2 == 1
    done = watched(
        "--id", "n", "--time", "at", n=half, at=[f"2026-01-01 {i // 60:02d}:{i % 60:02d}:00" for i in half],
        truth=lambda plain: np.where(wrong, 1 - plain["said"], plain["said"]),
    )  # fmt: skip
    assert done.exit_code == 0, done.exception
    assert "600 rows tell a prediction again (n, same time): the first of each counts." in done.stdout
    assert "an accuracy of 100.0 % on 600 labelled rows" in done.stdout


@pytest.mark.wild(
    area="recorded outcomes",
    given="labels that became known a day after their predictions, and some of them later",
    right="losses count in the order in which labels became known, and a signal has the time at which it could be",
)
def test_late_labels_count_when_they_became_known(tmp_path: Path) -> None:
    begun, day = datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=1)
    file = tmp_path / "rows.csv"
    said = np.random.default_rng(4).integers(0, 2, 4_000)
    rows = [
        f"{begun + timedelta(minutes=at)},{at % 7},{said[at]},{said[at] ^ (at >= 2_000)},"
        f"{begun + timedelta(minutes=at, microseconds=at) + day * (1 + at % 2)}"
        for at in range(4_000)
    ]
    file.write_text("at,x,said,truth,known\n" + "\n".join(rows))
    results = {}
    for late in (False, True):
        out, known = tmp_path / f"{late}.json", ["--labelled-at", "known"] if late else ["--without", "known"]
        command = ["watch", str(file), "--prediction", "said", "--label", "truth", "--time", "at", "--json", str(out)]
        done = CliRunner().invoke(app, [*command, *known])
        assert done.exit_code == 0, done.exception
        results[late] = next(one for one in json.loads(out.read_text())["signals"] if one["harmful"])
    at_once, later = (datetime.fromisoformat(results[late]["time"]) for late in (False, True))
    assert timedelta(days=1) < later - at_once < timedelta(days=1, hours=3)
    assert results[True]["row"] % 2 == 0  # whose labels took one day


@pytest.mark.wild(
    area="recorded outcomes",
    given="late labels, some behind the year 2100 or behind the calendar, and one of an id with 201 characters",
    right="each is counted once as not taken, and the other rows are watched; before, 49 for seven, or a stack trace",
)
def test_late_labels_that_cannot_be_taken_are_counted_once(tmp_path: Path) -> None:
    begun, rows = datetime(2026, 1, 1, tzinfo=UTC), 4_000
    at = [begun + timedelta(minutes=place) for place in range(rows)]
    known = [one + timedelta(days=1) for one in at]
    known[3_003:3_010] = [datetime(2300, 1, 1, tzinfo=UTC)] * 7
    micros = pa.array(known, pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_pylist()
    micros[3_020] = 10**18  # in the year 33658
    ids = [f"p{place}" for place in range(rows)]
    ids[3_030] = "a" * 201
    said = np.random.default_rng(4).integers(0, 2, rows)
    file, moment = tmp_path / "rows.parquet", pa.timestamp("us", tz="UTC")
    columns = {"id": ids, "at": pa.array(at, moment), "known": pa.array(micros, pa.int64()).cast(moment)}
    pq.write_table(pa.table({**columns, "x": np.arange(rows) % 7, "said": said, "truth": said}), file)
    named = ("--prediction", "said", "--label", "truth", "--time", "at", "--id", "id", "--labelled-at", "known")
    done = CliRunner().invoke(app, ["watch", str(file), *named])
    assert done.exit_code == 0, done.exception
    assert sorted(re.findall(r"Not taken \((\d+) ×\)", done.stdout)) == ["2", "7"], "rows of one record, and labels"


@pytest.mark.wild(
    area="recorded outcomes",
    given="the time of each label, and no time of the predictions",
    right="refused: beside made-up times of predictions the labels would be years late, or none",
)
def test_the_time_of_labels_needs_that_of_predictions(watched: Any) -> None:
    assert "--labelled-at needs --time" in sentence(watched("--labelled-at", "known", known=["2027-01-01"] * ROWS))


@pytest.mark.wild(
    area="recorded outcomes",
    given="labels without a time, and labels that are older than their predictions",
    right="they count at once, and both are said",
)
def test_labels_without_a_time_and_before_their_prediction_are_said(watched: Any) -> None:
    at = [f"2026-01-01 {i // 60:02d}:{i % 60:02d}:00" for i in range(ROWS)]
    known = ["", *(["2025-12-31 00:00:00"] * 2), *at[3:]]
    done = watched("--time", "at", "--labelled-at", "known", at=at, known=known)
    assert "1 rows have no known: their labels count at once." in done.stdout
    assert "2 rows were labelled before they were predicted: their labels count at once." in done.stdout


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(0, 40)), min_size=1, max_size=40), st.integers(1, 9))
def test_late_labels_are_told_once_behind_their_row_and_in_their_order(delays: list[int | None], size: int) -> None:
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    at = [begun + timedelta(minutes=place) for place in range(len(delays))]
    known = [None if late is None else one + timedelta(minutes=late) for one, late in zip(at, delays, strict=True)]
    moment = pa.timestamp("us", tz="UTC")
    columns = {
        "prediction_id": pa.array([str(place) for place in range(len(delays))]),
        "predicted_at": pa.array(at, moment),
        "labelled_at": pa.array(known, moment),
        "prediction.y": pa.array(["a"] * len(delays)),
        "label.y": pa.array([None if late is None else "a" for late in delays], pa.string()),
    }
    spec = ModelSpec(model_id="m", task="binary", features={"x": Feature()}, target={"y": TargetField(kind="category")})
    recorded = RecordedOutcomes(spec, columns, np.arange(len(delays)))
    told, labelled, late = set(), set(), []
    for telling in tellings(recorded, size):
        assert 0 < telling.rows <= size
        if telling.batch is not None:
            told |= set(telling.batch.column("prediction_id").to_pylist())
            there = telling.batch.filter(telling.batch.column("label.y").is_valid())
            labelled |= set(there.column("prediction_id").to_pylist())
        for label in telling.labels:
            assert label.prediction_id in told - labelled
            labelled.add(label.prediction_id)
            late.append(label.labelled_at)
    assert told == set(columns["prediction_id"].to_pylist())
    assert labelled == {str(place) for place, one in enumerate(delays) if one is not None}
    assert late == sorted(late)


@pytest.mark.wild(
    area="recorded outcomes",
    given="labels TRUE and FALSE beside predictions 1 and 0",
    right="one spelling, as ingestion makes it",
)
def test_truth_values_are_the_classes_that_they_are(watched: Any) -> None:
    done = watched(truth=lambda plain: np.where(plain["truth"] == 1, "TRUE", "FALSE"))
    assert done.exit_code == 0, done.exception
    assert "66.7 %" in done.stdout
    assert "Harmful drift would have been found" in done.stdout


@pytest.mark.wild(
    area="recorded outcomes",
    given="classes that differ by case in some rows only (`Yes` is predicted, `yes` is the label)",
    right="said: each such row counts as wrong",
)
def test_classes_that_differ_by_case_are_said(watched: Any) -> None:
    done = watched(
        said=lambda plain: np.where(plain["said"] == 1, "Yes", "no"),
        truth=lambda plain: np.where(plain["truth"] == 1, "yes", "no"),
    )
    assert "'Yes' is predicted and the labels say 'yes'" in done.stdout


@pytest.mark.wild(
    area="recorded outcomes",
    given="an id that names a customer, who comes in many rows",
    right="each row counts, signals name the right row, and it is said",
)
def test_ids_that_come_again_are_told_apart_by_their_rows(watched: Any) -> None:
    plain = watched("--time", "at", at=times())
    done = watched(
        "--time", "at", "--id", "who", at=times(), who=lambda one: ["ab"[n % 2] for n in range(len(one["x"]))]
    )
    assert "who names 1,198 rows by an id of an earlier row" in done.stdout
    assert signals(done) == signals(plain) != []


def times() -> list[str]:
    return [f"2026-01-{1 + n // 96:02d}T{n // 4 % 24:02d}:{15 * (n % 4):02d}:00Z" for n in range(ROWS)]


def signals(done: Result) -> list[str]:
    return [line for line in done.stdout.splitlines() if "harmful" in line]


@pytest.mark.wild(
    area="recorded outcomes",
    given="a version that differs in each row, or one that only a few rows have",
    right="refused if no version has a reference; else the rows without one are counted",
)
def test_versions_without_a_reference_are_said(watched: Any) -> None:
    assert "so none has a reference" in sentence(watched("--version", "v", v=[f"v{n}" for n in range(ROWS)]))
    done = watched("--version", "v", v=["2" if n > ROWS - 40 else "1" for n in range(ROWS)])
    assert "39 rows have no reference: each of their versions (1) has fewer than 100 rows." in done.stdout


def test_a_column_of_times_that_nobody_named_is_named(watched: Any) -> None:
    assert (
        "No --time is named: rows are in the file's order, a minute apart (at holds times)."
        in watched(at=times()).stdout
    )


@pytest.mark.wild(
    area="recorded outcomes",
    given="some rows of a batch that ingestion refuses",
    right="exactly the rows that were not taken are counted",
)
def test_rows_that_are_not_taken_are_counted_as_rows() -> None:
    size = 400
    said = np.arange(size) % 2
    data = pa.table({"said": said, "truth": said, "x": np.arange(size) / size})
    table = Table(data, FileDescription("rows", "csv", None, None, None, None, size, 3, size))
    recorded = recorded_outcomes(table, WatchOptions(prediction="said", label="truth"))
    sure = pa.array([7.0 if row < 3 or row >= size - 4 else 0.5 for row in range(size)])
    found = InMemory().play(
        replace(recorded, columns={**recorded.columns, "confidence": sure}), (), lambda _done, _rows: None
    )
    assert list(found.refused.values()) == [7]


@pytest.mark.wild(
    area="command line",
    given="a result that cannot be written: its folder is a file, its file is a folder, the device is full",
    right="refused before the work begins, or said in a sentence; what is there stays",
)
def test_where_nothing_can_be_written_is_said_before_the_work(watched: Any, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("kept")
    for path in (blocked / "result.html", tmp_path):
        done = watched("--report", str(path))
        assert "cannot be written" in sentence(done)
        assert done.stdout == ""
    writable(blocked)
    assert blocked.read_text() == "kept"
    assert writable(tmp_path / "new" / "a.json") == tmp_path / "new" / "a.json"
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("said,truth,x\n" + "".join(f"{n % 2},{n % 2},{n % 7}\n" for n in range(600)))
    options = ["--prediction", "said", "--label", "truth", "--report", "/dev/full"]
    monkeypatch.setattr(sys, "argv", ["driftloop", "watch", str(rows), *options])
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended:
        main()
    signal.signal(signal.SIGTERM, before)
    assert (ended.value.code, capsys.readouterr().err) == (ExitCode.ERROR, "driftloop: No space left on device.\n")


def test_a_column_of_no_rows_is_no_class() -> None:
    nothing = pa.array([None, None], pa.string())
    assert _spelled_as_said(nothing, pa.array(["1", "0"])).to_pylist() == [None, None]
    assert _spelled_as_said(pa.array(["true", None, "x"]), pa.array(["1", "0"])).to_pylist() == ["1", None, "x"]
