import shutil
from datetime import datetime, timedelta

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, QueryBuilder, Transaction, write_deltalake
from prometheus_client import CollectorRegistry

from driftloop.archive import archived_until, read_rows
from driftloop.archive.schema import ARCHIVE_SCHEMA, PARTITION_BY, app_id, as_archived
from driftloop.contracts.message import FramePosition
from driftloop.errors import UserError
from driftloop.testing.records import FakeRecord
from outcome_ingestion.adapters import delta
from outcome_ingestion.adapters.delta import DeltaSink
from outcome_ingestion.core.archive.archiving import Archive
from outcome_ingestion.core.archive.rows import ArchiveBatch
from outcome_ingestion.metrics import ArchiveMetrics


def sink_at(folder, **how):
    return DeltaSink(str(folder), ArchiveMetrics(CollectorRegistry()), **how)


class Frames:
    """Runs rows through ingestion and gives the frame records, offsets counting up."""

    def __init__(self, bench):
        self.bench, self.offset = bench, -1

    def of(self, *records):
        effects = self.bench.feed(records)
        made = []
        for out in effects.outgoing:
            self.offset += 1
            made.append(
                FakeRecord("outcome-frames", key=out.key, value=out.value, headers=out.headers, at_offset=self.offset)
            )
        return made


@pytest.fixture
def frames(bench):
    return Frames(bench)


def at(offset):
    return FramePosition(partition=0, offset=offset)


def test_labelled_rows_are_archived_and_read_back_in_order(tmp_path, frames, make, row, moment, bench):
    archive = Archive(sink_at(tmp_path))
    first = frames.of(
        *(make.outcome(row(n, label=n, labelled_at=moment(n), weight=2.0 if n == 1 else ...)) for n in range(3)),
        make.outcome(row(3)),
    )
    second = frames.of(make.label(3, 30.0, 60), make.outcome(row(4, label=4.0, features={"speed": 1.0})))
    for batch in (first, second):
        archive.process(batch, None)
    found = read_rows(str(tmp_path), "plant", at(second[-1].offset()), 4)
    assert found.prediction_ids == ["p1", "p2", "p3", "p4"]
    assert found.label("d50", "number").tolist() == [1.0, 2.0, 30.0, 4.0]
    assert found.feature("speed", "number").tolist() == [11.0, 12.0, 13.0, 1.0]
    assert found.feature("energy", "number")[:3].tolist() == pytest.approx([2.2, 2.4, 2.6])
    assert str(found.feature("rate", "number").tolist()) == "[200.0, 200.0, 200.0, nan]"
    assert found.prediction("d50", "number").tolist() == [1.5] * 4
    assert str(found.weights.tolist()) == "[2.0, nan, nan, nan]"
    assert found.label_sources.tolist() == ["system"] * 4
    assert found.frame_offsets.tolist() == [0, 0, 1, 1]
    assert read_rows(str(tmp_path), "plant", at(0), 100).prediction_ids == ["p0", "p1", "p2"]
    assert archived_until(str(tmp_path), 0) == 2


def test_a_table_of_an_earlier_release_gets_the_column_of_ratings(tmp_path, frames, make, row, moment):
    archive = Archive(sink_at(tmp_path))
    archive.process(frames.of(make.outcome(row(1, label=1.0, labelled_at=moment(60)))), None)
    lacking = [name for name in ARCHIVE_SCHEMA.names if name != "rating"]
    old = as_archived(pa.table(QueryBuilder().register("t", DeltaTable(tmp_path)).execute("SELECT * FROM t")))
    shutil.rmtree(tmp_path)
    write_deltalake(
        tmp_path,
        old.select(lacking),
        partition_by=PARTITION_BY,
        commit_properties=CommitProperties(app_transactions=[Transaction(app_id(0), 1)]),
    )
    plain = frames.of(make.outcome(row(3, label=3.0, labelled_at=moment(60))), make.label(1, 6, 80))
    Archive(sink_at(tmp_path)).process(plain, None)
    assert "rating" not in [field.name for field in DeltaTable(tmp_path).schema().fields], "nobody has rated yet"
    rated = frames.of(
        make.outcome(row(2, label=2.0, labelled_at=moment(60), rating=0.5)), make.label(1, 7, 90, rating=0)
    )
    assert read_rows(str(tmp_path), "plant", at(0), 5).table["rating"].to_pylist() == [None]
    Archive(sink_at(tmp_path)).process(rated, None)
    found = read_rows(str(tmp_path), "plant", at(rated[-1].offset()), 5)
    assert dict(zip(found.prediction_ids, found.table["rating"].to_pylist(), strict=True)) == {
        "p1": 0.0,
        "p3": None,
        "p2": 0.5,
    }


