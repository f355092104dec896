"""Predictions and labels of one class in different spellings, and columns of unusual types."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest
from tests.wild.ingest_bench import CHURN, ENCODINGS, arrow_record, at, avro_label, bench, label, row

from driftloop.codec.scalars import category_text
from driftloop.contracts.prediction_labels import PredictionLabel
from driftloop.contracts.prediction_outcomes import PredictionOutcome
from driftloop.spec.model_spec import TargetField
from driftloop.statistics.losses import field_losses

_SAME = (
    (True, 1, 1.0, "1", "1.0", "true", "True", "TRUE"),
    (False, 0, 0.0, "0", "0.0", "false", "False", "FALSE"),
    (3, 3.0, "3", "3.0"),
    (2**60 + 1, str(2**60 + 1)),
    (0.5, "0.5", "0.50", "5e-1"),
    (-7, "-7", "-7.0"),
    ("rain", "rain"),
    ("007", "007"),
)
EQUAL = [(said, true) for group in _SAME for said in group for true in group]
DIFFERENT = [("007", 7), ("rain", "Rain"), (1, "01"), (True, "yes"), (2, True), ("1", "1 "), (0.93, 1), (0, True)]


@pytest.mark.parametrize("quick", [False, True], ids=["usual way", "quick way"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_pair_that_a_person_calls_equal_is_right_in_every_encoding(encoding, quick):
    encode, out = ENCODINGS[encoding], bench(quick=quick)
    out.feed([avro_label(1_000 + n, true, 60) for n, (_, true) in enumerate(EQUAL)])
    records = []
    for n, (said, true) in enumerate(EQUAL):
        records += encode([row(n, prediction=said, label=true, labelled_at=at(9))])
        records += encode([row(k + n, prediction=said) for k in (1_000, 2_000)])
    out.feed(records)
    out.feed([label(2_000 + n, true, 60) for n, (_, true) in enumerate(EQUAL)])
    assert not out.dead
    labelled = [one for one in out.rows() if one["label.y"] is not None]
    assert len(labelled) == 3 * len(EQUAL)
    assert [one["label.y"] for one in labelled] == [one["prediction.y"] for one in labelled]


@pytest.mark.parametrize(("said", "true"), DIFFERENT)
def test_what_differs_stays_different(said, true):
    for encode in ENCODINGS.values():
        (one,) = bench().feed(encode([row(0, prediction=said, label=true, labelled_at=at(9))])).rows()
        assert one["prediction.y"] != one["label.y"]
    losses = field_losses(
        TargetField(), np.array([category_text(said)], object), np.array([category_text(true)], object)
    )
    assert losses.tolist() == [1.0]


def test_what_both_sides_spell_alike_keeps_its_name():
    words = ["1.0", "0.0", "True", "False", "a", "01", "1", "0", "1e3", "-0.0"]
    rows = [row(n, prediction=word, label=word, labelled_at=at(9)) for n, word in enumerate(words)]
    out = bench().feed(ENCODINGS["json"](rows)).rows()
    assert [(one["prediction.y"], one["label.y"]) for one in out] == [(word, word) for word in words]


def test_shadow_predictions_are_spelled_as_the_prediction_is():
    out = bench().feed(
        ENCODINGS["json"]([row(0, prediction=1, shadow={"1.0.1": True}, label="1.0", labelled_at=at(9))])
    )
    (one,) = out.rows()
    assert (one["prediction.y"], one["shadow.1.0.1.y"], one["label.y"]) == ("1", "1", "1")


NUMPY = [
    (np.bool_(True), "true"),
    (np.int64(2**53 + 1), str(2**53 + 1)),
    (np.float64(1.0), "1.0"),
    (np.str_("rain"), '"rain"'),
    (np.array(3), "3"),
]


@pytest.mark.parametrize(("value", "written"), NUMPY)
def test_a_numpy_scalar_is_taken_for_what_it_is(value, written):
    outcome = PredictionOutcome.model_validate(row(0, prediction=value, shadow={"1.0.1": value}))
    assert f'"prediction":{written},' in outcome.model_dump_json(exclude_unset=True)
    truth = PredictionLabel.model_validate(json.loads(label(0, 1, 9).value()) | {"label": {"y": value}})
    assert f'"label":{{"y":{written}}}' in truth.model_dump_json(exclude_unset=True)


def test_a_whole_number_beyond_two_to_the_53rd_is_not_rounded_in_a_feature():
    outcome = PredictionOutcome.model_validate(row(0, features={"x": np.int64(2**60 + 1), "z": 2}, prediction=1))
    assert json.loads(outcome.model_dump_json(exclude_unset=True))["features"] == {"x": 2**60 + 1, "z": 2.0}


_NOON = datetime(2026, 1, 5, 12)  # noqa: DTZ001  (without a zone, as producers send it)
_UUID = UUID(int=7)
READ = [
    pytest.param(pa.array(["a", "b"], pa.string_view()), ["a", "b"], id="string_view"),
    pytest.param(pa.array(["a", "b"], pa.large_string()), ["a", "b"], id="large_string"),
    pytest.param(pa.array(["a", "b"]).dictionary_encode(), ["a", "b"], id="dictionary"),
    pytest.param(
        pa.array(["a", "b"], pa.string_view()).cast(pa.string()).dictionary_encode(), ["a", "b"], id="dictionary 2"
    ),
    pytest.param(pa.RunEndEncodedArray.from_arrays([1, 2], ["a", "b"]), ["a", "b"], id="run_end_encoded"),
    pytest.param(pa.array([0.1, 3.0], pa.float32()), ["0.1", "3"], id="float32"),
    pytest.param(pa.array([Decimal("0.25"), Decimal("3.00")], pa.decimal128(10, 2)), ["0.25", "3"], id="decimal128"),
    pytest.param(pa.array([date(2026, 1, 5), None]), ["2026-01-05", None], id="date"),
    pytest.param(pa.array([_NOON, None]), ["2026-01-05T12:00:00", None], id="naive timestamp"),
    pytest.param(pa.array([2**60 + 1, None]), [str(2**60 + 1), None], id="int64"),
    pytest.param(pa.array([_UUID.bytes] * 2, pa.uuid()), [str(_UUID)] * 2, id="uuid"),
]


@pytest.mark.wild(
    area="ingestion", given="an Arrow column as polars, pandas or DuckDB write it", right="its values are read"
)
@pytest.mark.parametrize(("column", "words"), READ)
def test_an_arrow_column_of_categories_is_read_for_what_it_says(column, words):
    spec = CHURN | {"features": {"x": {"kind": "category"}}}
    out = bench(spec).feed([_arrow(**{"feature.x": column})])
    assert not out.dead
    assert [one["feature.x"] for one in out.rows()] == words


REFUSED = {
    "binary": pa.array([b"a", b"b"]),
    "binary_view": pa.array([b"a", b"b"], pa.binary_view()),
    "list": pa.array([["a"], ["b"]]),
    "struct": pa.array([{"a": 1}, {"a": 2}]),
    "map": pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int64())),
    "duration": pa.array([1, 2], pa.duration("s")),
}


@pytest.mark.wild(area="ingestion", given="bytes, lists or structs as a category", right="buried with the type named")
@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_category_is_buried_with_its_type(kind):
    out = bench(CHURN | {"features": {"x": {"kind": "category"}}}).feed([_arrow(**{"feature.x": REFUSED[kind]})])
    assert not out.frames
    assert [d.error_class for d in out.dead] == ["WrongType"]
    assert f"is {REFUSED[kind].type}: a category is text" in out.dead[0].message


@pytest.mark.wild(
    area="ingestion", given="NaN in a float32 column of categories", right="that row is buried, the others go on"
)
def test_nan_is_no_category():
    spec = CHURN | {"features": {"x": {"kind": "category"}}}
    out = bench(spec).feed([_arrow(**{"feature.x": pa.array([float("nan"), 2.0], pa.float32())})])
    assert [one["prediction_id"] for one in out.rows()] == ["p1"]
    assert [d.error_class for d in out.dead] == ["NotFinite"]


@pytest.mark.wild(
    area="ingestion",
    given="times without a zone, UUIDs as ids and decimals in Arrow",
    right="read as UTC, text, numbers",
)
def test_naive_times_uuids_and_decimals_are_read():
    ids = pa.array([UUID(int=n).bytes for n in (1, 2)], pa.uuid())
    cost = pa.array([Decimal("0.25"), Decimal("1.50")], pa.decimal128(10, 2))
    out = bench().feed(
        [_arrow(prediction_id=ids, predicted_at=pa.array([_NOON] * 2), cost=cost, **{"feature.x": cost})]
    )
    assert not out.dead
    first, second = out.rows()
    assert first["prediction_id"] == str(UUID(int=1))
    assert first["predicted_at"] == _NOON.replace(tzinfo=UTC)
    assert (second["cost"], second["feature.x"]) == (1.5, 1.5)


@pytest.mark.wild(area="ingestion", given="times as text in Arrow", right="read as in JSON, a bad one buries its row")
def test_times_as_text_in_arrow():
    out = bench().feed([_arrow(predicted_at=pa.array(["2026-01-05T12:00:00Z", "noon"], pa.string_view()))])
    assert [one["prediction_id"] for one in out.rows()] == ["p0"]
    assert [d.error_class for d in out.dead] == ["BadTime"]


def _arrow(**columns):
    made = {
        "prediction_id": pa.array(["p0", "p1"], pa.string_view()),
        "predicted_at": pa.array([_NOON.replace(tzinfo=UTC)] * 2, pa.timestamp("us", tz="UTC")),
        "model_version": pa.array(["1.0.0"] * 2).dictionary_encode(),
        "prediction.y": pa.array([1, 0]),
        "feature.x": pa.array([1.0, 2.0]),
    }
    return arrow_record(made | columns)


def test_probabilities_where_the_labels_are_classes_are_said_within_two_hundred_labelled_rows():
    out = bench()
    for start in range(0, 200, 50):
        assert not out.core.classes_apart
        rows = [row(n, prediction=0.9 - n / 1000, label=n % 2, labelled_at=at(n)) for n in range(start, start + 50)]
        out.feed(ENCODINGS["json"](rows))
    sentence = out.core.classes_apart["churn", "y"]
    assert "are probabilities ('0.9'" in sentence
    assert "send the class as prediction" in sentence


def test_classes_of_which_none_is_on_both_sides_are_said_and_the_first_that_is_ends_it():
    out = bench()
    out.feed(
        ENCODINGS["json"]([row(n, prediction=f"c{n % 2}", label="ab"[n % 2], labelled_at=at(n)) for n in range(200)])
    )
    assert "both predicted ('c0', 'c1') and true ('a', 'b')" in out.core.classes_apart["churn", "y"]
    out.feed(ENCODINGS["json"]([row(300, prediction="a", label="b", labelled_at=at(301))]))
    assert not out.core.classes_apart


def test_a_model_that_is_right_once_is_not_looked_at_again():
    out = bench()
    out.feed(ENCODINGS["json"]([row(n, prediction=1, label=1 if n == 7 else 0, labelled_at=at(n)) for n in range(300)]))
    assert not out.core.classes_apart
