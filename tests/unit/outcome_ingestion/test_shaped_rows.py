"""The quick way of records gives what the usual decoders give, or leaves them to those."""

import io
import json
import math
from datetime import UTC, timedelta, timezone

import fastavro
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftloop.codec.avro import AvroTopic
from driftloop.codec.content_types import AVRO, COLUMNS, JSON
from driftloop.contracts.topics import PREDICTION_OUTCOMES

OUTCOMES = AvroTopic(PREDICTION_OUTCOMES)
PARSED = fastavro.parse_schema(dict(OUTCOMES.schema))

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


def both_ways(fresh_bench, kind, write):
    """What the quick way makes of the records that `write` gives, and what the usual one does."""
    outcomes = []
    for fewest in (1, 1_000_000):
        bench, make = fresh_bench()
        bench.core.shaped[kind].fewest = fewest
        records = list(write(make))
        for start in range(0, len(records), 5):
            bench.feed(records[start : start + 5])
        outcomes.append(outcome_of(bench))
    return outcomes


@settings(max_examples=60)
@given(st.lists(CHANGED, min_size=1, max_size=12))
def test_the_quick_way_gives_the_rows_and_dead_letters_of_the_usual_one(fresh_bench, stories):
    quick, usual = both_ways(fresh_bench, JSON, lambda make: records_of(make, stories))
    assert quick == usual


def written_numbers(rng):
    """Numbers as producers write them: few digits, as many as a double needs, and more; near and far from 1."""
    for _ in range(4_000):
        yield repr(float(rng.normal()))
        yield repr(float(rng.normal() * 10.0 ** int(rng.integers(-30, 30))))
        yield f"{rng.normal():.{rng.integers(0, 20)}f}"
        yield f"{rng.normal() * 1e6:.{rng.integers(0, 20)}e}"
        yield str(int(rng.integers(-(2**62), 2**62)))
        yield f"{rng.integers(1, 2**62)}{rng.integers(1, 2**20)}e-22"
        bits = float(
            rng.integers(0, 0x7FF << 52, dtype=np.uint64).view(np.float64)
        )  # under infinity and what is no number
        yield repr(bits)


def test_every_number_is_read_to_the_double_that_is_nearest(fresh_bench):
    texts = [text for text in written_numbers(np.random.default_rng(1)) if json.loads(text)]
    bench, make = fresh_bench()
    value = columnar(1, {"prediction_id": json.dumps([f"r{i}" for i in range(len(texts))])} | {
        "predicted_at": json.dumps(["2026-01-05T08:00:00Z"] * len(texts)),
        "speed": f"[{','.join(texts)}]", "rate": f"[{','.join(texts)}]", "prediction": f"[{','.join(texts)}]",
    })  # fmt: skip
    bench.feed([make.raw(value, "r0", kind=COLUMNS)])
    expected = [repr(float(json.loads(text))) for text in texts]
    for name in ("feature.speed", "prediction.d50"):
        assert [repr(row[name]) for row in bench.rows()] == expected


MOMENTS = st.one_of(
    st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-3, minutes=-30))])).map(
        lambda at: at.isoformat()
    ),
    st.from_regex(
        r"(19|20|21)\d\d-[01]\d-[0-3]\d[Tt ][0-2]\d:[0-6]\d:[0-6]\d(\.\d{0,9})?(Z|z|[+-]\d\d:?\d\d|)", fullmatch=True
    ),
)


@pytest.mark.slow
@given(st.lists(MOMENTS, min_size=1, max_size=5))
def test_times_are_read_as_the_usual_way_reads_them(fresh_bench, moments):
    stories = [[("predicted_at", json.dumps(moment))] for moment in moments]
    quick, usual = both_ways(fresh_bench, JSON, lambda make: records_of(make, stories))
    assert quick == usual


DAMAGE = st.tuples(st.sampled_from(["flip", "cut", "add"]), st.integers(0, 10_000), st.integers(0, 255))


def damaged(value, damage):
    kind, place, byte = damage
    place %= len(value)
    if kind == "flip":
        return value[:place] + bytes([value[place] ^ (byte or 1)]) + value[place + 1 :]
    return value[:place] if kind == "cut" else value + bytes([byte])