@pytest.mark.parametrize("together", [True, False])
def test_a_correction_without_a_rating_leaves_the_one_that_was_given(tmp_path, frames, make, row, moment, together):
    feeds = [
        [make.outcome(row(n, label=1.0, labelled_at=moment(60), rating=0.75)) for n in (1, 2, 3)],
        [make.label(1, 2, 80), make.label(2, 2, 80, rating=0.25), make.label(2, 3, 90)],
    ]
    batches = [frames.of(*feed) for feed in feeds]
    archive = Archive(sink_at(tmp_path))
    for batch in [[*batches[0], *batches[1]]] if together else batches:
        archive.process(batch, None)
    found = read_rows(str(tmp_path), "plant", at(batches[-1][-1].offset()), 5)
    assert dict(zip(found.prediction_ids, found.table["rating"].to_pylist(), strict=True)) == {
        "p1": 0.75, "p2": 0.25, "p3": 0.75,
    }  # fmt: skip
    assert found.label("d50", "number").tolist() == [2.0, 3.0, 1.0]


RATED = [
    ["1", "2", "3"], ["label 1", "rate 1 0.5", "rate 2 0", "rate 3 1"],
    ["label 2", "rate 1 0.25", "again 1 0.75", "rate 1 0.1", "again 1"],
]  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 4, 10])
def test_a_rating_alone_is_set_in_the_row_that_is_there_and_adds_none(tmp_path, frames, make, row, size):
    def record(step, at):
        kind, number, value = (*step.split(), None, None)[:3]
        if kind.isdigit():
            return make.outcome(row(int(kind)))
        told = {} if value is None else {"rating": float(value)}
        return make.label(int(number), None if kind == "rate" else at, at, **told)

    batches, at = [], 100
    for feed in RATED:
        for step in feed:
            at += 1
            batches += frames.of(record(step, at))
    archive = Archive(sink_at(tmp_path))
    for first in range(0, len(batches), size):
        archive.process(batches[first : first + size], None)
        archive.process(batches[first : first + size], None)
        archive = Archive(sink_at(tmp_path))
    found = read_rows(str(tmp_path), "plant", at_offset(batches), 20)
    assert dict(zip(found.prediction_ids, found.table["rating"].to_pylist(), strict=True)) == {"p1": 0.1, "p2": 0.0}
    assert found.label("d50", "number").tolist() == [112.0, 108.0], "a rating changes no label"


def at_offset(batches):
    return at(batches[-1].offset())


def test_categories_segments_and_several_targets_are_kept(tmp_path, frames, make):
    archive = Archive(sink_at(tmp_path))
    base = {"model_version": "1.0.0", "predicted_at": "2026-01-05T08:00:00Z", "prediction_id": "r1"}
    rain = {"model_id": "rain", "features": {"wind": 1, "town": 7}, "prediction": True, "label": False}
    grains = {"model_id": "granule", "features": {"speed": 1}, "prediction": {"d50": 1, "grade": "a"}}
    grains |= {"label": {"d50": 2, "grade": "b"}}
    archive.process(
        frames.of(make.outcome(base | rain | {"segment": {"region": "north"}}), make.outcome(base | grains)), None
    )
    found = read_rows(str(tmp_path), "rain", at(9), 10)
    assert found.feature("town", "category").tolist() == ["7"]
    assert found.label("rain", "category").tolist() == ["false"]
    assert found.segment("region").tolist() == ["north"]
    found = read_rows(str(tmp_path), "granule", at(9), 10)
    assert (found.label("d50", "number")[0], found.label("grade", "category")[0]) == (2.0, "b")
    assert (found.prediction("d50", "number")[0], found.prediction("grade", "category")[0]) == (1.0, "a")


def test_frames_that_come_again_change_nothing(tmp_path, frames, make, row, moment):
    records = [frames.of(make.outcome(row(n, label=1.0, labelled_at=moment(n))))[0] for n in range(5)]
    Archive(sink_at(tmp_path)).process(records[:3], None)
    again = Archive(sink_at(tmp_path)).process(records[1:], None)
    assert again.ignored == {"already_archived": 2}
    assert read_rows(str(tmp_path), "plant", at(9), 100).prediction_ids == [f"p{n}" for n in range(5)]


def test_frames_without_a_label_advance_the_archive_too(tmp_path, frames, make, row):
    Archive(sink_at(tmp_path)).process(frames.of(make.outcome(row(1))), None)
    assert archived_until(str(tmp_path), 0) == 1
    assert len(read_rows(str(tmp_path), "plant", at(9), 10)) == 0


