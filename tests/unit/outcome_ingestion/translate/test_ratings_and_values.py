"""Sources whose records become ratings alone, or values of series."""

import json

import pytest
from tests.foreign.cases import rec

from driftloop.contracts.prediction_labels import PredictionLabel
from driftloop.spec.model_source import ModelSource, Paths
from driftloop.testing.clock import START
from outcome_ingestion.core.translate.translating import Translate

RATINGS = {"prediction_id": "answer", "rating": "stars", "labelled_at": "at"}
VALUES = {"entity": "host.name", "observed_at": "time", "label": "cpu"}
AT = "2026-03-02T09:00:00Z"


def translated(paths, record, **more):
    source = ModelSource.model_validate(
        {"name": "s", "model_id": "m", "topics": ["t"], "gives": "labels", "paths": paths} | more
    )
    effects = Translate(source).process([rec(json.dumps(record).encode())], START)
    for sent in effects.outgoing:
        assert sent.key == PredictionLabel.model_validate_json(sent.value).key
    return [json.loads(sent.value) for sent in effects.outgoing], effects


@pytest.mark.wild(
    area="sources", given="a topic of thumbs and stars, without truths", right="each becomes a rating of its prediction"
)
@pytest.mark.parametrize("paths", [RATINGS, {**RATINGS, "label": "truth"}], ids=["no label", "a label that is null"])
def test_a_record_without_a_truth_becomes_a_rating_alone(paths):
    record = {"answer": "p-1", "stars": 1, "at": AT, "truth": None}
    (said,), _ = translated(paths, record, rating_range=[1, 5])
    assert said == {"prediction_id": "p-1", "model_id": "m", "rating": 0.0, "labelled_at": AT}


def test_a_record_with_both_stays_one_label():
    (said,), _ = translated({**RATINGS, "label": "truth"}, {"answer": "p-1", "stars": 1, "at": AT, "truth": "yes"})
    assert (said["label"], said["rating"]) == ("yes", 1.0)


@pytest.mark.parametrize(
    ("paths", "why"), [(RATINGS, "no_rating_yet"), ({**RATINGS, "label": "truth"}, "no_label_yet")]
)
def test_a_record_that_says_neither_is_passed_over(paths, why):
    sent, effects = translated(paths, {"answer": "p-1", "stars": None, "at": AT, "truth": None})
    assert (sent, effects.ignored, effects.dead_letters) == ([], {why: 1}, ())


@pytest.mark.wild(
    area="sources", given="a topic of measurements of servers", right="each becomes a value of its server's series"
)
def test_a_measurement_becomes_a_value_of_a_series():
    record = {"host": {"name": "web-1"}, "time": 1_772_442_000, "cpu": 41.5}
    (said,), _ = translated({**VALUES, "labelled_at": "time"}, record, time_unit="s")
    assert said == {
        "model_id": "m", "entity": "web-1", "observed_at": AT, "label": 41.5, "labelled_at": AT,
    }  # fmt: skip


def test_values_of_the_one_series_of_a_model_need_no_entity():
    (said,), _ = translated({"observed_at": "time", "label": "cpu"}, {"time": AT, "cpu": 1})
    assert (said["label"], "entity" in said) == (1, False)


@pytest.mark.parametrize(
    ("record", "names"),
    [({"host": {}, "time": AT, "cpu": 1}, "host.name"), ({"host": {"name": "a"}, "cpu": 1}, "time"),
     ({"host": {"name": "a"}, "time": AT}, "cpu")],
)  # fmt: skip
def test_a_measurement_that_lacks_something_is_buried_with_its_path(record, names):
    _, effects = translated(VALUES, record)
    assert names in effects.dead_letters[0].message


def test_a_gap_is_passed_over():
    _, effects = translated(VALUES, {"host": {"name": "a"}, "time": AT, "cpu": None})
    assert (effects.ignored, effects.dead_letters) == ({"no_label_yet": 1}, ())


@pytest.mark.parametrize(
    ("paths", "says"),
    [
        ({"observed_at": "t"}, "observed_at, label"),
        ({"observed_at": "t", "label": "v", "prediction_id": "p"}, "leave its id out"),
        ({"prediction_id": "p"}, "label"),
        ({"rating": "r"}, "prediction_id, rating"),
    ],
)
def test_a_declaration_that_says_too_little_or_too_much_is_refused(paths, says):
    with pytest.raises(ValueError, match=says):
        ModelSource.model_validate({"name": "s", "model_id": "m", "topics": ["t"], "gives": "labels", "paths": paths})


def test_an_entity_alone_is_named_as_unread():
    paths = {"prediction_id": "p", "label": "v", "entity": "e"}
    source = ModelSource(name="s", model_id="m", topics=("t",), gives="labels", paths=Paths.model_validate(paths))
    assert source.unread == ("paths.entity",)
