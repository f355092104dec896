import gc

import pytest

from driftloop.codec.arrow import encode_batch
from outcome_ingestion.core.labels.held_rows import Chunk, decode_rows

DAY = 86_400


def test_a_label_that_comes_after_its_row_repeats_the_whole_row(bench, make, row):
    bench.feed([make.outcome(row(1)), make.outcome(row(2))])
    bench.feed([make.label(2, 7, 600, label_source="user", weight=0.5)])
    assert bench.events() == [("p1", "prediction"), ("p2", "prediction"), ("p2", "label")]
    joined = bench.rows()[-1]
    assert (joined["label.d50"], joined["label_source"], joined["weight"]) == (7.0, "user", 0.5)
    assert (joined["feature.speed"], joined["prediction.d50"]) == (12.0, 1.5)
    assert bench.core.counts.delays["plant"].rows[3] == 1, "598 s"


def test_a_label_that_comes_before_its_row_makes_it_an_outcome(bench, make, row):
    bench.feed([make.label(1, 7, 600)])
    bench.feed([make.outcome(row(1))])
    assert bench.events() == [("p1", "outcome")]
    assert bench.rows()[0]["label.d50"] == 7.0
    assert not [key for key in bench.state if key.startswith("early")]


def test_in_one_batch_the_order_of_arrival_decides(bench, make, row):
    bench.feed([make.label(1, 7, 600), make.outcome(row(1)), make.outcome(row(2)), make.label(2, 8, 600)])
    assert bench.events() == [("p1", "outcome"), ("p2", "prediction"), ("p2", "label")]


def test_a_later_label_corrects_and_an_older_or_equal_one_is_ignored(bench, make, row):
    bench.feed([make.outcome(row(1)), make.label(1, 7, 600)])
    bench.feed([make.label(1, 7, 600), make.label(1, 9, 500), make.label(1, 8, 700)])
    assert [e for _, e in bench.events()] == ["prediction", "label", "correction"]
    assert bench.rows()[-1]["label.d50"] == 8.0
    assert bench.ignored == {"label_repeated": 2}


def test_an_outcome_that_came_with_its_label_can_be_corrected_within_the_window(bench_with, make, row, moment):
    bench = bench_with(correctable_rows=2)
    bench.feed([make.outcome(row(n, label=1.0, labelled_at=moment(60))) for n in range(3)])
    bench.feed([make.label(0, 2.0, 90), make.label(2, 3.0, 90)])
    assert bench.events()[3:] == [("p2", "correction")]
    assert sum(bench.ignored.values()) == 1


def test_a_label_for_nobody_waits_until_it_is_given_up(bench, make, row, moment):
    bench.feed([make.label(1, 7, 0)])
    assert bench.core.labels_waiting == 1
    bench.feed([make.outcome(row(2, predicted_at=moment(0)))])
    assert bench.core.labels_waiting == 1
    late = make.outcome(row(3, predicted_at=moment(8 * DAY)))
    object.__setattr__(late, "at_ms", late.at_ms + 8 * DAY * 1000)
    bench.feed([late])
    assert bench.core.labels_waiting == 0
    assert bench.ignored == {"label_gave_up": 1}
    assert not [key for key in bench.state if key.startswith("early")]


def test_a_label_after_the_give_up_time_is_ignored(bench, make, row):
    bench.feed([make.outcome(row(1))])
    late = make.label(1, 7, 8 * DAY)
    object.__setattr__(late, "at_ms", late.at_ms + 8 * DAY * 1000)
    bench.feed([late])
    assert bench.events() == [("p1", "prediction")]
    assert bench.ignored["label_too_late"] == 1


def test_a_prediction_that_comes_again_with_its_label_brings_the_label(bench, make, row, moment):
    bench.feed([make.outcome(row(1))])
    again = row(1, label=4.0, labelled_at=moment(30), features={"speed": 0})
    bench.feed([make.outcome(again), make.outcome(again)])
    assert bench.events() == [("p1", "prediction"), ("p1", "label")]
    assert bench.rows()[-1]["feature.speed"] == 11.0, "the row itself is the first that came"
    assert bench.ignored == {"duplicate": 1}


def test_held_rows_go_when_they_have_their_label_and_nothing_can_correct_them(bench_with, make, row):
    bench = bench_with(correctable_rows=0)
    for n in range(10):
        bench.feed([make.outcome(row(n))])
    assert sum(key.startswith("rows") for key in bench.state) == 10
    bench.feed([make.label(n, 1.0, 60) for n in range(10)])
    assert bench.core.rows_waiting == 0
    assert sorted(key.split("/")[0] for key in bench.state if "ids" not in key) == ["marks"], "the clock of the labels"


@pytest.mark.slow
def test_rows_that_are_held_no_longer_leave_the_memory(bench_with, make, row):
    bench = bench_with(correctable_rows=0)
    before = sum(type(one) is Chunk for one in gc.get_objects())
    for first in range(0, 20 * 300, 300):
        numbers = range(first, first + 300)
        bench.feed([make.outcome(row(n)) for n in numbers])
        bench.feed([make.label(n, 1.0, 60) for n in numbers])
    assert bench.core.rows_waiting == 0
    gc.collect()
    assert sum(type(one) is Chunk for one in gc.get_objects()) <= before


