from datetime import UTC, datetime

import pytest

from driftloop.processor import StaleTableError


def test_a_prediction_becomes_a_row_with_its_derived_feature(bench, make, row):
    bench.feed([make.outcome(row(1, confidence=0.5, attributes={"b": "2", "a": "1"}))])
    (framed,) = bench.rows()
    assert framed["event"] == "prediction"
    assert framed["feature.speed"] == 11.0
    assert framed["feature.energy"] == pytest.approx(2.2)
    assert framed["prediction.d50"] == 1.5
    assert framed["label.d50"] is None
    assert framed["labelled_at"] is None
    assert framed["label_source"] is None
    assert framed["attributes"] == '{"a":"1","b":"2"}'
    assert framed["predicted_at"] == datetime(2026, 1, 5, 8, 0, 1, tzinfo=UTC)
    assert bench.frames[0].header.model_id == "plant"
    assert bench.frames[0].header.rows == 1


def test_a_row_with_a_label_is_an_outcome_and_one_without_a_prediction_an_example(bench, make, row, moment):
    labelled = row(1, label=2, labelled_at=moment(60), label_source="user", weight=2)
    example = row(2, label={"d50": 3.0}, prediction=..., model_version=...)
    bench.feed([make.outcome(labelled), make.outcome(example)])
    assert bench.events() == [("p1", "outcome"), ("p2", "example")]
    first, second = bench.rows()
    assert (first["label.d50"], first["label_source"], first["weight"]) == (2.0, "user", 2.0)
    assert (second["label.d50"], second["model_version"]) == (3.0, None)
    assert second["labelled_at"] == second["predicted_at"], "a label without a time was known at once"


def test_a_missing_feature_is_null_and_an_extra_one_is_ignored_and_both_are_counted(bench, make, row):
    bench.feed([make.outcome(row(1, features={"speed": 3, "colour": "red"}))])
    (framed,) = bench.rows()
    assert framed["feature.speed"] == 3.0
    assert framed["feature.rate"] is None
    assert framed["feature.energy"] is None
    assert "feature.colour" not in framed
    assert bench.core.extra_features == {"plant": 1}
    assert bench.core.counts.missing_features == {"plant": 2}, "the derived one is missing too"


@pytest.mark.parametrize(
    "given", [{}, {"segment": {}}, {"segments": {"region": "north"}}, {"segment": {"city": "Ulm"}}]
)
def test_rows_that_do_not_say_a_declared_segment_are_counted(bench, make, given):
    rain = {
        "prediction_id": "p1", "model_id": "rain", "model_version": "1.0.0", "predicted_at": "2026-01-05T08:00:00Z",
        "features": {"wind": 1.0, "town": 7}, "prediction": True,
    }  # fmt: skip
    whole = rain | {"prediction_id": "p2", "segment": {"region": "north"}}
    bench.feed([make.outcome(rain | given), make.outcome(whole)])
    assert bench.core.counts.without_segment == {("rain", "region"): 1}


def test_a_prediction_id_counts_once_a_model_in_a_batch_and_over_batches(bench, make, row):
    other = {
        "prediction_id": "p1",
        "model_id": "rain",
        "model_version": "1.0.0",
        "predicted_at": "2026-01-05T08:00:00Z",
    }
    rain = other | {"features": {"wind": 1.0, "town": 7}, "prediction": True, "segment": {"region": "north"}}
    bench.feed([make.outcome(row(1)), make.outcome(row(1, prediction=9.0)), make.outcome(rain)])
    bench.feed([make.outcome(row(1)), make.outcome(row(2))])
    assert [r["prediction_id"] for r in bench.rows("plant")] == ["p1", "p2"]
    (town,) = bench.rows("rain")
    assert (town["feature.town"], town["prediction.rain"], town["segment.region"]) == ("7", "true", "north")
    assert bench.ignored == {"duplicate": 2}


def test_frames_follow_the_order_in_which_models_were_first_seen_and_rows_that_of_arrival(bench, make, row):
    rain = {"model_id": "rain", "model_version": "1.0.0", "predicted_at": "2026-01-05T08:00:00Z", "prediction": "no"}
    town = rain | {"prediction_id": "r1", "features": {"wind": 1.0, "town": "Ulm"}}
    bench.feed(
        [make.outcome(town), make.outcome(row(5)), make.outcome(row(3)), make.outcome(town | {"prediction_id": "r2"})]
    )
    assert [f.header.model_id for f in bench.frames] == ["rain", "plant"]
    assert [p for p, _ in bench.events()] == ["r1", "r2", "p5", "p3"]


