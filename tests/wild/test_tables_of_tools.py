"""Tables as other tools leave them: types, folders and pipes that a reader of plain files takes for something else."""

import bz2
import decimal
import http.server
import os
import threading
import uuid
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import csv, feather, parquet

from driftloop.errors import ExitCode, UserError
from driftloop.files.opening import open_table
from driftloop.files.options import FileOptions
from driftloop.files.sources import find_sources

START = datetime(2024, 1, 1, tzinfo=UTC)


def rows(first, last):
    return pa.table({"n": list(range(first, last)), "at": [START + timedelta(minutes=i) for i in range(first, last)]})


def told(*values):
    """A mark for the table of odd input."""
    return pytest.mark.wild(area="files", given=values[0], right=values[1])


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "table").mkdir()
    return tmp_path / "table"


@told(
    "a Delta table with rows that were deleted and replaced",
    "the rows that it holds now; files of the others count not",
)
@pytest.mark.parametrize("partitions", [None, ["city"]])
def test_a_delta_table_is_what_its_log_says(folder, partitions):
    table = rows(0, 60).append_column("city", pa.array(["New York", None, "Köln"] * 20))
    write_deltalake(str(folder), table.slice(0, 30), partition_by=partitions)
    write_deltalake(str(folder), table, mode="overwrite", partition_by=partitions)
    DeltaTable(str(folder)).delete("n < 9")
    read = open_table(folder).data
    assert sorted(read["n"].to_pylist()) == list(range(9, 60))
    assert dict(zip(read["n"].to_pylist(), read["city"].to_pylist(), strict=True)) == {
        n: ["New York", None, "Köln"][n % 3] for n in range(9, 60)
    }


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.sampled_from(["append", "overwrite"]), st.integers(1, 9)),
            st.tuples(st.just("delete"), st.integers(0, 40)),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_a_delta_table_of_any_history_has_the_rows_that_are_left_in_the_order_of_their_commits(tmp_path_factory, steps):
    where = str(tmp_path_factory.mktemp("delta"))
    write_deltalake(where, rows(0, 1))
    held, told_so_far = [0], 1
    for what, number in steps:
        if what == "delete":
            DeltaTable(where).delete(f"n = {number}")
            held = [n for n in held if n != number]
            continue
        written = list(range(told_so_far, told_so_far + number))
        write_deltalake(where, rows(told_so_far, told_so_far + number), mode=what)
        told_so_far += number
        held = written if what == "overwrite" else held + written
    if held:
        assert sorted(open_table(where).data["n"].to_pylist()) == held


@told(
    "a Delta table whose files were put together (OPTIMIZE), or written anew by DELETE, UPDATE, MERGE",
    "a note: rows may not be in the order in which they came, and `--time` sorts them",
)
@pytest.mark.parametrize("way", ["compact", "delete", "compact, then appended", "appended", "overwritten since"])
def test_rows_of_a_delta_table_that_were_written_anew_are_said_to_be_out_of_order(folder, way):
    for first in range(0, 40, 10):
        write_deltalake(str(folder), rows(first, first + 10), mode="append")
    if "compact" in way or way == "overwritten since":
        DeltaTable(str(folder)).optimize.compact()
    if way == "delete":
        DeltaTable(str(folder)).delete("n = 3")
    if way == "compact, then appended":
        write_deltalake(str(folder), rows(40, 50), mode="append")
    if way == "overwritten since":
        write_deltalake(str(folder), rows(0, 10), mode="overwrite")
    read = open_table(folder)
    note = [note for note in read.description.notes if "--time" in note]
    assert len(note) == (way in ("compact", "delete", "compact, then appended")), read.description.notes
    if not note:
        n = read.data["n"].to_pylist()
        assert n == sorted(n)


@told(
    "a Delta table with a broken entry in its log from before the checkpoint that it is opened from",
    "read; a note says that its history cannot be",
)
def test_a_broken_history_of_a_delta_table_that_is_whole_is_a_note(folder):
    for first in range(0, 30, 10):
        write_deltalake(str(folder), rows(first, first + 10), mode="append")
    DeltaTable(str(folder)).create_checkpoint()
    (folder / "_delta_log/00000000000000000001.json").write_text('{"commitInfo": {"timest')
    read = open_table(folder)
    assert read.data["n"].to_pylist() == list(range(30))
    assert [note for note in read.description.notes if "history of this Delta table cannot be read" in note]