def test_a_correction_replaces_the_label_where_the_row_stands(tmp_path, frames, make, row, moment):
    archive = Archive(sink_at(tmp_path))
    archive.process(frames.of(*(make.outcome(row(n, label=1.0, labelled_at=moment(n))) for n in range(3))), None)
    archive.process(frames.of(make.label(1, 9.0, 600, label_source="user")), None)
    together = frames.of(make.outcome(row(3, label=1.0, labelled_at=moment(3))), make.label(3, 5.0, 600))
    later = frames.of(make.label(3, 6.0, 700), make.label(0, 7.0, 600))
    archive.process(together + later, None)
    found = read_rows(str(tmp_path), "plant", at(99), 10)
    assert found.prediction_ids == ["p0", "p1", "p2", "p3"]
    assert found.label("d50", "number").tolist() == [7.0, 9.0, 1.0, 6.0]
    assert found.label_sources.tolist() == ["system", "user", "system", "system"]


def test_a_correction_of_a_row_that_is_not_there_adds_it(tmp_path, frames, make, row, moment):
    frames.of(make.outcome(row(1, label=1.0, labelled_at=moment(1))))
    Archive(sink_at(tmp_path)).process(frames.of(make.label(1, 9.0, 600)), None)
    assert read_rows(str(tmp_path), "plant", at(99), 10).label("d50", "number").tolist() == [9.0]


