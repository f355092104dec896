"""A key that stands there twice is refused wherever JSON comes in; what only looks like it goes on."""

import json

import pytest

COLUMNS = "application/vnd.driftloop.columns+json"

TWICE = {
    "a field": (b'"prediction": 1.5', b'"prediction": 1.5, "prediction": 2.5'),
    "a feature": (b'"rate": 200', b'"rate": 200, "rate": 200'),
    "a key in a map": (b'"prediction": 1.5', b'"prediction": 1.5, "attributes": {"a": "1", "a": "2"}'),
    "a field that nobody knows": (b'"prediction": 1.5', b'"prediction": 1.5, "x": 1, "x": 2'),
    "deep in such a field": (b'"prediction": 1.5', b'"prediction": 1.5, "x": [{"y": 1, "y": 2}]'),
    "a null behind a value": (b'"rate": 200', b'"rate": 200, "rate": null'),
}

ONCE = {
    "nulls": {"confidence": None, "cost": None, "label": None},
    "a source": {"label": 1.0, "label_source": "system"},
    "maps": {"attributes": {"a": "b", "c": "d"}, "segment": {}, "shadow": {"1.0.1": 2.0, "1.0.2": {"d50": 3.0}}},
    "a newer producer": {"added": 1, "more": {"deep": [{"a": 1}, {"a": 2}]}},
    "texts with quotes and colons": {"attributes": {"said": '"a":1, "a":2', 'k"': '":'}, "status": '":null'},
}

LOOK = "outcome_ingestion.core.decode.fast.repeated_keys.repeated_key"


def twice(row, name):
    old, new = TWICE[name]
    text = json.dumps(row(1)).encode()
    assert old in text
    return text.replace(old, new)


@pytest.mark.parametrize("name", TWICE)
def test_a_row_with_a_key_twice_is_buried_alone(bench, make, row, name):
    bad = make.raw(twice(row, name), "p1")
    bench.feed([make.outcome(row(0)), bad, make.outcome(row(2))])
    assert [(letter.record, letter.error_class) for letter in bench.dead] == [(bad, "RepeatedKey")]
    assert [p for p, _ in bench.events()] == ["p0", "p2"]


@pytest.mark.parametrize("name", ONCE)
def test_what_only_looks_like_it_goes_on(bench, make, row, name):
    bench.feed([make.outcome(row(0)), make.outcome(row(1, **ONCE[name]))])
    assert not bench.dead
    assert len(bench.rows()) == 2


def test_an_ordinary_batch_is_not_looked_at_record_by_record(bench, make, row, monkeypatch, moment):
    monkeypatch.setattr(
        "outcome_ingestion.core.decode.fast.repeated_keys.repeated_key", lambda _: pytest.fail("looked at")
    )
    more = {"label": 1.0, "labelled_at": moment(5), "label_source": "user", "weight": 0.5, "cost": None}
    bench.feed([make.outcome(row(n, **more, attributes={"a": "b"})) for n in range(300)])
    bench.feed([make.columns(range(300, 600))])
    assert len(bench.rows()) == 600


def test_a_label_and_columns_with_a_key_twice_are_buried(bench, make, row):
    bench.feed([make.outcome(row(1)), make.outcome(row(2))])
    label, columns = make.label(1, 7, 60), make.columns([3])
    bench.feed([
        make.raw(label.value().replace(b'"label": 7', b'"label": 7, "label": 8'), "p1", topic="prediction-labels"),
        make.raw(columns.value().replace(b'"rate"', b'"speed": [1.0], "rate"'), "p3", kind=COLUMNS),
    ])  # fmt: skip
    assert [letter.error_class for letter in bench.dead] == ["RepeatedKey", "RepeatedKey"]


LABELS_TWICE = {
    "a field": (b'"label": 7', b'"label": 7, "label": 8'),
    "a null before a value": (b'"label": 7', b'"label": 7, "weight": null, "weight": 2'),
    "a null behind a value": (b'"label": 7', b'"label": 7, "weight": 2, "weight": null'),
    "a source": (b'"label": 7', b'"label": 7, "label_source": "user", "label_source": "system"'),
    "a target field": (b'"label": 7', b'"label": {"d50": 7, "d50": 8}'),
    "a field that nobody knows": (b'"label": 7', b'"label": 7, "x": {"y": 1, "y": 1}'),
}


@pytest.mark.parametrize("name", LABELS_TWICE)
def test_a_label_with_a_key_twice_is_buried(bench, make, row, name):
    old, new = LABELS_TWICE[name]
    good = make.label(1, 7, 60)
    bad = make.raw(good.value().replace(old, new), "p1", topic="prediction-labels")
    bench.feed([make.outcome(row(1)), bad])
    assert [(letter.record, letter.error_class) for letter in bench.dead] == [(bad, "RepeatedKey")]


def test_an_ordinary_label_is_decoded_once(bench, make, row, monkeypatch):
    monkeypatch.setattr(
        "outcome_ingestion.core.decode.fast.repeated_keys.repeated_key", lambda _: pytest.fail("looked at")
    )
    labels = [make.label(1, 7, 60), make.label(2, {"d50": 7}, 60, weight=0.5, label_source="user")]
    bench.feed([make.outcome(row(1)), make.outcome(row(2)), *labels])
    assert not bench.dead
    assert [event for _, event in bench.events()].count("label") == 2


def test_what_a_label_skips_must_be_json_too(bench, make, row):
    text = make.label(1, 7, 60, x="?").value()
    bad = make.raw(text.replace(b"?", b"\xff"), "p1", topic="prediction-labels")
    bench.feed([make.outcome(row(1)), bad])
    assert [letter.record for letter in bench.dead] == [bad]


def test_columns_with_a_key_twice_are_buried_behind_good_ones_of_their_model(bench, make):
    good, bad = make.columns([1, 2]), make.columns([3, 4])
    bad = make.raw(bad.value().replace(b'"rate"', b'"speed": [1.0, 1.0], "rate"'), "p3", kind=COLUMNS)
    bench.feed([good, bad, make.columns([5])])
    assert [(letter.record, letter.error_class) for letter in bench.dead] == [(bad, "RepeatedKey")]
    assert [p for p, _ in bench.events()] == ["p1", "p2", "p5"]


def test_headers_that_disagree_on_the_content_type_are_refused(bench, make, row):
    record = make.outcome(row(1))
    headers = (("content-type", b"application/avro"), ("content-type", b"application/json"))
    object.__setattr__(record, "headers_", headers)
    bench.feed([record])
    assert [letter.error_class for letter in bench.dead] == ["UnknownContentType"]
    assert "application/avro, application/json" in bench.dead[0].message