@told("parts of a Delta table, named by a pattern or by a partition's folder", "refused: the table is to be named")
def test_parts_of_a_delta_table_are_no_table(folder):
    write_deltalake(str(folder), rows(0, 9).append_column("day", pa.array(["a"] * 9)), partition_by=["day"])
    write_deltalake(str(folder), rows(0, 9).append_column("day", pa.array(["a"] * 9)), mode="overwrite")
    for address in (f"{folder}/day=a", f"{folder}/day=a/*.parquet"):
        with pytest.raises(UserError, match=f"part of a Delta table.*name {folder}") as refused:
            open_table(address)
        assert refused.value.exit_code == ExitCode.USAGE


@told("a Delta table whose columns are mapped to other names", "refused: its rows are to be exported")
def test_a_delta_table_with_mapped_columns_is_refused(folder, monkeypatch):
    write_deltalake(str(folder), rows(0, 9))
    monkeypatch.setattr(
        DeltaTable, "metadata", lambda _: type("M", (), {"configuration": {"delta.columnMapping.mode": "name"}})
    )
    with pytest.raises(UserError, match="column mapping"):
        open_table(folder)


@told("a Delta table that got columns later, also within objects", "they are missing in the rows before")
def test_a_column_that_was_added_to_a_delta_table_is_missing_in_older_rows(folder):
    added = {"new": pa.array([1.5]), "within": pa.array([{"deep": 7}])}
    write_deltalake(
        str(folder), pa.table({"day": ["a", "b"], "n": [1, 2], "old": [{"x": 1}] * 2}), partition_by=["day"]
    )
    later = pa.table({"day": ["a"], "n": [3], "old": [{"x": 2, "y": 5}], **added})
    write_deltalake(str(folder), later, mode="append", schema_mode="merge", partition_by=["day"])
    data = open_table(str(folder)).data
    told = {one["n"]: (one["day"], one["new"], one["within.deep"], one["old.y"]) for one in data.to_pylist()}
    assert told == {1: ("a", None, None, None), 2: ("b", None, None, None), 3: ("a", 1.5, 7, 5)}


@pytest.mark.parametrize("way", ["never", "deleted"])
@told("a Delta table without rows", "refused: it has no rows now")
def test_a_delta_table_without_rows_is_said(folder, way):
    if way == "never":
        DeltaTable.create(str(folder), schema=rows(0, 1).schema)
    else:
        write_deltalake(str(folder), rows(0, 9))
        DeltaTable(str(folder)).delete()
    with pytest.raises(UserError, match="is a Delta table that has no rows now"):
        open_table(str(folder))


@told("a Delta table one of whose files is gone", "refused: the file is named")
def test_a_file_that_a_delta_log_names_and_that_is_gone_is_said(folder):
    write_deltalake(str(folder), rows(0, 9))
    next(folder.glob("*.parquet")).unlink()
    with pytest.raises(UserError, match="is not there any more") as raised:
        open_table(str(folder))
    assert raised.value.exit_code == ExitCode.NOT_FOUND


@told("a Delta table of a newer make", "refused: deltalake is to be updated")
def test_a_delta_table_of_a_newer_make_is_not_called_broken(folder):
    write_deltalake(str(folder), rows(0, 9))
    log = next((folder / "_delta_log").glob("*.json"))
    log.write_text(log.read_text().replace('"minReaderVersion":1', '"minReaderVersion":9'))
    with pytest.raises(UserError, match=r"does not read .*: update deltalake, or export"):
        open_table(str(folder))


@told("a Delta table whose log is broken", "refused: its log cannot be read")
def test_a_delta_table_with_a_broken_log_is_refused(folder):
    write_deltalake(str(folder), rows(0, 9))
    (folder / "_delta_log" / "00000000000000000000.json").write_text("{")
    with pytest.raises(UserError, match="log"):
        open_table(folder)


@told("a folder of Iceberg or Hudi", "refused: it holds dead rows too")
@pytest.mark.parametrize(
    ("inside", "kind"), [("metadata/v1.metadata.json", "an Iceberg"), (".hoodie/hoodie.properties", "a Hudi")]
)
def test_other_lakes_are_refused(folder, inside, kind):
    (folder / inside).parent.mkdir()
    (folder / inside).write_text("{}")
    (folder / "data").mkdir()
    parquet.write_table(rows(0, 9), folder / "data" / "a.parquet")
    for address in (folder, folder / "data"):
        with pytest.raises(UserError, match=f"{kind} table.*export"):
            open_table(address)


