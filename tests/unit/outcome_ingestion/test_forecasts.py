"""Forecasts as they come in: lists in every encoding that carries them, and labels whole or step by step."""

import json

import pyarrow as pa
import pytest
from tests.unit.outcome_ingestion.conftest import Bench, Maker, at, new_core

from driftloop.codec.arrow import encode_batch
from driftloop.codec.content_types import ARROW, COLUMNS
from driftloop.contracts.topics import PREDICTION_LABELS

LOAD = {
    "model_id": "load",
    "task": "forecast",
    "features": {
        "server": {"kind": "category"},
        "past": {"kind": "series"},
        "plan": {"kind": "series", "span": "horizon"},
    },
    "target": {"cpu": {"kind": "series"}},
    "forecast": {"horizon": 3, "step_seconds": 30, "entity": "server", "quantiles": [0.1, 0.9], "encoder_steps": 2},
}
SAID = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
LISTS = pa.list_(pa.float64())
TIME = pa.timestamp("us", tz="UTC")


def outcome(**fields):
    row = {
        "prediction_id": "f1",
        "model_id": "load",
        "model_version": "1.0.0",
        "predicted_at": at(0),
        "features": {"server": "web-1", "past": [7, None], "plan": [0, 1, 0]},
        "prediction": SAID,
    }
    return row | fields


@pytest.fixture
def load_bench():
    return Bench(new_core(specs=[LOAD]))


@pytest.fixture
def records():
    return Maker()


def told(bench):
    (row,) = bench.rows()
    return {name: row[name] for name in ("feature.past", "feature.plan", "prediction.cpu", "label.cpu", "event")}


def as_json(records):
    return records.outcome(outcome(label=[1, None, 3], labelled_at=at(90)))


def with_lists_of_quantiles(records):
    prediction = {"cpu": [[1, 2], [3, 4], [5, 6]]}
    return records.outcome(outcome(prediction=prediction, label={"cpu": [1, None, 3]}, labelled_at=at(90)))


def as_columns(records):
    row = outcome(label=[[1, None, 3]], labelled_at=[at(90)])
    row |= {name: [row[name]] for name in ("prediction_id", "predicted_at", "prediction")}
    row["features"] = {name: [value] for name, value in row["features"].items()}
    return records.raw(json.dumps(row).encode(), "f1", kind=COLUMNS)


def as_arrow(records, kind=LISTS):
    columns = {
        "prediction_id": pa.array(["f1"]),
        "model_version": pa.array(["1.0.0"]),
        "predicted_at": pa.array([at(0)]).cast(TIME),
        "labelled_at": pa.array([at(90)]).cast(TIME),
        "feature.server": pa.array(["web-1"]),
        "feature.past": pa.array([[7.0, None]], kind),
        "feature.plan": pa.array([[0.0, 1.0, 0.0]], kind),
        "prediction.cpu": pa.array([SAID], kind),
        "label.cpu": pa.array([[1.0, None, 3.0]], kind),
    }
    batch = pa.RecordBatch.from_pydict(columns).replace_schema_metadata({"model_id": "load"})
    return records.raw(encode_batch(batch), "f1", kind=ARROW)


@pytest.mark.parametrize("record", [as_json, with_lists_of_quantiles, as_columns, as_arrow])
def test_every_encoding_gives_the_same_lists(load_bench, records, record):
    load_bench.feed([record(records)])
    assert load_bench.dead == []
    assert told(load_bench) == {
        "feature.past": [7.0, None],
        "feature.plan": [0.0, 1.0, 0.0],
        "prediction.cpu": SAID,
        "label.cpu": [1.0, None, 3.0],
        "event": "outcome",
    }


@pytest.mark.wild(
    area="types",
    given="a forecast whose lists are large lists of float32, as pandas and polars write them",
    right="the values are read as they stand",
)
def test_lists_of_other_widths_are_read(load_bench, records):
    load_bench.feed([as_arrow(records, pa.large_list(pa.float32()))])
    assert told(load_bench)["prediction.cpu"] == SAID