AVRO_FIELDS = {
    "prediction_id": st.sampled_from(["p", "pp", "ü", "x" * 201]),
    "model_id": st.sampled_from(["plant", "plan", "unknown"]),
    "features": st.dictionaries(
        st.sampled_from(["speed", "rate", "extra"]), st.one_of(st.floats(), st.integers(-9, 9), st.none(), st.just("x"))
    ),
    "prediction": st.one_of(st.floats(), st.integers(-(2**60), 2**60), st.booleans(), st.none(), st.just({"d50": 1.0})),
    "label": st.one_of(st.floats(), st.integers(-9, 9), st.none()),
    "confidence": st.one_of(st.none(), st.floats()),
    "label_source": st.sampled_from(["user", "guess", "system"]),
    "status": st.sampled_from([None, "ok", "später"]),
    "segment": st.sampled_from([{}, {"region": "north"}]),
    "tokens": st.sampled_from([None, 7]),
    "attributes": st.sampled_from([{}, {"a": "b"}]),
}
AVRO_SOUND = {
    "prediction_id": "p", "model_id": "plant", "model_version": "1.0.0", "predicted_at": 1_767_600_000_000_000,
    "features": {"speed": 1.5, "rate": 2.0}, "prediction": 1.0,
}  # fmt: skip


def in_avro(row):
    written = io.BytesIO(OUTCOMES.header)
    written.seek(len(OUTCOMES.header))
    fastavro.schemaless_writer(written, PARSED, row)
    return written.getvalue()


@pytest.mark.slow
@settings(max_examples=80)
@given(
    st.lists(
        st.tuples(st.fixed_dictionaries({}, optional=AVRO_FIELDS), st.one_of(st.none(), st.none(), DAMAGE)),
        min_size=1,
        max_size=12,
    )
)
def test_avro_is_read_quickly_to_the_rows_and_dead_letters_of_the_usual_way(fresh_bench, stories):
    def write(make):
        for number, (changes, damage) in enumerate(stories):
            row = AVRO_SOUND | {"prediction_id": f"p{number}"} | changes
            value = in_avro(row) if damage is None else damaged(in_avro(row), damage)
            yield make.raw(value, row["prediction_id"], kind=AVRO)

    quick, usual = both_ways(fresh_bench, AVRO, write)
    assert quick == usual


def test_the_earliest_time_that_avro_can_write_is_no_missing_time(fresh_bench):
    def write(make):
        for number, labelled_at in enumerate([1_767_600_000_000_000, -(2**63), 1_767_600_000_000_001]):
            row = AVRO_SOUND | {"prediction_id": f"p{number}", "label": 1.0, "labelled_at": labelled_at}
            yield make.raw(in_avro(row), row["prediction_id"], kind=AVRO)

    quick, usual = both_ways(fresh_bench, AVRO, write)
    assert quick == usual
    assert [error_class for _, _, error_class, _ in quick[1]] == ["TimeOutOfRange"]


LISTS = st.tuples(
    st.sampled_from(["rate", "prediction", "confidence", "label", "weight"]),
    st.lists(NUMBERS, min_size=1, max_size=4).map(lambda cells: f"[{','.join(cells)}]"),
)
TEXT_LISTS = st.tuples(
    st.sampled_from(["predicted_at", "labelled_at", "label_source", "status", "prediction_id", "model_version"]),
    st.one_of(
        st.lists(TEXTS, min_size=1, max_size=4).map(lambda cells: f"[{', '.join(cells)}]"),
        st.sampled_from(['"1.0.0"', '"user"', "null", "[]", "[ ]", '["a" ,"b"]']),
    ),
)


def columnar(number, changes):
    ids = f'["r{number}a","r{number}b"]'
    fields = {
        "model_id": '"plant"', "model_version": '"1.0.0"', "prediction_id": ids, "speed": "[1.5,2]",
        "rate": "[2, null]",
        "predicted_at": '["2026-01-05T08:00:00Z","2026-01-05T08:00:01Z"]', "prediction": "[0.5,0.25]",
    } | dict(changes)  # fmt: skip
    features = f'{{"speed":{fields.pop("speed")},"rate":{fields.pop("rate")}}}'
    inside = ",".join(f'"{name}":{value}' for name, value in (fields | {"features": features}).items())
    return f"{{{inside}}}".encode()


@pytest.mark.slow
@settings(max_examples=80)
@given(
    st.lists(
        st.tuples(st.lists(st.one_of(LISTS, TEXT_LISTS), max_size=2), st.one_of(st.none(), st.none(), DAMAGE)),
        min_size=1,
        max_size=8,
    )
)
def test_columns_are_read_quickly_to_the_rows_and_dead_letters_of_the_usual_way(fresh_bench, stories):
    def write(make):
        for number, (changes, damage) in enumerate(stories):
            value = columnar(number, changes)
            yield make.raw(value if damage is None else damaged(value, damage), f"r{number}a", kind=COLUMNS)

    quick, usual = both_ways(fresh_bench, COLUMNS, write)
    assert quick == usual


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