@told("part files numbered without zeros (Dask, DuckDB)", "in the order of their numbers")
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    numbers=st.lists(st.integers(0, 10**21), unique=True, min_size=1, max_size=8),
    name=st.sampled_from(["part.{}", "x{}-b"]),
)
def test_part_files_come_in_the_order_of_their_numbers(tmp_path_factory, numbers, name):
    where = tmp_path_factory.mktemp("parts")
    for number in numbers:
        (where / f"{name.format(number)}.csv").write_text(f"n,y\n{number},a\n")
    found = [source.name for source in find_sources(str(where))]
    assert found == [f"{name.format(number)}.csv" for number in sorted(numbers)]


@told("folders of Hive with a missing value, and with signs as %20", "a missing value, and the signs")
def test_partitions_of_hive_are_read_as_they_are_meant(folder):
    for place, value in enumerate(["New%20York", "__HIVE_DEFAULT_PARTITION__", "a%2Fb"]):
        (folder / f"city={value}").mkdir()
        parquet.write_table(rows(place, place + 1), folder / f"city={value}" / "a.parquet")
    read = open_table(folder).data
    assert dict(zip(read["n"].to_pylist(), read["city"].to_pylist(), strict=True)) == {0: "New York", 1: None, 2: "a/b"}


TEXTS = pa.array(["7", "8", None])
SPELLINGS = {
    "whole numbers": pa.array([7, 8, None]),
    "small numbers": pa.array([7, 8, None], pa.int8()),
    "fractions": pa.array([7.0, 8.0, None]),
    "decimals": pa.array([decimal.Decimal(7), decimal.Decimal(8), None], pa.decimal128(38, 0)),
    "text": TEXTS,
    "large text": TEXTS.cast(pa.large_string()),
    "views": TEXTS.cast(pa.string_view()),
    "a dictionary": TEXTS.dictionary_encode(),
    "bytes": TEXTS.cast(pa.binary()),
    "runs": pc.run_end_encode(pa.array([7, 8, None])),
    "unsigned": pa.array([7, 8, None], pa.uint64()),
}


@told("files of one folder that hold a column in several types", "one column: numbers where all are, else text")
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kinds=st.lists(st.sampled_from(sorted(SPELLINGS)), min_size=1, max_size=4))
def test_a_column_is_one_whatever_type_each_file_has(tmp_path_factory, kinds):
    where = tmp_path_factory.mktemp("kinds")
    for place, kind in enumerate(kinds):
        feather.write_feather(pa.table({"v": SPELLINGS[kind]}), where / f"{place}.feather", compression="uncompressed")
    assert open_table(where).data["v"].to_pylist() == [7, 8, None] * len(kinds)


@told("times with other zones, or none, from file to file", "the same times in UTC")
def test_moments_of_several_zones_are_one_column(folder):
    at = pa.array([START], pa.timestamp("us", "UTC"))
    for place, kind in enumerate([at.type, pa.timestamp("ms", "Europe/Berlin"), pa.timestamp("ns", "Asia/Tokyo")]):
        parquet.write_table(pa.table({"at": at.cast(kind)}), folder / f"{place}.parquet")
    parquet.write_table(pa.table({"at": at.cast(pa.timestamp("us"))}), folder / "9.parquet")
    assert open_table(folder).data["at"].to_pylist() == [START] * 4


@told("lists in one file, text in another", "not read, and said")
def test_a_column_that_only_some_files_hold_as_text_is_not_read(folder):
    parquet.write_table(pa.table({"n": [1], "v": ["a"]}), folder / "a.parquet")
    parquet.write_table(pa.table({"n": [2], "v": [["a"]]}), folder / "b.parquet")
    read = open_table(folder)
    assert read.names == ("n",)
    assert read.description.unread == ("v",)
    assert read.description.not_a_column("v", read.names).startswith("v holds lists or bytes")


@told("integers as decimals (Snowflake, Oracle), of up to 38 digits", "the same digits; ids stay apart")
@settings(deadline=None, max_examples=50)
@given(
    numbers=st.lists(st.integers(-(10**37), 10**37) | st.integers(2**53, 2**53 + 40), min_size=1, max_size=20),
    scale=st.sampled_from([0, 10]),
)
def test_whole_decimals_keep_their_digits(tmp_path_factory, numbers, scale):
    if scale:
        numbers = [n for n in numbers if abs(n) < 2**62] or [2**53 + 1]
    kind = pa.decimal128(38, 0) if scale == 0 else pa.decimal128(38, 10)
    where = tmp_path_factory.mktemp("decimals") / "a.parquet"
    parquet.write_table(pa.table({"n": pa.array(map(decimal.Decimal, numbers), kind)}), where)
    assert [int(value) for value in open_table(where).data["n"].to_pylist()] == numbers


