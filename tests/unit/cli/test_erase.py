"""Erasure: rows leave the archive, golden sets and dead letters, and lineage says who had learnt from them."""

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from uuid import uuid4

import fsspec
import msgspec
import pyarrow as pa
import pyarrow.parquet
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from driftloop.archive import erasing
from driftloop.archive.erasing import Wanted, erase_rows, erasures, find_rows, ranges_of
from driftloop.archive.reading import newest_rows
from driftloop.archive.schema import ARCHIVE_SCHEMA, PARTITION_BY, values_of
from driftloop.contracts.archive_erasures import RowsErased
from driftloop.contracts.message import FramePosition
from driftloop.contracts.topics import ARCHIVE_ERASURES
from driftloop.contracts.training_requests import DataRule, TrainingRequest
from driftloop.contracts.training_results import TrainingCost, TrainingData, TrainingResult
from driftloop.errors import AwayError, ExitCode, UserError
from driftloop.kafka.admin import dead_letters_topic
from driftloop.kafka.admin.dead_letters_topic import BuriedRecord
from driftloop.kafka.settings import KafkaSettings
from driftloop.testing.records import FakeRecord
from driftloop.tools.cli import erase
from driftloop.tools.cli import models as cli_models
from driftloop.tools.cli.main import app
from driftloop.tools.cli.report import _with_what_is_erased, with_erasures
from driftloop.tools.registry import erased_rows
from driftloop.tools.registry import erasing as registry_erasing
from driftloop.tools.registry import sync as registry_sync
from driftloop.tools.registry.erased_rows import ErasedSince, erased_since
from driftloop.tools.registry.erasing import GoldenRows, golden_rows, write_golden
from driftloop.tools.registry.erasures_told import told_of
from driftloop.tools.registry.lineage import Lineage
from driftloop.tools.registry.view import RegistryView, VersionInfo
from operations_console.adapters.reports import html
from operations_console.core.report import Report, markdown, report
from operations_console.core.telling import detail_told
from operations_console.core.view.fleet import FleetView
from operations_console.core.view.model_view import ModelView

from .test_archive import row

AT = datetime(2026, 2, 1, tzinfo=UTC)
ANA = Wanted("pricing", segment=("customer", "o'ana"))


@pytest.fixture
def archive(tmp_path: Path) -> str:
    rows = [row("pricing", 1 + number % 3, number) for number in range(12)] + [row("other", 2, 99)]
    for one in rows:
        one["segments"] = [("customer", "o'ana" if one["frame_offset"] in (3, 4, 9, 99) else "ben")]
    uri = str(tmp_path / "lake")
    write_deltalake(uri, pa.Table.from_pylist(rows, schema=ARCHIVE_SCHEMA), partition_by=PARTITION_BY)
    return uri


def reported(model_id: str, until: datetime) -> Report:
    view = ModelView(model_id)
    return report([view], until - timedelta(days=7), until)


@pytest.mark.parametrize(
    ("later", "rows"), [(timedelta(days=1), [3]), (timedelta(days=8), []), (-timedelta(days=1), [])]
)
def test_a_report_says_what_was_erased_in_its_span(archive, later, rows):
    erase_rows(archive, find_rows(archive, ANA), lambda: AT, safety_hours=0)
    told = with_erasures(reported("pricing", AT + later), archive)
    assert [one.rows for one in told.models[0].erased] == rows
    sentence = "2026-02-01 00:00: 3 rows were erased. `driftloop models show pricing` says"
    assert (sentence in markdown(told)) is bool(rows)
    assert ("3 rows were erased" in html(told)) is bool(rows)
    assert with_erasures(reported("other", AT + later), archive).models[0].erased == []


def test_a_report_without_an_archive_is_as_it_was(tmp_path, monkeypatch, capsys):
    told, nothing = reported("pricing", AT), tmp_path / "nothing"
    with pytest.raises(UserError, match="There is no archive at"):
        _with_what_is_erased(told, str(nothing), nothing)
    assert _with_what_is_erased(told, None, tmp_path) == told, "a folder that the archive has not begun yet"
    (tmp_path / "_delta_log").mkdir()
    (tmp_path / "_delta_log" / "00000000000000000000.json").write_text("{")
    assert _with_what_is_erased(told, None, tmp_path) == told
    assert "The report does not say what was erased." in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "deltalake", None)  # an installation that reads no archive
    assert _with_what_is_erased(told, None, nothing) == told