def test_a_crash_between_merge_and_append_is_mended(tmp_path, frames, make, row, moment, monkeypatch):
    archive = Archive(sink_at(tmp_path))
    archive.process(frames.of(make.outcome(row(1, label=1.0, labelled_at=moment(1)))), None)
    records = frames.of(make.label(1, 9.0, 600), make.outcome(row(2, label=2.0, labelled_at=moment(2))))

    def crash(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("outcome_ingestion.adapters.delta.write_deltalake", crash)
        with pytest.raises(KeyboardInterrupt):
            archive.process(records, None)
    Archive(sink_at(tmp_path)).process(records, None)
    found = read_rows(str(tmp_path), "plant", at(99), 10)
    assert found.label("d50", "number").tolist() == [9.0, 2.0]


def test_a_slow_store_that_ends_the_archive_in_a_large_batch_keeps_what_it_has_taken(
    tmp_path, frames, make, row, moment, monkeypatch
):
    monkeypatch.setattr("outcome_ingestion.core.archive.archiving.ROWS_A_WRITE", 2)
    records = [frames.of(make.outcome(row(n, label=1.0, labelled_at=moment(n))))[0] for n in range(5)]
    sink, write = sink_at(tmp_path), sink_at(tmp_path).write
    writes = []

    def slow(part):
        if len(writes) == 2:
            raise KeyboardInterrupt
        writes.append(len(part))
        write(part)

    monkeypatch.setattr(sink, "write", slow)
    with pytest.raises(KeyboardInterrupt):
        Archive(sink).process(records, None)
    assert writes == [2, 2]
    again = Archive(sink_at(tmp_path)).process(records, None)
    assert again.ignored == {"already_archived": 4}
    assert read_rows(str(tmp_path), "plant", at(99), 10).prediction_ids == [f"p{n}" for n in range(5)]


def test_a_crash_after_the_append_writes_nothing_twice(tmp_path, frames, make, row, moment):
    records = frames.of(make.outcome(row(1, label=1.0, labelled_at=moment(1))))
    Archive(sink_at(tmp_path)).process(records, None)
    more = frames.of(make.outcome(row(2, label=2.0, labelled_at=moment(2))))
    Archive(sink_at(tmp_path)).process(records + more, None)
    assert read_rows(str(tmp_path), "plant", at(99), 10).prediction_ids == ["p1", "p2"]


def one_row(frames, make, row, moment, number):
    return frames.of(make.outcome(row(number, label=1.0, labelled_at=moment(number))))[0]


def placed(record, partition, offset):
    return FakeRecord(
        record.topic(),
        key=record.key(),
        value=record.value(),
        headers=tuple(record.headers()),
        at_partition=partition,
        at_offset=offset,
    )


class InTheWay:
    """What another replica does just before the next append."""

    def __init__(self, monkeypatch, deed):
        self._deed, self._write = deed, delta.write_deltalake
        monkeypatch.setattr(delta, "write_deltalake", self)

    def __call__(self, *args, **kwargs):
        deed, self._deed = self._deed, lambda: None
        deed()
        self._write(*args, **kwargs)


def test_a_replica_that_was_overtaken_appends_only_what_the_other_has_not(
    tmp_path, frames, make, row, moment, monkeypatch
):
    mine = [one_row(frames, make, row, moment, number) for number in range(4)]
    elsewhere = [placed(one_row(frames, make, row, moment, number), 1, number) for number in range(4, 6)]
    first = sink_at(tmp_path, pause=lambda _: None)
    Archive(first).process(mine[:1], None)
    InTheWay(monkeypatch, lambda: Archive(sink_at(tmp_path)).process(mine[:3], None))
    Archive(first).process([*mine, *elsewhere], None)
    found = QueryBuilder().register("rows", DeltaTable(tmp_path)).execute("select prediction_id from rows").read_all()
    assert sorted(found["prediction_id"].to_pylist()) == [f"p{number}" for number in range(6)]
    assert archived_until(str(tmp_path), 0) == 4


def test_a_replica_that_was_overtaken_while_it_merged_appends_nothing_twice(
    tmp_path, frames, make, row, moment, monkeypatch
):
    before = one_row(frames, make, row, moment, 0)
    both = [*frames.of(make.label(0, 9.0, 600)), one_row(frames, make, row, moment, 1)]
    Archive(sink_at(tmp_path)).process([before], None)
    merge, done = delta._merge, []

    def overtaken(*args):
        if not done:
            done.append(True)
            Archive(sink_at(tmp_path)).process(both, None)
        merge(*args)

    monkeypatch.setattr(delta, "_merge", overtaken)
    Archive(sink_at(tmp_path, pause=lambda _: None)).process(both, None)
    found = read_rows(str(tmp_path), "plant", at(99), 10)
    assert found.prediction_ids == ["p0", "p1"]
    assert found.label("d50", "number").tolist() == [9.0, 1.0]


def test_what_is_no_frame_is_buried_again_where_a_crash_took_its_dead_letter(tmp_path, frames, make, row, moment):
    good = [placed(one_row(frames, make, row, moment, number), 0, 2 * number) for number in range(2)]
    bad = FakeRecord("outcome-frames", key="plant", value=b"rubbish", at_offset=1)
    batch = [good[0], bad, good[1]]
    Archive(sink_at(tmp_path)).process(batch, None)
    again = Archive(sink_at(tmp_path)).process(batch, None)
    assert [letter.record for letter in again.dead_letters] == [bad]
    assert again.ignored == {"already_archived": 2}


def test_a_store_that_cannot_be_written_is_tried_again_and_then_named(tmp_path, frames, make, row, moment):
    (tmp_path / "file").write_text("in the way")
    pauses = []
    sink = sink_at(tmp_path / "file" / "lake", retry_seconds=0.5, pause=pauses.append)
    with pytest.raises(UserError, match="cannot be written"):
        Archive(sink).process(frames.of(make.outcome(row(1, label=1.0, labelled_at=moment(1)))), None)
    assert pauses


def test_small_files_are_joined_now_and_then(tmp_path, frames, make, row, moment):
    archive = Archive(sink_at(tmp_path, compact_every=10))
    for n in range(20):
        archive.process(frames.of(make.outcome(row(n, label=1.0, labelled_at=moment(n)))), None)
    assert len(DeltaTable(tmp_path).file_uris()) == 1
    assert archived_until(str(tmp_path), 0) == 20
    assert read_rows(str(tmp_path), "plant", at(99), 3).prediction_ids == ["p17", "p18", "p19"]


def test_what_is_no_frame_is_buried(tmp_path, frames, make, row):
    good = frames.of(make.outcome(row(1)))[0]
    bad = [
        FakeRecord("outcome-frames", key="plant", value=value, headers=headers, at_offset=5 + n)
        for n, (value, headers) in enumerate([(b"rubbish", good.headers()), (None, ()), (good.value(), ())])
    ]
    effects = Archive(sink_at(tmp_path)).process([good, *bad], None)
    assert [d.error_class for d in effects.dead_letters] == ["Undecodable"] * 3


def test_there_is_nothing_to_read_where_there_is_no_table(tmp_path):
    assert archived_until(str(tmp_path / "none"), 3) == 0
    assert len(read_rows(str(tmp_path / "none"), "plant", at(9), 10)) == 0


def test_an_empty_batch_of_rows_is_typed():
    assert ArchiveBatch().appends.schema.field("day").type == pa.date32()


def test_days_past_retention_are_dropped_once_a_day_and_progress_stays(tmp_path, frames, make, row, moment):
    today = datetime.fromisoformat(moment(0))
    long_ago = (today - timedelta(days=3)).isoformat()
    old = frames.of(make.outcome(row(0, label=0.0, predicted_at=long_ago, labelled_at=long_ago)))
    Archive(sink_at(tmp_path)).process(old, None)
    assert read_rows(str(tmp_path), "plant", at(old[-1].offset()), 9).prediction_ids == ["p0"]
    new = frames.of(make.outcome(row(1, label=1.0, labelled_at=moment(0))))
    Archive(sink_at(tmp_path, retention_days=1, now=lambda: today)).process(new, None)
    assert read_rows(str(tmp_path), "plant", at(new[-1].offset()), 9).prediction_ids == ["p1"]
    assert archived_until(str(tmp_path), 0) == new[-1].offset() + 1