def test_a_model_with_several_target_fields_takes_an_object(bench, make, row):
    granule = row(1, model_id="granule", features={"speed": 1}, prediction={"d50": 3, "grade": 1, "more": 4})
    bench.feed(
        [make.outcome(granule), make.outcome(granule | {"prediction_id": "p2", "label": {"d50": 2, "grade": "1"}})]
    )
    first, second = bench.rows()
    assert (first["prediction.d50"], first["prediction.grade"], first["label.d50"]) == (3.0, "1", None)
    assert (second["label.d50"], second["label.grade"]) == (2.0, "1")


def test_shadow_predictions_get_columns_of_their_own(bench, make, row):
    bench.feed([make.outcome(row(1, shadow={"1.0.1": 2.5})), make.outcome(row(2))])
    assert [r["shadow.1.0.1.d50"] for r in bench.rows()] == [2.5, None]


def test_a_big_batch_is_split_into_frames(bench_with, make, row):
    bench = bench_with(frame_rows=4)
    bench.feed([make.outcome(row(n)) for n in range(10)])
    assert [f.header.rows for f in bench.frames] == [4, 4, 2]
    assert [p for p, _ in bench.events()] == [f"p{n}" for n in range(10)]


def test_an_unknown_model_first_asks_for_fresh_tables_and_then_is_refused(bench, make, row):
    record = make.outcome(row(1, model_id="nobody"))
    with pytest.raises(StaleTableError):
        bench.core.process([record], datetime(2026, 1, 5, tzinfo=UTC))
    bench.feed([make.outcome(row(2)), record])
    assert [d.error_class for d in bench.dead] == ["UnknownModel"]
    assert bench.events() == [("p2", "prediction")]


def test_the_latest_spec_version_counts_whatever_the_order(bench, make, row, spec):
    plain = {
        "model_id": "plant",
        "task": "regression",
        "features": {"speed": {}},
        "target": {"d50": {"kind": "number"}},
    }
    bench.core.take_table("model-specs", [spec(plain, 3), spec(plain, 2)])
    bench.feed([make.outcome(row(1))])
    assert bench.frames[0].header.spec_version == 3
    assert bench.frames[0].names("feature.") == ["speed"]


def test_a_spec_with_a_bad_expression_is_kept_out_and_named(bench, spec):
    bad = {"model_id": "bad", "task": "regression", "features": {"a": {"expression": "__import__('os')"}}}
    bench.core.take_table("model-specs", [spec(bad | {"target": {"d50": {"kind": "number"}}})])
    assert list(bench.core.refused_specs) == ["bad"]


def test_restarting_from_the_state_recognises_the_same_duplicates(bench, make, row, moment):
    bench.feed([make.outcome(row(n)) for n in range(50)] + [make.outcome(row(50, label=1.0, labelled_at=moment(60)))])
    again = bench.restarted()
    again.feed([make.outcome(row(n)) for n in range(48, 53)])
    assert [p for p, _ in again.events()] == ["p51", "p52"]
    assert again.ignored == {"duplicate": 3}


def test_ids_beyond_the_window_are_forgotten_and_their_state_goes(bench_with, make, row, moment):
    bench = bench_with(remembered_rows=20, correctable_rows=0, laid_together=1000)
    for n in range(100):
        bench.feed([make.outcome(row(n, label=1.0, labelled_at=moment(n)))])
    assert len(bench.state) == 20
    bench.feed([make.outcome(row(79)), make.outcome(row(81))])
    assert [p for p, _ in bench.events()][-1] == "p79"


def test_a_feature_that_no_row_brings_is_told_from_one_with_holes(bench, make, row):
    bench.feed([make.outcome(row(number, features={"speed": 3, "colour": "red"})) for number in range(100)])
    assert bench.core.counts.absent_features["plant"].names == ("rate", "energy")


def test_a_feature_renamed_today_is_told_while_labels_still_bring_rows_that_have_it(bench, make, row):
    bench.feed([make.outcome(row(number)) for number in range(300)])
    for first in range(0, 300, 100):
        renamed = [make.outcome(row(300 + first + one, features={"speed": 3, "colour": "red"})) for one in range(100)]
        bench.feed([*renamed, *(make.label(first + one, 2.5, 10) for one in range(100))])
    assert [event for _, event in bench.events()].count("label") == 300
    assert bench.core.counts.absent_features["plant"].names == ("rate", "energy")


def test_what_rows_lacked_is_counted_anew_once_a_partition_has_gone(bench, make, row):
    bench.feed([make.outcome(row(number, features={"speed": 3, "colour": "red"})) for number in range(100)])
    bench.core.revoke(0)
    assert not bench.core.counts.absent_features