def data(first: int, last: int) -> TrainingData:
    ends = (FramePosition(partition=0, offset=offset) for offset in (first, last))
    return TrainingData(first=next(ends), last=next(ends), rows=10, sha256="0" * 64)


def test_rows_of_a_segment_leave_the_archive_and_are_remembered_by_their_frames_alone(archive):
    found = find_rows(archive, ANA)
    assert (found.prediction_ids, found.rows) == (("p3", "p4", "p9"), 3)
    erase_rows(archive, found, lambda: AT, safety_hours=0)
    assert sorted(newest_rows(archive, "pricing", 99).prediction_ids) == sorted(
        f"p{number}" for number in range(12) if number not in (3, 4, 9)
    )
    assert newest_rows(archive, "other", 99).prediction_ids == ["p99"], "another model's rows stay"
    (kept,) = erasures(archive, "pricing")
    assert (kept.rows, kept.at) == (3, AT)
    assert [kept.rows_of(data(first, last)) for first, last in ((0, 11), (4, 9), (5, 8), (9, 9))] == [3, 2, 0, 1]
    told = json.dumps(DeltaTable(archive).metadata().configuration)
    assert "ana" not in told
    assert "p3" not in told
    log = [json.loads(line) for path in Path(archive).glob("_delta_log/*.json") for line in path.open()]
    commits = json.dumps([line["commitInfo"] for line in log if "commitInfo" in line])
    assert "DELETE" in commits
    assert not [one for one in ("p3", "p4", "p9", "ana") if one in commits], "Delta keeps conditions in its log"
    left = {path.name for path in Path(archive).rglob("*.parquet")}
    assert left == {Path(one).name for one in DeltaTable(archive).file_uris()}, "no file holds them any more"


def test_an_erasure_that_died_half_way_is_done_again_and_told_once(archive, monkeypatch):
    found = find_rows(archive, Wanted("pricing", ("p3", "p5", "p5", "nobody")))
    delete = DeltaTable.delete
    monkeypatch.setattr(DeltaTable, "delete", lambda *_: (_ for _ in ()).throw(OSError("away")))
    with pytest.raises(OSError, match="away"):
        erase_rows(archive, found, lambda: AT)
    monkeypatch.setattr(DeltaTable, "delete", delete)
    erase_rows(archive, find_rows(archive, found.wanted), lambda: AT)
    assert [one.rows for one in erasures(archive, "pricing")] == [2]
    assert find_rows(archive, found.wanted).rows == 0


def test_files_of_refused_commits_go_too_but_none_that_may_be_under_way(archive):
    some = next(Path(archive).rglob("*.parquet"))
    old, young = (some.with_name(f"part-00000-{name}-c000.snappy.parquet") for name in ("old", "young"))
    for file in (old, young):
        file.write_bytes(some.read_bytes())
    os.utime(old, (some.stat().st_mtime - 48 * 3600,) * 2)
    erase_rows(archive, find_rows(archive, ANA), lambda: AT, safety_hours=0)
    assert old.exists()
    erase_rows(archive, find_rows(archive, ANA), lambda: AT, safety_hours=24)
    assert (old.exists(), young.exists()) == (False, True)


@pytest.mark.parametrize("times", [1, 9])
def test_an_erasure_goes_on_where_others_change_the_table_meanwhile(archive, monkeypatch, times):
    found, delete, calls = find_rows(archive, ANA), DeltaTable.delete, []

    def meanwhile(self, condition):
        calls.append(condition)
        if len(calls) <= times:
            for number in range(2):
                more = [row("pricing", 1, 100 * len(calls) + number)]
                write_deltalake(archive, pa.Table.from_pylist(more, schema=ARCHIVE_SCHEMA), mode="append")
            DeltaTable(archive).optimize.compact()
        return delete(self, condition)

    monkeypatch.setattr(DeltaTable, "delete", meanwhile)
    if times > 3:
        with pytest.raises(AwayError, match="run the command again"):
            erase_rows(archive, found, lambda: AT)
        return
    erase_rows(archive, found, lambda: AT)
    assert find_rows(archive, ANA).rows == 0
    assert [one.rows for one in erasures(archive, "pricing")] == [3]