@told("UUIDs as 16 bytes, or with their type (DuckDB)", "their usual text")
@pytest.mark.parametrize("kind", [pa.uuid(), pa.binary(16), pa.binary()], ids=str)
@pytest.mark.parametrize("nested", [False, True])
def test_uuids_are_read_as_text(tmp_path, kind, nested):
    values = [uuid.UUID(int=0xFF << 120 | i) for i in range(5)]
    table = pa.table({"id": pa.array([value.bytes for value in values] + [None], kind)})
    if nested:
        table = table.append_column("s", pa.array([{"a": 1}] * 6))
    parquet.write_table(table, tmp_path / "a.parquet")
    assert open_table(tmp_path / "a.parquet").data["id"].to_pylist() == [*map(str, values), None]


@told("text without a mark that it is text (Hive, Impala), and bytes that are none", "read as text; not read, and said")
def test_bytes_are_text_where_they_are(tmp_path):
    parquet.write_table(
        pa.table({"a": [b"x", b"\xc3\xa4"], "b": [b"\xff\xfe", b"x"], "c": [b"\0\0", b"\1\0"]}), tmp_path / "a.parquet"
    )
    read = open_table(tmp_path / "a.parquet")
    assert read.data["a"].to_pylist() == ["x", "ä"]
    assert read.description.unread == ("b", "c")


@told("an object's field beside a column of the same name (`s.a`)", "both, the second one numbered")
def test_a_field_and_a_column_of_one_name_are_two_columns(tmp_path):
    parquet.write_table(pa.table({"s": [{"a": 1}], "s.a": [2]}), tmp_path / "a.parquet")
    read = open_table(tmp_path / "a.parquet")
    assert read.data.to_pylist() == [{"s.a": 1, "s.a_2": 2}]
    assert any("s.a" in note for note in read.description.notes)


@told("Parquet with a name that stands twice", "both, the second one numbered")
def test_parquet_with_doubled_names_is_read(tmp_path):
    parquet.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["x", "x"]), tmp_path / "a.parquet")
    assert open_table(tmp_path / "a.parquet").data.to_pylist() == [{"x": 1, "x_2": 2}]


@told("an Arrow stream (polars' write_ipc_stream, R's write_ipc_stream)", "read as Feather is")
@pytest.mark.parametrize("first", [None, 5])
def test_an_arrow_stream_is_read(tmp_path, first):
    with pa.ipc.new_stream(tmp_path / "a.arrows", rows(0, 9).schema) as writer:
        writer.write_table(rows(0, 9))
    assert open_table(tmp_path / "a.arrows", FileOptions(rows=first)).data["n"].to_pylist() == list(range(first or 9))


@told("part files without a row: no bytes, or a header only", "passed over, and said")
@pytest.mark.parametrize("empty", ["", "n,at\n"])
def test_part_files_without_rows_are_passed_over(folder, empty):
    (folder / "part-0.csv").write_text(empty)
    csv.write_csv(rows(0, 9), folder / "part-1.csv")
    read = open_table(folder)
    assert len(read) == 9
    assert "1 of the 2 files have no rows: they are passed over." in read.description.notes
    (folder / "part-1.csv").write_text(empty)
    with pytest.raises(UserError, match=r"empty|no rows"):
        open_table(folder)


@told("JSON lines of several files, of which one lacks a key that is null in all its rows (Spark)", "missing there")
def test_a_key_that_one_file_of_json_lacks_is_missing_there(folder):
    (folder / "a.json").write_text('{"n": 1, "v": 2}\n{"n": 2, "v": 3}\n')
    (folder / "b.json").write_text('{"n": 3}\n{"n": 4}\n')
    assert open_table(folder).data.to_pylist() == [
        {"n": 1, "v": 2}, {"n": 2, "v": 3}, {"n": 3, "v": None}, {"n": 4, "v": None}
    ]  # fmt: skip


@told("a pipe: `<(zcat …)`, `mkfifo`, `-` for standard input", "read as a file is")
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_pipe_is_read_as_a_file(tmp_path, form):
    kept, pipe = tmp_path / "kept", tmp_path / "pipe"
    (csv.write_csv if form == "csv" else parquet.write_table)(rows(0, 5_000), kept)
    os.mkfifo(pipe)
    sender = threading.Thread(target=lambda: pipe.write_bytes(kept.read_bytes()))
    sender.start()
    read = open_table(pipe)
    sender.join()
    assert read.data.equals(open_table(kept).data)


