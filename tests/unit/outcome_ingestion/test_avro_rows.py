"""Rows and labels in Avro count as the same rows and labels in JSON do."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftloop.codec.avro import AvroTopic
from driftloop.contracts.prediction_labels import PredictionLabel
from driftloop.contracts.prediction_outcomes import PredictionOutcome
from driftloop.contracts.topics import PREDICTION_LABELS, PREDICTION_OUTCOMES

AVRO = "application/avro"
OUTCOMES, LABELS = AvroTopic(PREDICTION_OUTCOMES), AvroTopic(PREDICTION_LABELS)

FINITE = st.floats(allow_nan=False, allow_infinity=False)
SCALAR = st.one_of(FINITE, st.integers(-(2**53), 2**53), st.booleans(), st.text(max_size=3))
FIELDS = {
    "prediction_id": st.text(min_size=1, max_size=5, alphabet="abcé€"),
    "predicted_at": st.sampled_from(["2026-01-05T08:00:00Z", "2026-01-05T08:00:00.123456+02:00", "1970-01-01T00:00Z"]),
    "features": st.dictionaries(
        st.sampled_from(["speed", "rate", "extra"]), st.one_of(FINITE, st.text(max_size=2), st.none())
    ),
    "prediction": st.one_of(SCALAR, st.just({"d50": 1.5}), st.just({"d90": 1.5})),
    "label": st.one_of(SCALAR, st.none(), st.just({"d50": 2})),
    "labelled_at": st.sampled_from(["2026-01-05T09:00:00Z", None]),
    "confidence": st.sampled_from([0.0, 0.5, 1.0, None]),
    "label_source": st.sampled_from(["user", "system", "pseudo"]),
    "weight": st.sampled_from([0.5, None]),
    "segment": st.sampled_from([{}, {"region": "north"}]),
    "tokens": st.sampled_from([None, 7]),
    "shadow": st.sampled_from([{}, {"1.0.1": 2.0}, {"1.0.1": {"d50": 2.0}}]),
    "attributes": st.sampled_from([{}, {"a": "b"}]),
}
GOOD = {"model_id": "plant", "model_version": "1.0.0", "prediction_id": "p1", "predicted_at": "2026-01-05T08:00:00Z"}
GOOD |= {"features": {"speed": 1.0, "rate": 2.0}, "prediction": 1.0}


def in_avro(make, row: dict[str, Any]):
    return make.raw(OUTCOMES.encode(PredictionOutcome.model_validate(row)), row["prediction_id"], kind=AVRO)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.fixed_dictionaries({}, optional=FIELDS), min_size=1, max_size=3))
def test_avro_and_json_give_the_same_rows_and_the_same_dead_letters(fresh_bench, changes):
    rows = [GOOD | {"prediction_id": f"p{number}"} | change for number, change in enumerate(changes)]
    (in_json, make_json), (avro, make_avro) = fresh_bench(), fresh_bench()
    in_json.feed([make_json.outcome(row) for row in rows])
    avro.feed([in_avro(make_avro, row) for row in rows])
    assert avro.rows() == in_json.rows()
    assert [letter.error_class for letter in avro.dead] == [letter.error_class for letter in in_json.dead]
    assert avro.ignored == in_json.ignored


def test_many_rows_of_one_shape_come_through_in_order(bench, make, row):
    bench.feed(
        [in_avro(make, row(number, label=2.0, labelled_at=row(number)["predicted_at"])) for number in range(500)]
    )
    assert [framed["prediction_id"] for framed in bench.rows()] == [f"p{number}" for number in range(500)]
    assert [framed["feature.speed"] for framed in bench.rows()] == [10.0 + number for number in range(500)]


def test_features_that_come_in_another_order_are_told_apart_by_name(bench, make, row):
    swapped = row(1, features={"rate": 3.0, "speed": 4.0})
    bench.feed([in_avro(make, row(0)), in_avro(make, swapped), in_avro(make, swapped | {"prediction_id": "p2"})])
    assert [(framed["feature.rate"], framed["feature.speed"]) for framed in bench.rows()] == [(200, 10), (3, 4), (3, 4)]


def test_models_with_categories_and_several_fields_are_read_too(bench, make, row):
    rain = row(1, model_id="rain", features={"wind": 3, "town": "Bonn"}, prediction="yes", segment={"region": "north"})
    granule = row(2, model_id="granule", features={"speed": 3}, prediction={"d50": 1.0, "grade": "A"})
    bench.feed([in_avro(make, rain), in_avro(make, granule)])
    assert bench.rows("rain")[0]["segment.region"] == "north"
    assert bench.rows("granule")[0]["prediction.grade"] == "A"


NOT_FINITE = [float("nan"), float("inf"), float("-inf")]


@pytest.mark.parametrize("value", NOT_FINITE)
@pytest.mark.parametrize("field", ["features", "prediction", "label", "shadow"])
def test_a_number_that_is_not_finite_buries_its_row(bench, make, row, field, value):
    wrong = {"features": {"speed": value, "rate": 1.0}, "shadow": {"1.0.1": value}}.get(field, value)
    bench.feed([in_avro(make, row(0)), in_avro(make, row(1)), in_avro(make, row(2, **{field: wrong}))])
    assert [letter.error_class for letter in bench.dead] == ["NotFinite"]
    assert len(bench.rows()) == 2


DAMAGED = {
    "no header": lambda value: value[10:],
    "cut": lambda value: value[:-5],
    "cut in the header": lambda value: value[:7],
    "longer": lambda value: value + b"\0",
    "another schema": lambda value: value[:2] + bytes(8) + value[10:],
    "a text longer than the record": lambda value: value[:10] + b"\xfe\xff\x07" + value[11:],
    "bad UTF-8": lambda value: value.replace(b"plant", b"pl\xff\xfet"),
    "nothing": lambda value: b"",
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_record_is_buried_and_its_neighbours_go_on(bench, make, row, damage):
    good = in_avro(make, row(1))
    bench.feed([in_avro(make, row(0)), make.raw(damage(good.value()), "p1", kind=AVRO), in_avro(make, row(2))])
    assert [framed["prediction_id"] for framed in bench.rows()] == ["p0", "p2"]
    assert [letter.stage for letter in bench.dead] == ["decode"]


@given(st.binary(max_size=300), st.integers(10, 60))
def test_noise_never_stops_the_service(fresh_bench, noise, kept):
    bench, make = fresh_bench()
    good = OUTCOMES.encode(PredictionOutcome.model_validate(GOOD))
    bench.feed([make.raw(good[:kept] + noise, "p1", kind=AVRO), make.raw(good, "p1", kind=AVRO)])
    assert len(bench.rows()) + len(bench.dead) + sum(bench.ignored.values()) == 2


def test_a_label_in_avro_joins_its_row(bench, make, row, moment):
    label = PredictionLabel(prediction_id="p0", model_id="plant", label=9.0, labelled_at=moment(60))
    bench.feed([in_avro(make, row(0)), make.raw(LABELS.encode(label), "p0", kind=AVRO, topic=PREDICTION_LABELS)])
    assert [(framed["event"], framed["label.d50"]) for framed in bench.rows()][-1][1] == 9.0


@pytest.mark.parametrize("value", [None, b"", b"\xc3\x01", json.dumps({"label": 1}).encode()])
def test_a_label_that_is_no_avro_is_buried(bench, make, value):
    bench.feed([make.raw(value, "p0", kind=AVRO, topic=PREDICTION_LABELS)])
    assert [letter.stage for letter in bench.dead] == ["decode"]