def test_a_row_of_another_with_the_same_id_stays(tmp_path):
    rows = [row("pricing", 1, number) for number in range(3)]
    for one, (name, customer) in zip(rows, (("p", "ana"), ("p", "ben"), ("q", "ben")), strict=True):
        one |= {"prediction_id": name, "segments": [("customer", customer)]}
    uri = str(tmp_path / "lake")
    write_deltalake(uri, pa.Table.from_pylist(rows, schema=ARCHIVE_SCHEMA), partition_by=PARTITION_BY)
    erase_rows(uri, find_rows(uri, Wanted("pricing", segment=("customer", "ana"))), lambda: AT)
    assert sorted(DeltaTable(uri).to_pyarrow_table()["frame_offset"].to_pylist()) == [1, 2]


@pytest.mark.parametrize("rows_a_frame", [1, pytest.param(12_000, marks=pytest.mark.slow)])
def test_many_rows_go_in_one_commit_and_are_told_once_after_a_crash(tmp_path, monkeypatch, rows_a_frame):
    table = pa.Table.from_pylist([row("pricing", 1, 0)], schema=ARCHIVE_SCHEMA).take([0] * 12_000)
    for name, value in (
        ("frame_offset", [number // rows_a_frame for number in range(12_000)]),
        ("frame_row", [number % rows_a_frame for number in range(12_000)]),
        ("prediction_id", [f"p{number}" for number in range(12_000)]),
    ):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, pa.array(value, ARCHIVE_SCHEMA.field(name).type))
    uri = str(tmp_path / "lake")
    write_deltalake(uri, table, partition_by=PARTITION_BY)
    wanted = Wanted("pricing", tuple(f"p{number}" for number in range(11_000)))
    delete, calls = DeltaTable.delete, []

    def second_dies(self, condition):
        calls.append(condition)
        if len(calls) == 2:
            raise OSError("away")
        return delete(self, condition)

    monkeypatch.setattr(DeltaTable, "delete", second_dies)
    erase_rows(uri, find_rows(uri, wanted), lambda: AT)
    assert len(calls) == 1
    assert [one.rows for one in erasures(uri, "pricing")] == [11_000]
    assert DeltaTable(uri).count() == 1_000


@pytest.mark.parametrize("dies_at", ["letters", "golden set", "archive"])
def test_an_erasure_that_dies_anywhere_finds_all_copies_again(archive, tmp_path, monkeypatch, dies_at):
    unread = BuriedRecord(0, 7, None, b"\x1f\x8b\xff", (), {}, 0)
    letters = [unread, BuriedRecord(0, 1, b"p3", b'{"model_id": "pricing", "prediction_id": "p3"}', (), {}, 0)]
    golden = str(tmp_path / "golden.parquet")
    pyarrow.parquet.write_table(pa.table({"prediction_id": ["p3", "p1"]}), golden)

    def no_broker(*_):
        raise AwayError("no broker answers", ExitCode.BROKER_AWAY)

    def erase_letters(_kafka, _all, places):
        letters[:] = [one for one in letters if (one.partition, one.offset) not in places]

    monkeypatch.setattr(dead_letters_topic, "read_dead_letters", lambda _kafka: [*letters])
    monkeypatch.setattr(dead_letters_topic, "erase_dead_letters", erase_letters)
    monkeypatch.setattr(erase, "_golden", lambda wanted, ids, *_: golden_rows(golden, wanted, ids))
    monkeypatch.setattr(erase, "_kafka", lambda *_: KafkaSettings())
    monkeypatch.setattr(cli_models, "view_of", lambda *_: RegistryView())
    monkeypatch.setattr(registry_sync, "sync", no_broker)

    def run() -> None:
        done = CliRunner().invoke(
            app, ["archive", "erase", "pricing", "--archive-uri", archive, "--where", "customer=o'ana", "--yes"]
        )
        if done.exception is not None:
            raise done.exception
        assert "1 cannot be looked into: look at them yourself (driftloop dlq show: 0:7)" in done.output

    step = {
        "letters": (dead_letters_topic, "erase_dead_letters"),
        "golden set": (registry_erasing, "write_golden"),
        "archive": (DeltaTable, "delete"),
    }
    with monkeypatch.context() as dying:
        dying.setattr(*step[dies_at], lambda *_: (_ for _ in ()).throw(OSError("died")))
        with pytest.raises(OSError, match="died"):
            run()
    run()
    assert letters == [unread]
    assert pyarrow.parquet.read_table(golden)["prediction_id"].to_pylist() == ["p1"]
    assert find_rows(archive, ANA).rows == 0


def test_a_golden_set_is_replaced_whole_behind_its_link_with_its_mode(tmp_path, monkeypatch):
    file, link = tmp_path / "kept.csv", tmp_path / "golden.csv"
    file.write_text("prediction_id,y\np3,1\np4,2\n")
    file.chmod(0o640)
    link.symlink_to(file)
    found = golden_rows(str(link), ANA, ("p3",))
    with monkeypatch.context() as dying:
        dying.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("died")))
        with pytest.raises(OSError, match="died"):
            write_golden(found)
    assert file.read_text() == "prediction_id,y\np3,1\np4,2\n"
    write_golden(found)
    assert (file.read_text(), link.is_symlink()) == ("prediction_id,y\np4,2\n", True)
    assert file.stat().st_mode & 0o777 == 0o640
    assert sorted(one.name for one in tmp_path.iterdir()) == ["golden.csv", "kept.csv"]
    write_golden(GoldenRows("memory://sets/golden.csv", rest=b"x"))
    assert fsspec.open("memory://sets/golden.csv").open().read() == b"x"