@pytest.mark.wild(
    area="types",
    given="a forecast with a step too few, a gap in what is predicted, or no list at all",
    right="the record is buried with a sentence that says how many values are wanted",
)
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"prediction": SAID[:-1]}, "'prediction.cpu' has 5 values, the spec asks for 6"),
        ({"prediction": [1, 2, None, 4, 5, 6]}, "a forecast has a value for every step"),
        ({"prediction": 4.0}, "prediction 'cpu' is declared a series and is no list"),
        ({"label": [1, 2, 3, 4], "labelled_at": at(90)}, "label 'cpu' has 4 values, the spec asks for 3"),
        ({"features": {"server": "web-1", "past": [1]}}, "feature 'past' has 1 values, the spec asks for 2"),
        ({"features": {"server": "web-1", "past": [1, "x"]}}, "Expected"),
    ],
    ids=["short", "gap", "number", "long label", "short past", "text"],
)
def test_a_list_that_is_none_or_of_another_length_is_buried(load_bench, records, fields, words):
    load_bench.feed([records.outcome(outcome(**fields))])
    (letter,) = load_bench.dead
    assert words in letter.message


def label(records, values, seconds):
    row = {"prediction_id": "f1", "model_id": "load", "label": values, "labelled_at": at(seconds)}
    return records.raw(json.dumps(row).encode(), "f1", topic=PREDICTION_LABELS)


@pytest.mark.wild(
    area="labels",
    given="the truths of a forecast come one step at a time, out of order, over a restart",
    right="the forecast is labelled once, with the last step, and each truth is where it belongs",
)
def test_steps_of_a_label_wait_for_one_another(load_bench, records):
    load_bench.feed([records.outcome(outcome())])
    load_bench.feed([label(records, [None, 20], 60)])
    load_bench.feed([label(records, [10], 30)])
    assert load_bench.events() == [("f1", "prediction")]
    later = load_bench.restarted(keep=True, specs=[LOAD])
    later.feed([label(records, [None, None, 30], 90)])
    assert later.events() == [("f1", "prediction"), ("f1", "label")]
    assert later.rows()[-1]["label.cpu"] == [10.0, 20.0, 30.0]


@pytest.mark.parametrize("restart", [False, True])
def test_steps_that_are_corrected_one_by_one_keep_one_another(load_bench, records, restart):
    """Three corrections, of a step each, of a forecast that is labelled: none takes another one back."""
    load_bench.feed([records.outcome(outcome()), label(records, [1, 2, 3], 90)])
    for steps, seconds in (([10], 100), ([None, 20], 110), ([None, None, 30], 120)):
        load_bench = load_bench.restarted(keep=True, specs=[LOAD]) if restart else load_bench
        load_bench.feed([label(records, steps, seconds)])
    assert [event for _, event in load_bench.events()] == ["prediction", "label", *["correction"] * 3]
    assert load_bench.rows()[-1]["label.cpu"] == [10.0, 20.0, 30.0]


def test_a_whole_list_leaves_its_gaps(load_bench, records):
    load_bench.feed([records.outcome(outcome()), label(records, [1, None, 3], 90)])
    assert load_bench.rows()[-1]["label.cpu"] == [1.0, None, 3.0]


def test_a_list_for_a_model_of_numbers_is_buried(bench, make, row):
    bench.feed([make.outcome(row(1, features={"speed": [1, 2], "rate": 3}))])
    (letter,) = bench.dead
    assert "declared a number" in letter.message


@pytest.mark.wild(
    area="types",
    given="forecasts as columnar JSON without a label, as a producer sends nearly all; and one of numbers, no lists",
    right="the first are taken and wait for their label; the second is buried with a sentence",
)
@pytest.mark.parametrize("prediction", [SAID, 4.0], ids=["list", "number"])
def test_columns_of_forecasts_without_labels(load_bench, records, prediction):
    row = outcome()
    row |= {name: [row[name]] for name in ("prediction_id", "predicted_at")} | {"prediction": [prediction]}
    row["features"] = {name: [value] for name, value in row["features"].items()}
    load_bench.feed([records.raw(json.dumps(row).encode(), "f1", kind=COLUMNS)])
    taken = prediction is SAID
    assert load_bench.events() == ([("f1", "prediction")] if taken else [])
    assert [letter.error_class for letter in load_bench.dead] == ([] if taken else ["Undecodable"])
