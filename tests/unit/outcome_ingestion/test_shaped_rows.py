"""The quick way of JSON records gives what the usual decoder gives, or leaves them to it."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcome_ingestion.core import shaped_blocks, shaped_rows

ODD_NUMBERS = (
    *("null", "0", "-0", "-0.0", "1e5", "1E+5", "1e-7", "0.5e3", "1e999", "-1e999", "4.9e-324", "0e0", "1" * 30),
    *("01", "-01", "1.", ".5", "-.5", "+1", "1.e5", "1e", "1e+", "--1", "-", "1.2.3", "nan", "inf", "Infinity"),
    *("0x1", "1_0", "true", '"1"', "{}", "[]", "[1]", "1,2", "1\u00a0", "７", ""),
)
NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers().map(str),
    st.sampled_from(ODD_NUMBERS),
)
TEXTS = st.one_of(
    st.text(max_size=5).map(json.dumps),
    st.sampled_from(
        ['"2026-01-05T08:00:00Z"', '"2026-01-05T08:00:00"', '"p,1"', '"\\u0041"', '""', "null", '"a}"', '"ü"']
    ),
)
CHANGED = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["rate", "prediction", "confidence", "weight"]), NUMBERS),
        st.tuples(st.sampled_from(["predicted_at", "label_source", "status", "prediction_id", "model_id"]), TEXTS),
        st.tuples(st.just("junk"), st.sampled_from([b"\n", b" ", b"}", b"\xff", b"x"])),
    ),
    max_size=2,
)
SOUND = {
    "prediction_id": '"p{n}"', "model_id": '"plant"', "model_version": '"1.0.0"',
    "predicted_at": '"2026-01-05T08:00:00Z"', "prediction": "1.5", "confidence": "0.5", "weight": "1", "status": '"ok"',
    "label_source": '"user"', "rate": "2.5",
}  # fmt: skip


def text_of(number, changes):
    fields = {name: value.format(n=number) for name, value in SOUND.items()} | {
        name: value for name, value in changes if name != "junk"
    }
    features = f'{{"speed":{number}.25,"rate":{fields.pop("rate")}}}'
    inside = ",".join(f'"{name}": {value}' for name, value in (fields | {"features": features}).items())
    value = f"{{{inside}}}".encode()
    junk = next((piece for name, piece in changes if name == "junk"), b"")
    return value + junk, fields["prediction_id"]


def records_of(make, stories):
    for number, changes in enumerate(stories):
        value, written = text_of(number, changes)
        try:
            key = json.loads(written)
        except ValueError:
            key = None
        yield make.raw(value, key if isinstance(key, str) else "x")


def outcome_of(bench):
    rows = [[repr(value) for value in row.values()] for row in bench.rows()]
    return rows, [(d.record.offset(), d.stage, d.error_class, d.message) for d in bench.dead], bench.ignored


@settings(max_examples=60)
@given(st.lists(CHANGED, min_size=1, max_size=12))
def test_the_quick_way_gives_the_rows_and_dead_letters_of_the_usual_one(fresh_bench, stories):
    outcomes = []
    with pytest.MonkeyPatch.context() as patch:
        for fewest in (1, 1_000_000):
            patch.setattr(shaped_rows, "FEWEST", fewest)
            patch.setattr(shaped_blocks, "FEWEST", fewest)
            bench, make = fresh_bench()
            records = list(records_of(make, stories))
            for start in range(0, len(records), 5):
                bench.feed(records[start : start + 5])
            outcomes.append(outcome_of(bench))
    assert outcomes[0] == outcomes[1]


def test_records_of_several_shapes_and_rubbish_between_them_all_count(bench, make, row):
    rows = [row(n, **({"label": 1.0, "labelled_at": "2026-01-06T08:00:00Z"} if n % 3 else {})) for n in range(400)]
    rows[7] |= {"features": {"speed": None, "rate": 2}}
    records = [make.outcome(one) for one in rows]
    records[100:100] = [make.raw(b"{", "x"), make.outcome(row(1000, confidence=7))]
    records.insert(
        200, make.outcome({**row(2000), "model_id": "rain", "features": {"wind": 1, "town": "Ulm"}, "prediction": "no"})
    )
    bench.feed(records)
    assert [p for p, _ in bench.events()][:400] == [f"p{n}" for n in range(400)]
    assert len(bench.dead) == 2
    assert bench.rows("rain")[0]["feature.town"] == "Ulm"
    assert bench.rows("plant")[7]["feature.speed"] is None
    assert math.isclose(bench.rows("plant")[8]["feature.speed"], 18.0)