def test_a_row_waits_across_a_restart_and_so_does_a_label(bench, make, row):
    bench.feed([make.outcome(row(1)), make.outcome(row(2)), make.label(3, 5, 60), make.label(1, 9, 60)])
    again = bench.restarted()
    again.feed([make.label(1, 9, 60), make.label(1, 8, 90), make.label(2, 6, 60), make.outcome(row(3))])
    assert again.events() == [("p1", "correction"), ("p2", "label"), ("p3", "outcome")]
    assert again.rows()[-1]["label.d50"] == 5.0
    assert again.ignored == {"label_repeated": 1}


def test_a_row_that_waited_under_an_older_spec_is_framed_with_the_columns_of_this_one(bench, make, row, spec):
    bench.feed([make.outcome(row(1))])
    bench.core.take_table("model-specs", [spec({
        "model_id": "plant", "task": "regression", "features": {"rate": {}, "heat": {}},
        "target": {"d50": {"kind": "number"}},
    }, 2)])  # fmt: skip
    bench.feed([make.label(1, 7, 60)])
    assert bench.frames[-1].names("feature.") == ["rate", "heat"]
    assert bench.frames[-1].header.spec_version == 2
    joined = bench.rows()[-1]
    assert (joined["feature.rate"], joined["feature.heat"], joined["label.d50"]) == (200.0, None, 7.0)


def test_what_waits_is_bounded_and_the_oldest_goes_first(bench_with, make, row):
    bench = bench_with(waiting_rows=3, early_labels=2)
    for n in range(5):
        bench.feed([make.outcome(row(n)), make.label(100 + n, 1.0, 60)])
    assert bench.core.rows_waiting == 3
    assert bench.core.labels_waiting == 2
    assert bench.ignored == {"prediction_no_room": 2, "label_no_room": 3}
    bench.feed([make.label(0, 1.0, 60), make.label(4, 1.0, 60)])
    assert bench.events()[-1] == ("p4", "label")
    assert bench.ignored["label_without_row"] == 1


def test_rows_that_come_one_by_one_are_laid_together_and_found_again(bench, make, row):
    for n in range(300):
        bench.feed([make.outcome(row(n))])
    assert len(bench.state) < 60, "two entries a row would be 600"
    bench.feed([make.label(7, 1.0, 400)])
    again = bench.restarted()
    assert again.core.rows_waiting == 299
    again.feed([make.label(n, 2.0, 400) for n in range(300)])
    assert [p for p, e in again.events() if e == "label"] == [f"p{n}" for n in range(300) if n != 7]
    assert again.ignored == {"label_repeated": 1}


def test_a_rating_comes_with_the_prediction_or_the_label_and_a_correction_replaces_it(bench, make, row):
    bench.feed([make.outcome(row(1)), make.outcome(row(2, rating=0.25)), make.label(3, 7, 60, rating=1)])
    bench.feed([make.label(1, 7, 600, label_source="user", rating=0.75), make.label(2, 8, 600), make.outcome(row(3))])
    bench = bench.restarted(keep=True)
    bench.feed([make.label(1, 9, 700)])
    told = {(one["prediction_id"], one["event"]): one["rating"] for one in bench.rows()}
    assert told == {
        ("p1", "prediction"): None, ("p2", "prediction"): 0.25, ("p1", "label"): 0.75, ("p2", "label"): 0.25,
        ("p3", "outcome"): 1.0, ("p1", "correction"): None,
    }  # fmt: skip
    bench.feed([make.label(2, 9, 700, rating=4)])
    assert "rating" in bench.dead[-1].message


def test_a_rating_is_told_once_however_often_the_label_is_corrected(bench, make, row, moment):
    bench.feed([make.outcome(row(n, label=2.0, labelled_at=moment(60), rating=0.5)) for n in (1, 2)])
    bench.feed([make.label(1, value, 600 + value) for value in (3, 4, 5)])
    bench = bench.restarted(keep=True)
    bench.feed([make.label(1, 6, 700), make.label(1, 7, 800, rating=1), make.label(1, 8, 900)])
    told = [one["rating"] for one in bench.rows() if one["event"] == "correction"]
    assert told == [None, None, None, None, 1.0, None]


def test_a_label_that_waits_for_its_row_keeps_its_rating(bench, make, row):
    bench.feed([make.label(1, 7, 60, rating=0.75), make.label(2, 7, 60, rating=0.75), make.label(2, 8, 61)])
    bench.feed([make.label(1, 8, 61)])
    bench.feed([make.outcome(row(1)), make.outcome(row(2))])
    assert [one["rating"] for one in bench.rows()] == [0.75, 0.75]


def test_a_row_that_an_earlier_release_held_takes_a_rating(bench, make, row):
    bench.feed([make.outcome(row(1))])
    (key,) = [key for key in bench.state if key.startswith("rows")]
    bench.state[key] = encode_batch(decode_rows(bench.state[key]).drop_columns(["rating"]))
    bench = bench.restarted()
    bench.feed([make.label(1, 7, 600, rating=0.5)])
    assert bench.rows()[-1]["rating"] == 0.5