def test_standard_input_is_read_as_a_file(monkeypatch, tmp_path):
    csv.write_csv(rows(0, 9), tmp_path / "a.csv")
    with (tmp_path / "a.csv").open() as given_in:
        monkeypatch.setattr("sys.stdin", given_in)
        read = open_table("-")
    assert read.description.name == "standard input"
    assert len(read) == 9


@told("a file whose name has signs that mean something in addresses: `::`, `*`, `[1]`, `%20`, `#`", "that file")
@pytest.mark.parametrize(
    "name", ["a::b.csv", "simplecache::x.csv", "a*.csv", "x[1]?.csv", "a%20b.csv", "a#1 b\n.csv", "~.csv"]
)
def test_a_file_that_is_there_is_taken_by_its_name(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    csv.write_csv(rows(0, 9), tmp_path / name)
    csv.write_csv(rows(0, 3), tmp_path / "ab.csv")
    assert len(open_table(name)) == 9


@told("an empty folder", "refused: holds no table")
def test_an_empty_folder_holds_no_table(folder):
    with pytest.raises(UserError, match="holds no table") as refused:
        open_table(folder)
    assert refused.value.exit_code == ExitCode.NOT_FOUND


@pytest.fixture
def web(tmp_path):
    """A server that, as many do, sends files from their beginning only; `/403/…` is refused, `/cut/…` breaks off."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            place = self.path.split("?")[0].lstrip("/")
            first, _, name = place.rpartition("/")
            if first.isdigit():
                self.send_error(int(first))
                return
            if not (tmp_path / name).exists():
                self.send_error(404)
                return
            data = (tmp_path / name).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if first == "cut" else data)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    csv.write_csv(rows(0, 9), tmp_path / "a.csv")
    parquet.write_table(rows(0, 9), tmp_path / "a.parquet")
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@told("a table on a web server that cannot send parts of files; its address with a signature behind `?`", "read")
@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.csv?sig=x%2Fy"])
def test_a_table_on_the_web_is_read(web, name):
    read = open_table(f"{web}/{name}")
    assert (read.description.name, len(read)) == (name.split("?")[0], 9)


@told("a web server that refuses, fails, breaks off, has no such file or is not there", "said in a sentence")
@pytest.mark.parametrize(
    ("path", "said", "code"),
    [
        ("/403/a.csv", "the server says 403", ExitCode.ERROR),
        ("/500/a.csv", "the server says 500", ExitCode.ERROR),
        ("/cut/a.csv", "cannot be read", ExitCode.ERROR),
        ("/b.csv", "There is no file", ExitCode.NOT_FOUND),
    ],
)
def test_what_a_web_server_does_not_give_is_said(web, path, said, code):
    with pytest.raises(UserError, match=said) as refused:
        open_table(web + path)
    assert refused.value.exit_code == code


def test_a_web_server_that_is_not_there_is_said():
    with pytest.raises(UserError, match="cannot be read: Cannot connect to host"):
        open_table("http://127.0.0.1:1/a.csv")


@told(
    "Parquet or Feather with columns and no row, alone or beside others", "refused: has no rows; passed over, and said"
)
@pytest.mark.parametrize("write", [parquet.write_table, feather.write_feather])
def test_a_columnar_file_without_rows_is_said(folder, write):
    write(rows(0, 0), folder / "part-0.parquet")
    with pytest.raises(UserError, match=r"part-0\.parquet has no rows"):
        open_table(folder / "part-0.parquet")
    write(rows(0, 9), folder / "part-1.parquet")
    read = open_table(folder)
    assert (len(read), read.description.files) == (9, 1)
    assert any("no rows" in note for note in read.description.notes)


@told("lz4; several members one behind the other in gzip, bz2, zstd or lz4 (`cat a.gz b.gz`)", "all of it")
@pytest.mark.parametrize("codec", ["gzip", "bz2", "zstd", "lz4"])
def test_packed_members_are_read_one_behind_the_other(tmp_path, codec):
    csv.write_csv(rows(0, 900), tmp_path / "a.csv")
    plain = (tmp_path / "a.csv").read_bytes()
    pack = bz2.compress if codec == "bz2" else lambda part: pa.Codec(codec).compress(part, asbytes=True)
    (tmp_path / "a").write_bytes(b"".join(pack(plain[at : at + 5_000]) for at in range(0, len(plain), 5_000)))
    read = open_table(tmp_path / "a")
    assert (read.description.packing, read.data["n"].to_pylist()) == (codec, list(range(900)))
