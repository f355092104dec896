"""Files as people have them: each odd but valid one, and the right reading and inference."""

import bz2
import csv
import gzip
import io
import json
import lzma
import zipfile
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import feather, parquet

from driftloop.errors import UserError
from driftloop.files.opening import open_table
from driftloop.files.options import file_options
from driftloop.tools.replay.choices import Choices
from driftloop.tools.replay.history import open_history

ROWS = 60


def lines(row, head=None, rows=ROWS, end="\n"):
    return end.join([*([head] if head else []), *(row(i) for i in range(rows))]) + end


def zipped(members):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)
    return packed.getvalue()


PLAIN = lines(lambda i: f"{i},b{i % 2}", "a,y")


def case(given, data, columns, right=None, **file):
    """`columns`: the first values of each column; `file`: what the description must say."""
    right = right or "read as " + ", ".join(f"{name}: {values[0]!r}" for name, values in columns.items())
    return pytest.param(data, columns, file, id=given, marks=pytest.mark.wild(area="files", given=given, right=right))


WRITTEN = [
    case("semicolons", lines(lambda i: f"{i}.5;b{i % 2}", "a;y"), {"a": [0.5, 1.5]}, separator=";", decimal="."),
    case("semicolons, decimal comma", lines(lambda i: f"{i},5;b", "a;y"),
         {"a": [0.5, 1.5]}, separator=";", decimal=","),
    case("tabs", lines(lambda i: f"{i}\tb", "a\ty"), {"a": [0, 1]}, separator="\t"),
    case("bars", lines(lambda i: f"{i}|b", "a|y"), {"a": [0, 1]}, separator="|"),
    case("Excel's line sep=;", "sep=;\n" + lines(lambda i: f"{i},5;b", "a;y"), {"a": [0.5]}, separator=";"),
    case("Windows line ends", lines(lambda i: f"{i},b", "a,y", end="\r\n"), {"a": [0], "y": ["b"]}, rows=ROWS),
    case("old Mac line ends", lines(lambda i: f"{i},b", "a,y", end="\r"), {"a": [0], "y": ["b"]}, rows=ROWS),
    case("mixed line ends", PLAIN + lines(lambda i: f"{i},b", end="\r\n"), {"a": [0], "y": ["b0"]}, rows=2 * ROWS),
    case("no line end at the end", PLAIN[:-1], {"a": [0, 1]}, rows=ROWS),
    case("a separator after each row", lines(lambda i: f"{i},b,", "a,y"), {"a": [0], "y": ["b"]}, rows=ROWS),
    case("R's row names", lines(lambda i: f'"{i}",{i}.5,"b"', '"a","y"'), {"row_name": [0], "a": [0.5]}),
    case("pandas' index without a name", lines(lambda i: f"{i},{i}.5", ",a"), {"column1": [0], "a": [0.5]}),
    case("SAP: minus behind, days as numbers", lines(lambda i: f"1.{i:03d},50-;2024{1 + i % 12:02d}05", "a;day"),
         {"a": [-1000.5, -1001.5]}, decimal=","),
    case("a title before the table", "Report\nmade by,us\n\n" + lines(lambda i: f"{i},{i}.5,b", "a,x,y"), {"a": [0]},
         rows=ROWS),
    case("comments", "# ours\n" + PLAIN + "# the end\n", {"a": [0, 1], "y": ["b0"]}, rows=ROWS),
    case("a header that begins with #", lines(lambda i: f"{i},b", "#a,y"), {"a": [0, 1]}),
    case("values that begin with #", lines(lambda i: f"#f{i % 10}0,b", "a,y"), {"a": ["#f00", "#f10"]}, rows=ROWS),
    case("single quotes", lines(lambda i: f"'Ulm, {i}','b'", "'a','y'"), {"a": ["Ulm, 0", "Ulm, 1"]}),
    case("quotes behind a backslash", lines(lambda i: f'"say \\"{i}\\" now",b', "a,y"), {"a": ['say "0" now']}),
    case("a quote in the middle", lines(lambda i: f'{i}" pipe,b', "a,y"), {"a": ['0" pipe', '1" pipe']}),
    case("an apostrophe", lines(lambda i: f"it's {i},b", "a,y"), {"a": ["it's 0"]}),
    case("line breaks in quotes", lines(lambda i: f'"one\ntwo, {i}",b', "a,y"), {"a": ["one\ntwo, 0"]}, rows=ROWS),
    case("a line break in the header", '"a\nlong",y\n' + lines(lambda i: f"{i},b"), {"a long": [0, 1]}),
    case("two empty names", lines(lambda i: f"{i},b,,", "a,y,,"), {"a": [0], "column3": [None], "column4": [None]}),
    case("a doubled name", lines(lambda i: f"{i},{i + 1}", "a,a"), {"a": [0, 1], "a_2": [1, 2]}),
    case("no header", lines(lambda i: f"{i}.5,b{i % 2},{i}"), {"column1": [0.5], "column2": ["b0"]}, rows=ROWS),
    case("letters without a header", lines(lambda i: "px"[i % 2] + "," + "ab"[i // 2 % 2]),
         {"column1": ["p"]}, rows=ROWS),
    case("years as names", lines(lambda i: f"c{i},{i},{i}", "name,2019,2020"), {"2019": [0, 1]}, rows=ROWS),
    case("numbered columns", lines(lambda i: f"{i + 7},{i * 2}", "0,1"), {"0": [7, 8]}, rows=ROWS),
    case("one row", "a,y\n1,2\n", {"a": [1], "y": [2]}, rows=1),
    case("blank lines", PLAIN.replace("\n", "\n\n"), {"a": [0, 1]}, rows=ROWS),
    case("blanks behind separators", lines(lambda i: f"{i}, b , x", "a, y, z"), {"y": ["b"], "z": ["x"]}),
]  # fmt: skip

MEANT = [
    case("per cent", lines(lambda i: f"{i}.5 %,b", "a,y"), {"a": [0.5, 1.5]}),
    case("dollars", lines(lambda i: f'"$1,{i:03d}.00",b', "a,y"), {"a": [1000, 1001]}),
    case("euros behind", lines(lambda i: f"1.{i:03d},50 €;b", "a;y"), {"a": [1000.5, 1001.5]}),
    case("losses in brackets", lines(lambda i: f"({i}.50),b", "a,y"), {"a": [-0.5, -1.5]}),
    case("Swiss thousands", lines(lambda i: f"1'{i:03d}.50;b", "a;y"), {"a": [1000.5]}),
    case("French thousands", lines(lambda i: f"1\u202f{i:03d},50;b", "a;y"), {"a": [1000.5]}),
    case("Indian thousands", lines(lambda i: f'"1,23,{i:03d}",b', "a,y"), {"a": [123_000]}),
    case("thousands, no other sign", lines(lambda i: f'"{i + 1},234",b', "a,y"), {"a": [1234, 2234]}),
    case("the same beside semicolons", lines(lambda i: f"{i + 1},234;b", "a;y"), {"a": [1.234, 2.234]}),
    case("postal codes", lines(lambda i: f"0{1000 + i},b", "a,y"), {"a": ["01000", "01001"]}, right="stay text"),
    case("numbers of 23 digits", lines(lambda i: f"{10**22 + i},b", "a,y"), {"a": [str(10**22)]}, right="stay text"),
    case("infinity in a number", lines(lambda i: f"{'inf' if i == 0 else i},b", "a,y"), {"a": [None, 1]}),
    case("? for missing", lines(lambda i: f"{'?' if i % 9 == 0 else i},{'?' if i else 'b'}", "a,y"),
         {"a": [None, 1], "y": ["b", None]}),
    case("a dash for missing", lines(lambda i: f"{'-' if i % 9 == 0 else i},b", "a,y"), {"a": [None, 1]}),
    case("+ and - as classes", lines(lambda i: f"{i},{'+-'[i % 2]}", "a,y"), {"y": ["+", "-"]}),
    case("blanks for missing", lines(lambda i: f"{' ' if i % 9 == 0 else i}.,b".replace(" .", " "), "a,y"),
         {"a": [None, 1.0]}),
    case("a word for missing", lines(lambda i: f"{'not measured' if i % 9 == 0 else i},b", "a,y"), {"a": [None, 1]}),
    case("codes, most of digits", lines(lambda i: f"{f'V{i}' if i % 4 == 0 else i},b", "a,y"), {"a": ["V0", "1"]}),
    case("true and FALSE", lines(lambda i: f"{i},{'true' if i % 2 else 'FALSE'}", "a,y"), {"y": [False, True]}),
    case("yes and no", lines(lambda i: f"{i},{'yes' if i % 2 else 'no'}", "a,y"), {"y": ["no", "yes"]}),
    case("quoted numbers", lines(lambda i: f'"{i}.5","b"', '"a","y"'), {"a": [0.5, 1.5]}),
    case("addresses and versions", lines(lambda i: f"10.0.{i}.1,1.{i}.0", "a,y"), {"a": ["10.0.0.1"], "y": ["1.0.0"]}),
]  # fmt: skip

PACKED = [
    case("UTF-8 with a mark", lines(lambda i: f"{i};Ä", "a;Größe").encode("utf-8-sig"),
         {"Größe": ["Ä"]}, encoding="utf-8"),
    case("UTF-16", lines(lambda i: f"{i}\tÄ", "a\tGröße").encode("utf-16"), {"Größe": ["Ä"]}, encoding="utf-16"),
    case("UTF-16 without a mark", lines(lambda i: f"{i},Ä", "a,Größe").encode("utf-16-be"), {"Größe": ["Ä"]}),
    case("Latin-1", lines(lambda i: f"{i},Ä", "a,Größe").encode("latin-1"), {"Größe": ["Ä"]}, encoding="latin-1"),
    case("cp1252", lines(lambda i: f"{i},5 €", "a,Größe").encode("cp1252"), {"Größe": [5]}, encoding="cp1252"),
    case("Latin-1 far behind the beginning", (PLAIN * 3500 + "1,ü\n").replace("a,y\n", "").encode("latin-1"),
         {"column2": ["b0"]}, encoding="latin-1"),
    case("gzip", gzip.compress(PLAIN.encode()), {"a": [0, 1]}, packing="gzip"),
    case("bz2", bz2.compress(PLAIN.encode()), {"a": [0, 1]}, packing="bz2"),
    case("xz", lzma.compress(PLAIN.encode()), {"a": [0, 1]}, packing="xz"),
    case("zstd", pa.compress(PLAIN.encode(), codec="zstd", asbytes=True), {"a": [0, 1]}, packing="zstd"),
    case("zip", zipped({"d/x.csv": PLAIN, "__MACOSX/x": "?"}), {"a": [0, 1]}, packing="zip"),
    case("JSON lines", lines(lambda i: json.dumps({"a": i, "y": f"0{i}"})), {"a": [0, 1], "y": ["00"]}, format="jsonl"),
    case("a JSON array", json.dumps([{"a": i, "o": {"p": i}} for i in range(9)]),
         {"a": [0], "o.p": [0]}, format="json"),
    case("JSON of mixed kinds", lines(lambda i: json.dumps({"a": i if i % 2 else f"{i}x"})), {"a": ["0x", "1"]}),
    case("a JSON key that comes late", lines(lambda i: json.dumps({"a": i} | ({"b": 1.5} if i > 50 else {}))),
         {"b": [None]}),
]  # fmt: skip


@pytest.mark.parametrize(("data", "columns", "file"), [*WRITTEN, *MEANT, *PACKED])
def test_a_file_is_read_as_it_is_meant(tmp_path, data, columns, file):
    path = tmp_path / "rows.dat"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    table = open_table(path)
    for name, values in columns.items():
        assert table.data[name].to_pylist()[: len(values)] == values
    said = table.description.as_json()
    assert {key: said[key] for key in file} == file


def refused(given, data, words):
    return pytest.param(
        data, words, id=given, marks=pytest.mark.wild(area="files", given=given, right=f"refused: {words}")
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        refused("nothing", "", "it is empty"),
        refused("only a header", "a,b\n", "has a header and no rows"),
        refused("a row that is short", "a,b\n1,2\nsecret\n", "line 3 has 1 value"),
        refused("a row that is long", "a,b\n1,2\n3,4,secret\n", "line 3 has 3 values"),
        refused("a quote that never ends", "a,b\n" + "1,2\n" * 99 + '1,"secret\n' + "1,2\n" * 99, "never ends"),
        refused("a line break and a quote that never ends", 'a,b\n"x\ny",2\n1,"secret\n' + "1,2\n" * 99, "never ends"),
        refused("a workbook", zipped({"xl/workbook.xml": "<secret>"}), "is a spreadsheet"),
        refused("a zip of two tables", zipped({"secret.csv": PLAIN, "y.csv": PLAIN}), "holds 2 files"),
        refused("a download that was cut off", gzip.compress(PLAIN.encode() * 99)[:-30], "cut off"),
        refused("a PDF", b"%PDF-1.4\n%\xe2\xe3\n1 0 obj secret\x00\x01", "no table"),
        refused("broken Parquet", b"PAR1secret", "it cannot be read as Parquet"),
        refused("broken JSON", '{"a":1}\n{"secret":\n', "line 2 is no JSON"),
        refused("one JSON object", json.dumps({"secret": [{"a": 1}]}, indent=1), "no table"),
    ],
)
def test_a_file_that_is_no_table_is_one_sentence_without_its_values(tmp_path, data, words):
    path = tmp_path / "rows.dat"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    with pytest.raises(UserError, match=words) as refusal:
        open_table(path)
    assert refusal.value.exit_code == 2
    assert "secret" not in refusal.value.sentence
    assert "\n" not in refusal.value.sentence


DATES = {
    "2024-03-%02d": "2024-03-02 00:00", "2024-03-%02dT10:00:00Z": "2024-03-02 10:00",
    "2024-03-%02dT10:00:00+02:00": "2024-03-02 08:00", "2024/03/%02d 10:00:00.123456": "2024-03-02 10:00",
    "%02d.03.2024": "2024-03-02 00:00", "%d.3.24 7:05": "2024-03-02 07:05", "%02d/03/2024 10:00": "2024-03-02 10:00",
    "03/%02d/2024 3:05:10 PM": "2024-03-02 15:05", "%02d-Mar-2024": "2024-03-02 00:00",
    "%d March 2024": "2024-03-02 00:00", "%02d/Mar/2024:10:00:00 +0000": "2024-03-02 10:00",
    "202403%02d": "2024-03-02 00:00", "202403%02dT101112": "2024-03-02 10:11",
    "2024-03-%02d-10.11.12.123456": "2024-03-02 10:11", "17000000%02d": "2023-11-14 22:13",
    "17000000%02d000": "2023-11-14 22:13", "17000000%02d.5": "2023-11-14 22:13",
    "2024-03-%02d 10:00:00.123456789": "2024-03-02 10:00", "2024-03-%02dT10:00:00.893606512Z": "2024-03-02 10:00",
    "2024-03-%02d 10:00:00.123456700+02:00": "2024-03-02 08:00",
}  # fmt: skip


@pytest.mark.parametrize(
    ("form", "second"),
    [
        pytest.param(form, second, marks=pytest.mark.wild(area="files", given=f"dates as {form % 2}", right="times"))
        for form, second in DATES.items()
    ],
)
def test_dates_are_times_in_all_usual_forms(tmp_path, form, second):
    path = tmp_path / "rows.csv"
    path.write_text(lines(lambda i: f"{form % (1 + i % 28)};{i}", "when;y"))
    column = open_table(path).data["when"]
    assert column[1].as_py().strftime("%Y-%m-%d %H:%M") == second


@pytest.mark.wild(
    area="files",
    given="times whose fraction is left out where it is zero, first in row 1,000",
    right="read in both forms, none is missing",
)
@pytest.mark.parametrize(
    ("form", "rare"),
    [
        ("2024-03-01 10:{:02d}:{:02d}.250", "2024-03-01 11:00:00"),
        ("2024-03-01T10:{:02d}:{:02d}.123456789Z", "2024-03-01T11:00:00Z"),
        ("13/03/2024 10:{:02d}:{:02d}.5", "13/03/2024 11:00"),
    ],
)
def test_a_form_that_comes_late_is_read(tmp_path, form, rare):
    path = tmp_path / "rows.csv"
    written = [form.format(i // 60, i % 60) for i in range(1_000)] + [rare] * 2
    path.write_text("when;y\n" + "".join(f"{text};{i}\n" for i, text in enumerate(written)))
    found = open_table(path)
    assert found.data["when"].null_count == 0
    assert found.data["when"][-1].as_py() == datetime(2024, 3, 13 if "/" in form else 1, 11, tzinfo=UTC)


def history(tmp_path, text, target="y", name="rows.csv", **choices):
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return open_history(path, Choices(target, **choices))


def noise(i):
    return f"{np.sin(i * i * 1.7):.3f}"


def yes(i):
    return "yes" if (i * 7919) % 5 < 2 else "no"


@pytest.mark.wild(
    area="files", given="a date that is no order's proof", right="the reading in which rows stand in order, said"
)
def test_day_and_month_are_told_by_the_order_of_the_rows(tmp_path):
    text = lines(lambda i: f"0{1 + i // 10}/{1 + i % 10:02d}/2024,{noise(i)},{yes(i)}", "d,x,y")
    found = history(tmp_path, text)
    assert found.time is not None
    assert found.time.moved == 0
    assert any("month first" in note for note in found.file.notes)


@pytest.mark.wild(area="files", given="rows out of order", right="sorted by the file's own time, said")
def test_rows_out_of_order_are_sorted_and_counted(tmp_path):
    text = lines(lambda i: f"2024-01-{1 + (i * 17) % 28:02d},{noise(i)},{yes(i)}", "day,x,y")
    found = history(tmp_path, text)
    assert list(found.time.seconds) == sorted(found.time.seconds)
    assert "out of order" in found.told[0]
    assert history(tmp_path, text, time="none").time is None


@pytest.mark.wild(area="files", given="the newest row first", right="read from its end")
def test_a_file_with_the_newest_row_first_is_turned_round(tmp_path):
    found = history(tmp_path, lines(lambda i: f"2024-01-01 00:{59 - i:02d},{i}.5,{yes(i)}", "at,x,y"))
    assert found.columns["x"][:2].tolist() == [59.5, 58.5]
    assert "newest row first" in found.told[0]


@pytest.mark.wild(area="files", given="a day and a time of day in two columns", right="together the file's time")
def test_a_day_and_its_time_of_day_belong_together(tmp_path):
    found = history(
        tmp_path, lines(lambda i: f"2024-03-0{1 + i // 24},{i % 24:02d}:00:00,{noise(i)},{yes(i)}", "date,time,x,y")
    )
    assert found.time.columns == ("date", "time")
    assert list(found.inferred.features) == ["x"]


@pytest.mark.wild(area="files", given="dates of birth", right="order nobody's rows")
def test_a_date_of_birth_is_no_time_of_the_rows(tmp_path):
    found = history(tmp_path, lines(lambda i: f"{1990 + i % 9}-05-0{1 + i % 7},{noise(i)},{yes(i)}", "birth_date,x,y"))
    assert found.time is None
    assert found.inferred.left_out == {"birth_date": "it holds times"}


@pytest.mark.wild(area="files", given="random whole numbers as ids", right="left out, with the reason")
def test_identifiers_constants_and_empty_columns_are_left_out_with_the_true_reason(tmp_path):
    order = np.random.default_rng(0).permutation(300) + 70_000
    text = lines(lambda i: f"{order[i]},u-{i},1,,{noise(i)},{yes(i)}", "c,u,one,none,x,y", rows=300)
    found = history(tmp_path, text)
    assert found.inferred.left_out == {
        "c": "it names rows: a whole number of its own in each",
        "u": "it names rows: nearly every row has a text of its own",
        "one": "it has one value only",
        "none": "it has no value",
    }
    named = history(tmp_path, text, ids=("x",), features=(), without=("one",), categories=("c",))
    assert named.inferred.features == {"c": "category"}


@pytest.mark.wild(area="files", given="a model's predictions beside the target", right="left out, with the reason")
def test_what_holds_the_target_is_told_or_left_out(tmp_path):
    text = lines(
        lambda i: f"{noise(i)},{yes(i)},{'AB'[yes(i) == 'yes']},{yes(i + i // 40)},{yes(i)}", "x,z,copy,y_pred,y"
    )
    left_out = history(tmp_path, text, without=("z",)).inferred.left_out
    assert "in other words" in left_out["copy"]
    assert "prediction of y" in left_out["y_pred"]
    leak = history(tmp_path, lines(lambda i: f"{noise(i)},{10 + i if yes(i) == 'yes' else -i}.5,{yes(i)}", "x,after,y"))
    assert any("after alone tells y" in sentence for sentence in leak.told)


@pytest.mark.wild(area="files", given="rows without a target", right="left out and counted")
def test_rows_without_a_target_are_left_out_and_counted(tmp_path):
    found = history(tmp_path, lines(lambda i: f"{noise(i)},{yes(i) if i % 4 else ''}", "x,y"))
    assert (len(found), found.unlabelled_rows) == (45, 15)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (lines(lambda i: f"{noise(i)},name {i}", "x,y"), "is it the right column"),
        (lines(lambda i: f"{noise(i)},2024-01-0{1 + i % 9}", "x,y"), "holds times"),
        (lines(lambda i: f"{noise(i)},a", "x,y"), "one value only"),
        (lines(lambda i: f"{noise(i)}.,{i}"), "the file has no header"),
    ],
)
def test_a_target_that_cannot_be_meant_is_questioned(tmp_path, text, words):
    with pytest.raises(UserError, match=words):
        history(tmp_path, text)


def test_a_text_of_many_classes_is_taken_where_it_is_asked_for(tmp_path):
    text = lines(lambda i: f"{noise(i)},name {i % 40}", "x,y")
    assert history(tmp_path, text, task="multiclass").inferred.task == "multiclass"


@pytest.mark.wild(area="files", given="thousands in the target", right="a regression")
def test_a_target_with_thousands_is_a_number(tmp_path):
    found = history(tmp_path, lines(lambda i: f'20240{1 + i % 9}13T000000,"{200 + i},511",{noise(i)}', "date,y,x"))
    assert found.inferred.task == "regression"
    assert found.labels.max() == 259_511


def test_columns_of_other_formats_have_the_same_meaning(tmp_path):
    table = pa.table(
        {
            "x": pa.array([1.5, None] * 30),
            "id": [f"0{i}" for i in range(60)],
            "y": pa.array(["a", "b"] * 30).dictionary_encode(),
        }
    )
    parquet.write_table(table, tmp_path / "t.parquet")
    feather.write_feather(table, tmp_path / "t.feather")
    read = [open_table(tmp_path / name) for name in ("t.parquet", "t.feather")]
    assert read[0].data.equals(read[1].data)
    assert [one.description.format for one in read] == ["parquet", "feather"]
    assert read[0].data["y"].to_pylist()[:2] == ["a", "b"]


@pytest.mark.wild(
    area="files", given="a folder of part files, as Spark writes", right="one table with the folders' columns"
)
def test_a_folder_of_parts_is_one_table(tmp_path):
    for day in ("2024-01-01", "2024-01-02"):
        folder = tmp_path / "out" / f"day={day}"
        folder.mkdir(parents=True)
        (folder / "part-0.csv").write_text(PLAIN)
    (tmp_path / "out" / "_SUCCESS").write_text("")
    table = open_table(tmp_path / "out")
    assert (len(table), table.description.files) == (2 * ROWS, 2)
    assert str(table.data["day"][ROWS].as_py().date()) == "2024-01-02"
    (tmp_path / "out" / "z.csv").write_text("other\n1\n")
    with pytest.raises(UserError, match="not one table"):
        open_table(tmp_path / "out")


@pytest.mark.wild(
    area="files", given="a folder whose files have other columns", right="refused: which columns, of which file"
)
def test_a_folder_of_other_columns_names_them(tmp_path):
    parquet.write_table(pa.table({"x": [1], "y": [1]}), tmp_path / "a.parquet")
    parquet.write_table(pa.table({"x": [1], "z": [1]}), tmp_path / "b.parquet")
    with pytest.raises(UserError, match=r"b.parquet lacks y and has z, unlike a.parquet"):
        open_table(tmp_path)


@pytest.mark.wild(area="files", given="line breaks in quotes over a megabyte", right="read whole")
def test_line_breaks_in_quotes_of_any_size(tmp_path):
    path = tmp_path / "big.csv"
    cell = "lorem, 1,2\n" * 200_000
    path.write_text("x,text,y\n" + "".join(f'{i},"{cell}",{i % 2}\n' for i in range(3)))
    table = open_table(path)
    assert table.data["text"].to_pylist() == [cell.strip()] * 3


def test_what_is_said_goes_before_what_is_detected(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(lines(lambda i: f"{i + 1},234;Ä", "a;y").encode("cp1250"))
    said = file_options(separator=",", decimal=".", encoding="cp1250", header=False, rows=5)
    table = open_table(path, said)
    assert table.names == ("column1", "column2")
    assert len(table) == 5
    spread = open_table(path, file_options(sample=4))
    assert spread.data["a"].to_pylist()[-1] == 60.234
    assert spread.description.rows_in_file == ROWS


@pytest.mark.parametrize("wrong", [{"form": "xml"}, {"decimal": ";"}, {"encoding": "klingon"}, {"separator": ""}])
def test_an_option_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(UserError):
        file_options(**wrong)


COLUMNS = {
    "number": st.floats(-1e9, 1e9).map(lambda value: round(value, 3)),
    "whole": st.integers(-(10**12), 10**12),
    "text": st.text(
        st.characters(codec="cp1252", exclude_categories=["C", "Z"], exclude_characters="#="), min_size=1
    ).map(lambda text: f"t{text}"),
    "day": st.dates(date(1995, 1, 1), date(2090, 1, 1)),
}
DIALECTS = st.fixed_dictionaries(
    {
        "separator": st.sampled_from([",", ";", "\t", "|"]),
        "decimal": st.sampled_from([".", ","]),
        "encoding": st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
        "end": st.sampled_from(["\n", "\r\n"]),
        "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
        "packed": st.sampled_from([bytes, gzip.compress, bz2.compress, lzma.compress]),
    }
)


def cell(value, decimal):
    if value is None:
        return ""
    return str(value).replace(".", decimal) if isinstance(value, float) else str(value)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), dialect=DIALECTS)