@pytest.mark.parametrize("rows_a_frame", [1, pytest.param(100_000, marks=pytest.mark.slow)])
def test_the_condition_of_many_rows_is_neither_deep_nor_long(rows_a_frame):
    condition = erasing._at(
        "pricing", [(0, number // rows_a_frame, number % rows_a_frame) for number in range(100_000)]
    )
    depths = accumulate({"(": 1, ")": -1}.get(letter, 0) for letter in condition)
    assert max(depths) < 25
    assert max(listed.count(",") for listed in condition.split("(")) < 500


@given(
    places=st.dictionaries(st.tuples(st.integers(0, 2), st.integers(0, 60)), st.integers(1, 5), max_size=30),
    most=st.integers(3, 10),
)
def test_ranges_hold_every_row_whatever_their_number(places, most):
    ranges = ranges_of(places, most)
    assert len(ranges) <= max(most, 3)
    assert sum(one.rows for one in ranges) == sum(places.values())
    for partition, offset in places:
        assert [one for one in ranges if one.partition == partition and one.first <= offset <= one.last]


def test_a_golden_set_in_csv_keeps_the_other_lines_byte_for_byte(tmp_path):
    file = tmp_path / "golden.csv"
    file.write_bytes('\ufeffid;customer;y\r\n007;"ben\nb";1,50\r\n008;o\'ana;2\r\n009;ben;3'.encode())
    found = golden_rows(str(file), ANA, ())
    assert (found.rows, found.why_not) == (1, None)
    write_golden(found)
    assert file.read_bytes() == '\ufeffid;customer;y\r\n007;"ben\nb";1,50\r\n009;ben;3'.encode()


def test_a_golden_set_in_parquet_goes_by_its_ids_and_one_without_says_so(tmp_path):
    file = str(tmp_path / "golden.parquet")
    pyarrow.parquet.write_table(pa.table({"prediction_id": ["p1", None, "p3"], "x": [1.0, 2.0, 3.0]}), file)
    write_golden(golden_rows(file, ANA, ("p3", "p9")))
    assert pyarrow.parquet.read_table(file).to_pydict() == {"prediction_id": ["p1", None], "x": [1.0, 2.0]}
    pyarrow.parquet.write_table(pa.table({"x": [1.0]}), file)
    assert "no column that tells whose" in (golden_rows(file, ANA, ("p3",)).why_not or "")
    assert "cannot be read" in (golden_rows(str(tmp_path / "none.csv"), ANA, ()).why_not or "")


def test_the_command_changes_nothing_without_yes_and_says_what_stays(archive, tmp_path):
    def run(*more: str) -> str:
        done = CliRunner().invoke(
            app, ["archive", "erase", "pricing", "--archive-uri", archive, "--home", str(tmp_path / "home"), *more]
        )
        assert done.exit_code == 0, done.output
        return done.output

    told = run("--where", "customer=o'ana")
    assert "3 rows, of 2026-01-01 to 2026-01-02 would be erased" in told
    assert "Nothing was changed" in told
    assert "prediction-outcomes 7 days" in told
    assert "folders of training runs: not looked at" in told
    assert find_rows(archive, ANA).rows == 3
    assert json.loads(run("--prediction-id", "p3", "--prediction-id", "p4", "--yes", "--json"))["archive"]["rows"] == 2
    assert find_rows(archive, ANA).rows == 1


@pytest.mark.parametrize(
    "more", [[], ["--prediction-id", "p", "--where", "a=b"], ["--where", "a"], ["--where", "=b"], ["--where", "a="]]
)
def test_it_has_to_be_said_which_rows(archive, more):
    done = CliRunner().invoke(app, ["archive", "erase", "pricing", "--archive-uri", archive, *more])
    assert done.exit_code != 0


def story(version: str, asked: datetime, base: str | None = None) -> Lineage:
    """A version that learnt from the frames 0 to 11, and was asked for at a moment."""
    run = uuid4()
    here = FramePosition(partition=0, offset=11)
    envelope = {"message_id": run, "model_id": "pricing", "occurred_at": asked}
    request = TrainingRequest(
        **envelope, version=version, spec_version=1, learner="linear", data=DataRule(until=here, rows=10), reason="r",
        mode="incremental" if base else "full", base_version=base,
    )  # fmt: skip
    result = TrainingResult(
        **envelope, run_id=run, status="succeeded", version=version, artifact="a", artifact_sha256="0" * 64,
        data=data(0, 11), cost=TrainingCost(seconds=1, cpu_seconds=1),
    )  # fmt: skip
    known = VersionInfo("pricing", version, "archived", run, 1, "a", None, None, None, asked)
    return Lineage(known, (), None, request, result, (), ())


def test_a_version_that_was_asked_for_after_the_rows_had_gone_did_not_learn_from_them(archive, monkeypatch):
    hour = timedelta(hours=1)
    before, while_going, after = (AT + hours * hour for hours in (-1, 1, 3))
    old = story("1.0.0", before)
    monkeypatch.setattr(erased_rows, "lineage", lambda *_: old)
    moments = iter([AT, AT + 2 * hour])
    found = find_rows(archive, ANA)
    with monkeypatch.context() as dying:
        dying.setattr(DeltaTable, "delete", lambda *_: (_ for _ in ()).throw(OSError("died")))
        with pytest.raises(OSError, match="died"):
            erase_rows(archive, found, lambda: AT)

    def told(one: Lineage) -> list[tuple[str, int, bool]]:
        view = RegistryView()
        try:
            return [(e.version, e.rows, e.itself) for e in erased_since(view, one, archive)]
        finally:
            view.close()

    assert told(story("3.0.0", after)) == [("3.0.0", 3, True)], "it died: nobody knows how long the rows were there"
    erase_rows(archive, find_rows(archive, ANA), lambda: next(moments))
    assert told(old) == [("1.0.0", 3, True)]
    assert told(story("2.0.0", while_going)) == [("2.0.0", 3, True)]
    assert told(story("3.0.0", after)) == []
    assert told(story("3.0.0", after, base="1.0.0")) == [("1.0.0", 3, False)]


def test_rows_that_came_back_and_are_erased_again_are_done_when_that_is(archive):
    erase_rows(archive, find_rows(archive, ANA), lambda: AT)
    back = [row("pricing", 1 + number % 3, number) | {"segments": [("customer", "o'ana")]} for number in (3, 4, 9)]
    write_deltalake(archive, pa.Table.from_pylist(back, schema=ARCHIVE_SCHEMA), mode="append")
    erase_rows(archive, find_rows(archive, ANA), lambda: AT + timedelta(days=9))
    assert [(one.at, one.done) for one in erasures(archive, "pricing")] == [(AT, AT + timedelta(days=9))]


def test_lineage_says_who_learnt_from_them():
    one = ErasedSince("1.0.1", 3, AT, itself=True)
    assert one.words == "learnt from rows that were erased since: 3 on 2026-02-01"
    assert ErasedSince("1.0.0", 3, AT, itself=False).words.startswith("goes on from 1.0.0, which learnt from rows")


def told_as(archive: str, view: RegistryView) -> list[RowsErased]:
    return [told_of(one, view) for one in erasures(archive, "pricing")]


def test_what_the_log_is_told_of_an_erasure_says_nothing_of_a_person_and_has_one_id(archive):
    view = RegistryView()
    erase_rows(archive, find_rows(archive, ANA), lambda: AT, safety_hours=0)
    (first,), (again,) = told_as(archive, view), told_as(archive, view)
    view.close()
    assert first == again
    assert (first.rows, first.began_at, first.occurred_at, first.versions) == (3, AT, AT, ())
    assert not [word for word in ("ana", "customer", "p3", "p4", "p9") if word in first.to_json().decode()]


@pytest.mark.parametrize("before", [{"done"}, set()], ids=["as an earlier release wrote it", "of today"])
def test_an_erasure_that_an_earlier_release_remembered_is_told_too(archive, before, monkeypatch):
    erase_rows(archive, find_rows(archive, ANA), lambda: AT)
    facts = json.loads(DeltaTable(archive).metadata().configuration[erasing.PROPERTY])
    kept = {name: {key: one[key] for key in one if key not in before} for name, one in facts.items()}
    DeltaTable(archive).alter.set_table_properties({erasing.PROPERTY: json.dumps(kept)}, raise_if_not_exists=False)
    view = RegistryView()
    (told,) = told_as(archive, view)
    view.close()
    assert (told.rows, told.began_at) == (3, None if before else AT)


def test_a_report_has_each_erasure_once_from_the_log_or_from_the_archive(archive):
    erase_rows(archive, find_rows(archive, ANA), lambda: AT)
    view = RegistryView()
    (told,) = told_as(archive, view)
    view.close()
    fleet = FleetView()
    for number in range(2):
        record = FakeRecord(ARCHIVE_ERASURES, key="pricing", value=told.to_json(), at_offset=number)
        line = fleet.take(record)
        assert (line is None) is bool(number), "told twice, and seen once"
    erase_rows(archive, find_rows(archive, Wanted("pricing", ("p5",))), lambda: AT + timedelta(hours=1))
    model = fleet.models["pricing"]
    model.erasures[told.erasure] = msgspec.structs.replace(model.erasures[told.erasure], versions=("1.0.0", "1.0.1"))
    until = AT + timedelta(days=1)
    whole = with_erasures(report([model], AT - timedelta(days=7), until), archive)
    assert [(one.rows, one.versions) for one in whole.models[0].erased] == [(3, ["1.0.0", "1.0.1"]), (1, [])]
    sentence = "3 rows were erased, from which 1.0.0, 1.0.1 had learnt. `driftloop models show pricing`"
    assert sentence in markdown(whole)
    assert "3 rows were erased, from which 1.0.0, 1.0.1 had learnt" in html(whole)
    assert [one.rows for one in detail_told(model).erasures] == [3]
    assert not report([model], AT - timedelta(days=7), AT - timedelta(days=1)).models[0].erased


def test_who_erases_without_a_kafka_is_told_that_nobody_was_told(archive):
    done = CliRunner().invoke(
        app, ["archive", "erase", "pricing", "--archive-uri", archive, "--prediction-id", "p5", "--yes"]
    )
    assert "consoles and reports: not told, no Kafka is named" in done.output


def test_values_of_a_series_go_with_the_rows_of_their_model(tmp_path):
    series = values_of("pricing")
    rows = [row("pricing", 1, 0), row(series, 1, 1), row(series, 2, 2), row(values_of("other"), 1, 3)]
    for one in rows:
        one["segments"] = [("customer", "o'ana" if one["frame_offset"] != 2 else "ben")]
    uri = str(tmp_path / "lake")
    write_deltalake(uri, pa.Table.from_pylist(rows, schema=ARCHIVE_SCHEMA), partition_by=PARTITION_BY)
    found = find_rows(uri, ANA)
    erase_rows(uri, found, lambda: AT, safety_hours=0)
    left = DeltaTable(uri).to_pyarrow_table(columns=["model_id", "frame_offset"]).to_pylist()
    assert sorted((one["model_id"], one["frame_offset"]) for one in left) == [("other/observations", 3), (series, 2)]
    assert [(one.model_id, one.rows) for one in erasures(uri)] == [("pricing", 2)], "told as rows of the model"
