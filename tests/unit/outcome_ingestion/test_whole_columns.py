"""What is settled for a whole batch at once is settled as it is for each record by itself."""

import json
import math

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ingesting import START

from driftloop.codec.arrow import encode_batch
from driftloop.codec.content_types import ARROW, AVRO, COLUMNS, JSON, content_header
from driftloop.contracts.message import LONGEST_ID
from driftloop.contracts.topics import PREDICTION_OUTCOMES
from driftloop.testing.records import FakeRecord
from outcome_ingestion.core.frames.blocks import only_text

MICROSECONDS = pa.timestamp("us", tz="UTC")
US = int(START.timestamp() * 1e6)
TYPES = {
    "prediction_id": pa.string(), "predicted_at": MICROSECONDS, "labelled_at": MICROSECONDS,
    "model_version": pa.string(), "label_source": pa.string(), "confidence": pa.float64(),
    "feature.speed": pa.float64(), "prediction.d50": pa.float64(), "label.d50": pa.float64(),
}  # fmt: skip
ALWAYS = ("prediction_id", "predicted_at")
ODD = {
    "prediction_id": [
        None,
        "",
        "é",
        "é" * LONGEST_ID,
        "é" * (LONGEST_ID // 2 + 1),
        "x" * LONGEST_ID,
        "x" * (LONGEST_ID + 1),
    ],
    "predicted_at": [None, 0, US + 10**9, US + 10**13, 4_102_444_800_000_000, 631_152_000_000_000, -1],
    "labelled_at": [US, US + 10**13, 0],
    "model_version": [None, "1.0.1", "a b", "", "x" * 300],
    "label_source": ["user", "nobody", ""],
    "confidence": [0.0, 1.0, 1.5, math.nan, math.inf],
    "feature.speed": [None, math.nan, math.inf, -math.inf, 1.7e308],
    "prediction.d50": [None, math.nan, -math.inf, 0.0],
    "label.d50": [3.5, math.nan, math.inf],
}
CHANGES = st.lists(st.dictionaries(st.sampled_from(sorted(ODD)), st.integers(0, 6), max_size=2), min_size=1, max_size=6)


def rows_of(stories):
    for number, changes in enumerate(stories):
        odd = {name: ODD[name][pick % len(ODD[name])] for name, pick in changes.items()}
        sound = {"prediction_id": f"p{number}", "predicted_at": US + number, "model_version": "1.0.0"}
        yield dict.fromkeys(TYPES) | sound | {"feature.speed": 1.0, "prediction.d50": 2.0} | odd


def is_empty(column):
    return column.null_count == len(column)


def arrow_of(rows):
    columns = {name: pa.array([row[name] for row in rows], kind) for name, kind in TYPES.items()}
    given_ones = {name: column for name, column in columns.items() if name in ALWAYS or not is_empty(column)}
    fields = [(name, TYPES[name]) for name in given_ones]
    return encode_batch(
        pa.record_batch(list(given_ones.values()), schema=pa.schema(fields, metadata={"model_id": "plant"}))
    )


def arrow_record(make, rows):
    return make.raw(arrow_of(rows), "k", kind=ARROW)


@settings(deadline=None)
@given(CHANGES)
def test_rows_are_refused_together_as_they_are_alone(fresh_bench, stories):
    rows = list({row["prediction_id"]: row for row in rows_of(stories)}.values())
    (together, make), (alone, _), sentences = fresh_bench(), fresh_bench(), []
    together.feed([arrow_record(make, rows)])
    for row in rows:
        sentences += alone.feed([arrow_record(make, [row])]).dead_letters or [None]
    assert [repr(row) for row in together.rows()] == [repr(row) for row in alone.rows()]
    wrong = [(number, letter.message) for number, letter in enumerate(sentences) if letter is not None]
    said = [f"row {number}: {text}" if number else text for number, text in wrong[:1]]
    assert [letter.message for letter in together.dead] == said


@pytest.mark.parametrize("clock", ["event", "wall"])
@pytest.mark.parametrize("name", ODD)
def test_what_is_settled_by_a_whole_column_is_settled_so_row_by_row(bench_of, make, name, clock):
    """A row in which all is missing has every check look at each row."""
    for pick in range(len(ODD[name])):
        quick, slow = bench_of(clock=clock), bench_of(clock=clock)
        (row,) = rows_of([{name: pick}])
        quick.feed([arrow_record(make, [row])])
        slow.feed([arrow_record(make, [row, dict.fromkeys(TYPES)])])
        assert [repr(row) for row in quick.rows()] == [repr(row) for row in slow.rows()]
        refused = [letter.message for letter in slow.dead if not letter.message.startswith("row 1: ")]
        assert [letter.message for letter in quick.dead] == refused


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([(), (JSON,), (AVRO,), (COLUMNS,), (ARROW,), ("text/plain",), (JSON, AVRO)]), max_size=6)
)
def test_records_are_told_apart_by_their_type_together_as_they_are_alone(fresh_bench, row, kinds):
    records = [
        FakeRecord(
            PREDICTION_OUTCOMES, key=f"p{number}", value=json.dumps(row(number)),
            headers=tuple(header for kind in own for header in content_header(kind)), at_offset=number,
        )
        for number, own in enumerate(kinds)
    ]  # fmt: skip
    together, alone = fresh_bench()[0], fresh_bench()[0]
    together.feed(records)
    for record in records:
        alone.feed([record])
    assert together.rows() == alone.rows()
    assert [(d.record, d.message) for d in together.dead] == [(d.record, d.message) for d in alone.dead]


class Timeless(FakeRecord):
    """A record that may not be asked for its time."""

    def timestamp(self):
        raise AssertionError("nobody needs the time of this record")


@pytest.mark.parametrize("clock", ["event", "wall"])
def test_records_are_asked_for_their_time_where_the_clock_of_their_model_goes_by_it(bench_of, row, clock):
    bench = bench_of(clock=clock)
    record = Timeless(PREDICTION_OUTCOMES, key="p1", value=json.dumps(row(1)))
    if clock == "wall":
        with pytest.raises(AssertionError, match="nobody needs"):
            bench.feed([record])
    else:
        bench.feed([record])
        assert [one["prediction_id"] for one in bench.rows()] == ["p1"]


@given(st.lists(st.sampled_from([None, "", "a", "aa", "ab", "é"]), max_size=5), st.integers(0, 3))
def test_a_text_is_the_only_one_where_all_rows_have_it(texts, start):
    column = pa.array(["a", None, "b", *texts], pa.string()).slice(start)
    values = set(column.to_pylist())
    assert only_text(column) == (values.pop() if len(values) == 1 else None)
