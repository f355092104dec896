"""Ratings that come without a label: each is told once, with its row, and changes no label."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ingesting import START, spec_record
from tests.wild.ingest_bench import CHURN, ENCODINGS, Bench, at, bench, label, row

from drift_detection.core.processor import DriftDetection
from driftloop.codec.frames import encode_frame
from driftloop.contracts.topics import MODEL_SPECS, OUTCOME_FRAMES
from driftloop.testing.records import FakeRecord

THREE = CHURN | {"task": "multi-field", "target": {name: {"kind": "number"} for name in ("a", "b")}}


def rating(number, value, seconds, **fields):
    return label(number, None, seconds, rating=value, **fields)


def predicted(*numbers, **fields):
    return ENCODINGS["json"]([row(n, **({"prediction": "1"} | fields)) for n in numbers])


def told(out):
    return [
        (one["prediction_id"], one["event"], one["label.y"], one["rating"], one.get("rated_at") is not None)
        for one in out.rows()
    ]


@pytest.fixture(params=[False, True], ids=["running", "restarted"])
def anew(request):
    return lambda out: out.restarted() if request.param else out


@pytest.mark.wild(
    area="ingestion",
    given="a thumbs-down hours after the prediction, and no label",
    right="the row goes out as rated, once, without a label; a label that comes later goes out with the rating",
)
def test_a_rating_alone_is_told_with_its_row_and_again_with_the_label_that_comes_later(anew):
    out = bench().feed(predicted(1))
    out = anew(out).feed([rating(1, 0, 50)])
    out = anew(out).feed([label(1, "0", 90, label_source="user")])
    assert told(out) == [
        ("p1", "prediction", None, None, False), ("p1", "rating", None, 0.0, True), ("p1", "label", "0", 0.0, True),
    ]  # fmt: skip
    assert out.rows()[1]["labelled_at"] is None
    assert not out.dead
    assert not out.ignored


@pytest.mark.wild(
    area="ingestion", given="a rating that is there before its prediction", right="it waits, and is told once it comes"
)
def test_a_rating_waits_for_its_row(anew):
    out = anew(bench().feed([rating(1, 0.25, 50), rating(2, 0.5, 50)]))
    assert out.core.labels_waiting == 2
    out.feed([label(2, "1", 60)])
    out = anew(out).feed(predicted(1, 2))
    assert told(out) == [
        ("p1", "prediction", None, None, False), ("p1", "rating", None, 0.25, True), ("p2", "outcome", "1", 0.5, False),
    ]  # fmt: skip
    assert out.core.labels_waiting == 0


@pytest.mark.wild(
    area="ingestion",
    given="a rating told again, an older one after a newer, the same one later, a corrected one",
    right="what is new is told once; a correction of the label tells none",
)
def test_of_one_row_the_newest_rating_counts_and_each_is_told_once(anew):
    out = bench().feed(predicted(1, label="1", labelled_at=at(10), rating=0.5))
    out.feed([rating(1, 0, 50), rating(1, 0, 50), rating(1, 1, 40), rating(1, 0, 80)])
    out = anew(out).feed([rating(1, 1, 70), label(1, "0", 90), rating(1, 0.75, 100), label(1, "1", 95, rating=0.1)])
    out = anew(out).feed([label(1, "1", 110, rating=0.75), label(1, "0", 120, rating=0.1), rating(1, 0.2, 115)])
    assert [one[1:4] for one in told(out)] == [
        ("outcome", "1", 0.5), ("rating", None, 0.0), ("correction", "0", None), ("rating", None, 0.75),
        ("correction", "1", None), ("correction", "1", None), ("correction", "0", 0.1),
    ]  # fmt: skip
    assert out.ignored == {"rating_repeated": 5}


def test_a_rating_of_one_time_is_told_once_and_of_two_the_first():
    out = bench().feed([*predicted(1), rating(1, 0.5, 50), rating(1, 0.75, 50)])
    assert [one[1:4] for one in told(out)][1:] == [("rating", None, 0.5)]


@pytest.mark.wild(
    area="ingestion",
    given="a rating that came with the prediction and is told again alone, before any label",
    right="it is told then: nobody has counted it yet",
)
def test_what_a_row_without_a_label_came_with_is_told_by_a_rating_alone(anew):
    out = anew(bench().feed(predicted(1, rating=0.5))).feed([rating(1, 0.5, 50), label(1, "1", 60)])
    assert [one[1:] for one in told(out)][1:] == [("rating", None, 0.5, True), ("label", "1", 0.5, True)]


def test_a_rating_of_a_row_that_is_out_of_reach_is_ignored_and_counted():
    out = bench(correctable_rows=2).feed(predicted(*range(5), label="1", labelled_at=at(10)))
    out.feed([rating(0, 1, 50), rating(4, 1, 50)])
    assert [one[:2] for one in told(out)][5:] == [("p4", "rating")]
    assert out.ignored == {"rating_without_row": 1}


def test_a_rating_waits_with_truths_that_come_one_by_one(anew):
    out = bench(THREE).feed([label(1, {"a": 1.0}, 10), rating(1, 0.5, 70)])
    out = anew(out).feed(predicted(1, prediction={"a": 1.0, "b": 2.0}))
    out = anew(out).feed([label(1, {"b": 3.0}, 60)])
    assert [(one["event"], one["label.a"], one["label.b"], one["rating"]) for one in out.rows()] == [
        ("prediction", None, None, None), ("rating", None, None, 0.5), ("label", 1.0, 3.0, 0.5),
    ]  # fmt: skip
    assert out.rows()[-1]["labelled_at"].isoformat() == at(60).replace("Z", "+00:00"), "no time is a rating's"


def test_a_rating_is_of_the_prediction_that_had_the_id_when_it_was_given():
    out = bench().feed(predicted(1, predicted_at=at(0), label="1", labelled_at=at(10)))
    out.feed(predicted(1, predicted_at=at(100), features={"x": 7.0})).feed([rating(1, 0.5, 50), rating(1, 0.75, 150)])
    rated = [one for one in out.rows() if one["event"] == "rating"]
    assert [(one["predicted_at"].isoformat()[14:19], one["rating"]) for one in rated] == [
        ("00:00", 0.5),
        ("01:40", 0.75),
    ]


def test_a_rating_that_met_no_row_is_given_up_in_time():
    out = bench(CHURN | {"label_delay": {"give_up_seconds": 100}}).feed([rating(1, 0.5, 0)])
    out.feed(ENCODINGS["json"]([row(n, prediction="1", predicted_at=at(500)) for n in range(50, 56)]))
    assert out.ignored == {"rating_gave_up": 1}


def test_ratings_are_kept_when_small_batches_are_laid_together():
    out = bench(laid_together=2)
    for n in range(1, 9):
        out.feed(predicted(n)).feed([rating(n, 0.5, 60)])
        out = out.restarted()
    out.feed([rating(n, 0.5, 50) for n in range(1, 9)]).feed([label(n, "1", 90) for n in range(1, 9)])
    assert out.ignored == {"rating_repeated": 8}
    assert [one[1:] for one in told(out)][-8:] == [("label", "1", 0.5, True)] * 8


def test_a_rating_of_a_forecast_whose_truth_are_observations_is_buried():
    spec = CHURN | {
        "task": "forecast", "features": {"host": {"kind": "category"}, "past": {"kind": "series", "span": "past"}},
        "target": {"y": {"kind": "series"}},
        "forecast": {"horizon": 2, "encoder_steps": 2, "step_seconds": 60, "entity": "host", "truth": "observations"},
    }  # fmt: skip
    out = bench(spec).feed([rating(1, 0.5, 50)])
    assert [letter.error_class for letter in out.dead] == ["NotRated"]


@pytest.mark.parametrize("value", [-0.1, 1.5, "good", True])
def test_a_rating_out_of_range_is_buried(value):
    out = bench().feed(predicted(1)).feed([rating(1, value, 50)])
    assert len(out.dead) == 1


SECONDS = st.sampled_from([0, 1, 2, 5])
IDS = st.integers(0, 2)
RATINGS = st.tuples(st.just("rating"), IDS, SECONDS, st.sampled_from([0.0, 0.5, 1.0]))
LABELS = st.tuples(st.just("label"), IDS, SECONDS, st.sampled_from([None, 0.5, 1.0]))
ROWS = st.tuples(st.just("row"), IDS, SECONDS, st.sampled_from([None, 0.5]))
STORIES = st.lists(st.one_of(ROWS, LABELS, RATINGS, RATINGS), max_size=25)


def records_of(story):
    for place, (kind, number, seconds, value) in enumerate(story):
        said = {} if value is None else {"rating": value}
        if kind == "row":
            more = {"label": "1", "labelled_at": at(seconds)} if seconds == 5 else {}
            yield from predicted(number, predicted_at=at(0), **more, **said)
        elif kind == "label":
            yield label(number, str(place % 2), 2 * seconds, **said)
        else:
            yield rating(number, value, 2 * seconds)


class Oracle:
    """Record by record: the newest rating of each prediction, and which of them are told for the first time."""

    def __init__(self):
        self.rows, self.waiting, self.told = {}, {}, []

    def take(self, kind, number, seconds, value):
        if kind == "row":
            own = None if value is None else (value, seconds if seconds == 5 else 0)
            self._come(number, seconds if seconds == 5 else None, own)
            return
        said = None if value is None else (value, 2 * seconds)
        label_at = 2 * seconds if kind == "label" else None
        if number in self.rows:
            self._join(number, label_at, said)
        else:
            self._wait(number, label_at, said)

    def _come(self, number, labelled, own):
        if number in self.rows:
            if labelled is not None:
                self._join(number, labelled, own)
            return
        self.rows[number] = [labelled, own, labelled is not None]
        waiting, said = self.waiting.pop(number, (None, None))
        is_newer = waiting is not None and (labelled is None or waiting > labelled)
        if is_newer and said is not None and (own is None or said[1] >= own[1]):
            self.rows[number] = [waiting, said, True]
        elif is_newer:
            self.rows[number] = [waiting, own, True]
        if self.rows[number][2] and self.rows[number][1] is not None:
            self.told.append((number, self.rows[number][1][0]))
        if not is_newer and said is not None and (waiting is None or said[1] != waiting):
            self._join(number, None, said)

    def _wait(self, number, label_at, said):
        label, rated = self.waiting.get(number, (None, None))
        if label_at is not None and label is not None and label_at <= label:
            return
        if said is not None and (rated is None or said[1] > rated[1] or (label_at is not None and said[1] == rated[1])):
            rated = said
        self.waiting[number] = label if label_at is None else label_at, rated

    def _join(self, number, label_at, said):
        labelled, known, counted = self.rows[number]
        if label_at is not None and labelled is not None and label_at <= labelled:
            return
        first = label_at is not None and labelled is None
        ties = label_at is not None
        is_newer = said is not None and (known is None or said[1] > known[1] or (ties and said[1] == known[1]))
        now = said if is_newer else known
        is_other = is_newer and (known is None or said[0] != known[0] or not counted)
        if now is not None and (is_other or (first and not counted)):
            self.told.append((number, now[0]))
            counted = True
        self.rows[number] = [labelled if label_at is None else label_at, now, counted or first]


def counted(out):
    """What detection counts: ratings of labelled, corrected and rated rows, but those that were told before."""
    for one in out.rows():
        is_first = one["event"] != "prediction" and (one["event"] == "rating" or one.get("rated_at") is None)
        if is_first and one["rating"] is not None:
            yield int(one["prediction_id"][1:]), one["rating"]


@pytest.mark.slow
@settings(deadline=None)
@given(STORIES)
def test_each_new_rating_is_told_once_as_an_oracle_says(story):
    oracle, out = Oracle(), bench(CHURN | {"label_delay": {"give_up_seconds": 10_000}})
    for one in story:
        oracle.take(*one)
    for record in records_of(story):
        out.feed([record])
    assert list(counted(out)) == oracle.told
    assert not out.dead


def came_of(out):
    rows = [{name: value for name, value in one.items() if value is not None} for one in out.rows()]
    return rows, out.ignored, [letter.error_class for letter in out.dead], out.core.labels_waiting


RULES = st.builds(
    dict, correctable_rows=st.sampled_from([0, 1, 3, 100]), laid_together=st.sampled_from([2, 3, 16]),
    waiting_rows=st.sampled_from([2, 70, 10_000]), early_labels=st.sampled_from([1, 3, 10_000]),
)  # fmt: skip


@pytest.mark.slow
@settings(deadline=None)
@given(
    STORIES, st.lists(st.tuples(st.integers(0, 25), st.sampled_from(["go on", "restart", "redo"])), max_size=6), RULES,
    st.sampled_from([5, 20, 10_000]),
)  # fmt: skip
def test_no_split_no_restart_and_no_redone_work_changes_what_is_told(story, cuts, rules, give_up):
    spec = CHURN | {"label_delay": {"give_up_seconds": give_up}}
    records, whole, split = list(records_of(story)), bench(spec, **rules), bench(spec, **rules)
    whole.feed(records)
    start = 0
    for end, how in [*sorted(cuts), (len(records), "go on")]:
        batch, start = records[start : max(start, end)], max(start, end)
        if how == "redo":
            Bench(split.restarted().core).feed(batch)
            split = split.restarted()
        split.feed(batch)
        split = split.restarted() if how == "restart" else split
    assert came_of(split) == came_of(whole)


@pytest.mark.parametrize("size", [1, 500])
def test_detection_counts_each_rating_once_and_no_rating_as_a_labelled_row_or_as_feedback(size):
    out = bench()
    records = [one for n in range(60) for one in (*predicted(n), rating(n, n % 2, 60 + n, label_source="user"))]
    records += [label(n, "1", 200 + n) for n in range(60)] + [rating(n, n % 2, 300) for n in range(60)]
    for first in range(0, len(records), size):
        out.feed(records[first : first + size])
    core = DriftDetection()
    core.take_table(MODEL_SPECS, [spec_record(CHURN)])
    sent = [encode_frame(frame) for frame in out.frames]
    frames = [FakeRecord(OUTCOME_FRAMES, key="churn", value=value, headers=headers, at_offset=place)
              for place, (value, headers) in enumerate(sent)]  # fmt: skip
    core.process(frames, START, tables_current=True)
    ((_, model),) = core.models()
    assert model.ratings.metrics("") == {"rating": 0.5, "rated_rows": 50.0}, "a block of 50 of the 60"
    assert (model.labelled_rows, model.feedback_rows, model.corrections) == (60, 0, 0)
