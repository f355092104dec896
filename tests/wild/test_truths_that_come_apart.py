"""Two targets whose truths come at different times: approved at once, the amount a day later."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.wild.ingest_bench import CHURN, ENCODINGS, bench, label, row

DAY = 86_400
SPEC = CHURN | {"task": "multi-field", "target": {"a": {"kind": "category"}, "b": {"kind": "number"}}}


def predicted(numbers):
    return ENCODINGS["json"]([row(n, prediction={"a": "1", "b": 2.0}) for n in numbers])


def labelled(out):
    return {one["prediction_id"]: (one["label.a"], one["label.b"]) for one in out.rows() if one["label.a"] is not None}


@pytest.mark.wild(
    area="ingestion", given="two targets, one truth now and one later", right="labelled when the last truth has come"
)
@pytest.mark.parametrize("restart", [False, True])
def test_a_row_counts_as_labelled_when_its_last_truth_has_come(restart):
    out = bench(SPEC).feed(predicted(range(20)))
    out.feed([label(n, {"a": "1"}, 10 + n) for n in range(20)])
    assert labelled(out) == {}
    assert not out.dead
    out = out.restarted() if restart else out
    out.feed([label(n, {"b": 2.5}, DAY + n) for n in range(20)])
    assert labelled(out) == {f"p{n}": ("1", 2.5) for n in range(20)}
    assert not out.dead


@pytest.mark.wild(area="ingestion", given="truths that come one by one before their row", right="they wait together")
def test_truths_that_are_there_before_their_row_wait_for_it():
    out = bench(SPEC).feed([label(1, {"b": 2.5}, 10)]).feed([label(1, {"a": "0"}, 20)])
    out.feed(predicted([1]))
    assert labelled(out) == {"p1": ("0", 2.5)}


@pytest.mark.wild(area="ingestion", given="a truth told twice, the second time otherwise", right="the newer counts")
def test_of_one_field_the_newer_truth_counts():
    out = bench(SPEC).feed(predicted([1]))
    out.feed([label(1, {"a": "0"}, 30), label(1, {"a": "1"}, 10), label(1, {"b": 1.0}, 20)])
    assert labelled(out) == {"p1": ("0", 1.0)}


def test_a_label_without_any_truth_is_buried():
    out = bench(SPEC).feed(predicted([1])).feed([label(1, {"c": "0"}, 30)])
    assert [letter.error_class for letter in out.dead] == ["MissingField"]


@settings(max_examples=25, deadline=None)
@given(st.permutations([(n, name) for n in range(4) for name in ("a", "b")]), st.integers(1, 8))
def test_no_order_and_no_batching_of_truths_changes_a_label(order, size):
    out = bench(SPEC).feed(predicted(range(4)))
    truths = [label(n, {"a": "1"} if name == "a" else {"b": float(n)}, 10 + n) for n, name in order]
    for first in range(0, len(truths), size):
        out.feed(truths[first : first + size])
    assert labelled(out) == {f"p{n}": ("1", float(n)) for n in range(4)}
    assert not out.dead
