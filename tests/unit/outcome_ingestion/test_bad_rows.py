import json

import pytest

DAY = 86_400

BAD_ROWS = {
    "a wrong type in a feature": ({"features": {"speed": "fast", "rate": 1}}, "WrongType"),
    "a truth value in a feature": ({"features": {"speed": True}}, "Undecodable"),
    "features that are a list": ({"features": [1, 2]}, "Undecodable"),
    "no features": ({"features": ...}, "Undecodable"),
    "a text as a prediction": ({"prediction": "1.5"}, "WrongType"),
    "a prediction without a version": ({"model_version": ...}, "HalfPrediction"),
    "a version without a prediction": ({"prediction": ...}, "HalfPrediction"),
    "neither prediction nor label": ({"prediction": ..., "model_version": ...}, "EmptyRow"),
    "a version that is none": ({"model_version": "../v1"}, "BadVersion"),
    "a shadow version that is none": ({"shadow": {"the next": 1.0}}, "BadVersion"),
    "a target field that is not there": ({"prediction": {"d90": 1.0}}, "MissingField"),
    "a confidence over 1": ({"confidence": 1.5}, "Undecodable"),
    "a negative weight": ({"weight": -1}, "Undecodable"),
    "tokens beyond 64 bits": ({"tokens": 2**70}, "Undecodable"),
    "a label source that is none": ({"label": 1.0, "label_source": "guess"}, "Undecodable"),
    "a time in 1970": ({"predicted_at": "1970-01-01T00:00:00Z"}, "TimeOutOfRange"),
    "a time in 2200": ({"predicted_at": "2200-01-01T00:00:00Z"}, "TimeOutOfRange"),
    "a time next week": ({"predicted_at": "2026-01-12T08:00:00Z"}, "TimeInFuture"),
    "a time without an offset": ({"predicted_at": "2026-01-05T08:00:00"}, "BadTime"),
    "a time that is a number": ({"predicted_at": 1767600000}, "Undecodable"),
    "a label from 1980": ({"label": 1.0, "labelled_at": "1980-01-01T00:00:00Z"}, "TimeOutOfRange"),
    "an unknown model": ({"model_id": "nobody"}, "UnknownModel"),
    "an empty id": ({"prediction_id": ""}, "Undecodable"),
    "an id of 201 characters": ({"prediction_id": "x" * 201}, "Undecodable"),
    "an integer of 400 digits": ({"features": {"speed": 10**400}}, None),
}  # fmt: skip

BAD_BYTES = {
    "nothing": b"",
    "truncated": b'{"prediction_id": "p1", "model_id": "pl',
    "NaN": b'{"prediction_id":"x","model_id":"plant","predicted_at":"2026-01-05T08:00:00Z","features":{"speed":NaN}}',
    "infinity": b'{"prediction_id":"x","model_id":"plant","predicted_at":"2026","features":{"rate":1e999}}',
    "bad UTF-8": b'{"prediction_id": "\xff\xfe"}',
    "UTF-16": '{"prediction_id": "p1"}'.encode("utf-16"),
    "a list": b"[1, 2, 3]",
    "a number": b"42",
    "zero bytes": bytes(100),
    "10,000 levels deep": b'{"features":' * 10_000,
    "10,000 lists deep": b'{"model_id":"plant","x":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "two values": b"{} {}",
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_buried_with_its_reason_and_its_neighbours_go_on(bench, make, row, name):
    fields, expected = BAD_ROWS[name]
    bad = make.outcome(row(1, **fields))
    bench.feed([make.outcome(row(0)), bad, make.outcome(row(2))])
    assert [p for p, _ in bench.events()] == ["p0", "p2"]
    (letter,) = bench.dead
    assert letter.record is bad
    assert letter.stage in ("decode", "validate")
    assert letter.error_class == (expected or letter.error_class)
    assert letter.message


@pytest.mark.parametrize("name", BAD_BYTES)
def test_bytes_that_are_no_message_are_buried(bench, make, row, name):
    bench.feed([make.outcome(row(0)), make.raw(BAD_BYTES[name]), make.outcome(row(2))])
    assert [p for p, _ in bench.events()] == ["p0", "p2"]
    assert [(d.stage, d.error_class) for d in bench.dead] == [("decode", "Undecodable")]


@pytest.mark.parametrize("name", BAD_BYTES)
def test_label_bytes_that_are_no_message_are_buried(bench, make, row, name):
    bench.feed([make.outcome(row(0)), make.raw(BAD_BYTES[name], topic="prediction-labels")])
    assert [d.error_class for d in bench.dead] == ["Undecodable"]


def test_a_null_value_and_a_wrong_or_missing_key_are_buried(bench, make, row):
    value = json.dumps(row(1)).encode()
    bench.feed([make.raw(None), make.raw(value, None), make.raw(value, "p2"), make.raw(value, "p1")])
    assert [d.error_class for d in bench.dead] == ["NullValue", "WrongKey", "WrongKey"]
    assert [p for p, _ in bench.events()] == ["p1"]


def test_a_key_may_not_hide_behind_a_separator(bench, make, row):
    first, second = row(1, prediction_id="a\0b"), row(2, prediction_id="c")
    bench.feed([make.raw(json.dumps(first).encode(), "a"), make.raw(json.dumps(second).encode(), "b\0c")])
    assert [d.error_class for d in bench.dead] == ["WrongKey", "WrongKey"]


def test_an_unknown_content_type_is_buried(bench, make, row):
    bench.feed([make.outcome(row(1), kind="text/csv"), make.outcome(row(2), kind="Application/JSON; charset=utf-8")])
    assert [d.error_class for d in bench.dead] == ["UnknownContentType"]
    assert [p for p, _ in bench.events()] == ["p2"]


def test_a_model_on_event_time_may_be_ahead_of_its_records(bench, make, row, spec):
    bench.core.take_table("model-specs", [spec({
        "model_id": "plant", "task": "regression", "features": {"speed": {}}, "target": {"d50": {"kind": "number"}},
        "clock": "event",
    }, 2)])  # fmt: skip
    bench.feed([make.outcome(row(1, predicted_at="2031-01-01T00:00:00Z"))])
    assert not bench.dead


def test_a_bad_label_is_buried(bench, make, row):
    bench.feed([
        make.outcome(row(1)),
        make.label(1, "wet", 60),
        make.label(1, {"d90": 1.0}, 60),
        make.label(1, 1.0, 30 * DAY),
        make.label(1, 1.0, 60, model_id="nobody"),
        make.label(1, None, 60),
        make.label(1, 1.0, 60, labelled_at="noon"),
        make.raw(None, topic="prediction-labels"),
        make.raw(b"x", kind="text/csv", topic="prediction-labels"),
    ])  # fmt: skip
    assert [d.error_class for d in bench.dead] == [
        "WrongType", "MissingField", "TimeInFuture", "UnknownModel", "Undecodable", "BadTime", "NullValue",
        "UnknownContentType",
    ]  # fmt: skip
    assert bench.events() == [("p1", "prediction")]