def test_a_table_reads_back_however_it_was_written(tmp_path, data, dialect):
    """Any dialect, encoding and packing: the same values, and the same kinds of columns."""
    kinds = data.draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=2, max_size=4))
    rows = data.draw(st.integers(4, 12))
    columns = [data.draw(st.lists(COLUMNS[kind], min_size=rows, max_size=rows)) for kind in kinds]
    written = io.StringIO(newline="")
    writer = csv.writer(
        written, delimiter=dialect["separator"], quoting=dialect["quoting"], lineterminator=dialect["end"]
    )
    writer.writerow([f"{kind} {place}" for place, kind in enumerate(kinds)])
    writer.writerows([[cell(value, dialect["decimal"]) for value in row] for row in zip(*columns, strict=True)])
    path = tmp_path / "table"
    path.write_bytes(dialect["packed"](written.getvalue().encode(dialect["encoding"])))
    # Without a fraction in the file nothing shows its decimal sign, and 1,234 may be either: then it is said.
    read = open_table(path, file_options(separator=dialect["separator"], decimal=dialect["decimal"]))
    for name, kind, values in zip(read.names, kinds, columns, strict=True):
        assert read.data[name].to_pylist() == [meant(kind, value) for value in values]


def meant(kind, value):
    return datetime(value.year, value.month, value.day, tzinfo=UTC) if kind == "day" else value
