"""Two targets whose truths come at different times: approved at once, the amount a day later."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.wild.ingest_bench import CHURN, ENCODINGS, at, bench, label, row

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


ENCODED = pytest.mark.parametrize("encoding", sorted(ENCODINGS))


@pytest.mark.wild(
    area="ingestion",
    given="a row that comes with one of its two truths",
    right="a prediction, and its truth waits for the other one",
)
@ENCODED
@pytest.mark.parametrize("quick", [False, True])
def test_a_truth_that_comes_with_its_row_waits_for_the_others(encoding, quick):
    rows = [row(n, prediction={"a": "1", "b": 2.0}, label={"a": "1"}, labelled_at=at(5)) for n in range(70)]
    out = bench(SPEC, quick=quick).feed(ENCODINGS[encoding](rows))
    assert not out.dead
    assert {one["event"] for one in out.rows()} == {"prediction"}
    assert labelled(out) == {}
    out.restarted().feed([label(n, {"b": 2.5}, DAY + n) for n in range(70)])
    out = out.feed([label(n, {"b": 2.5}, DAY + n) for n in range(70)])
    assert labelled(out) == {f"p{n}": ("1", 2.5) for n in range(70)}
    assert not out.dead
    assert out.core.counts.partly_labelled == {"churn": 70}


@pytest.mark.wild(
    area="ingestion", given="rows of which some bring one truth, some both and some none", right="each counts as it is"
)
@ENCODED
def test_rows_with_all_some_and_no_truths_stand_in_one_batch(encoding):
    labels = [{"a": "1", "b": 1.0}, {"b": 1.0}, None]
    rows = [row(n, prediction={"a": "1", "b": 2.0}, label=labels[n % 3], labelled_at=at(5)) for n in range(30)]
    out = bench(SPEC).feed(ENCODINGS[encoding](rows))
    assert not out.dead
    assert labelled(out) == {f"p{n}": ("1", 1.0) for n in range(0, 30, 3)}
    assert [one["label.b"] for one in out.rows() if one["event"] == "prediction"] == [None] * 20


@pytest.mark.wild(
    area="ingestion", given="an example (no prediction) with one of its two truths", right="buried, with the reason"
)
@ENCODED
def test_an_example_needs_every_truth(encoding):
    out = bench(SPEC).feed(ENCODINGS[encoding]([row(1, model_version=..., label={"a": "1"}, labelled_at=at(5))]))
    assert [letter.error_class for letter in out.dead] == ["MissingField"]
    assert out.rows() == []


@pytest.mark.wild(
    area="ingestion",
    given="one truth of a labelled row is corrected alone",
    right="a correction, with the other truth as it is",
)
@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("inline", [False, True])
def test_a_truth_alone_corrects_a_row_that_has_them_all(restart, inline):
    both = {"label": {"a": "1", "b": 2.5}, "labelled_at": at(30)} if inline else {}
    rows = [row(n, prediction={"a": "1", "b": 2.0}, **both) for n in range(20)]
    out = bench(SPEC).feed(ENCODINGS["json"](rows))
    if not inline:
        out.feed([label(n, {"a": "1", "b": 2.5}, 30) for n in range(20)])
    out = out.restarted() if restart else out
    out.feed([label(n, {"b": 3.5}, DAY) for n in range(20)])
    assert labelled(out) == {f"p{n}": ("1", 3.5) for n in range(20)}
    assert [one["event"] for one in out.rows()][-20:] == ["correction"] * 20
    assert out.core.labels_waiting == 0
    out.feed([label(n, {"b": 9.0}, 40) for n in range(20)])
    assert labelled(out) == {f"p{n}": ("1", 3.5) for n in range(20)}
    out.feed([label(n, {"a": "0"}, 40) for n in range(20)])
    assert labelled(out) == {f"p{n}": ("0", 3.5) for n in range(20)}


@pytest.mark.wild(
    area="ingestion", given="a truth of a row that is held no longer", right="counted as a label without a row"
)
def test_a_truth_whose_row_is_gone_does_not_wait():
    out = bench(SPEC, correctable_rows=0).feed(predicted([1])).feed([label(1, {"a": "1", "b": 2.0}, 30)])
    out.feed(predicted(range(2, 9))).feed([label(n, {"a": "1", "b": 2.0}, 30) for n in range(2, 9)])
    out.feed(predicted([10])).feed([label(1, {"b": 3.0}, 40)])
    assert out.core.labels_waiting == 0


NAMES = ("a", "b", "c")
THREE = CHURN | {"task": "multi-field", "target": {name: {"kind": "number"} for name in NAMES}}


@st.composite
def stories(draw):
    """For each of some rows: truths told at different times, of one field or of more; the row brings some of them."""
    count = draw(st.integers(1, 3))
    times = draw(st.permutations(range(10, 40)))
    events, expected = [], {}
    for n in range(count):
        told = draw(st.lists(st.sets(st.sampled_from(NAMES), min_size=1), min_size=1, max_size=5))
        brings = draw(st.booleans())
        newest = {}
        for place, names in enumerate(told):
            seconds = times[n * 6 + place]
            truth = {name: float(seconds) for name in sorted(names)}
            newest |= {name: max(seconds, newest.get(name, 0)) for name in names}
            if place == 0:
                events.append(("row", n, truth if brings else None, seconds))
            if place or not brings:
                events.append(("label", n, truth, seconds))
        expected[f"p{n}"] = tuple(float(newest[name]) for name in NAMES) if len(newest) == len(NAMES) else None
    return draw(st.permutations(events)), expected


@settings(max_examples=40, deadline=None)
@given(stories(), st.integers(1, 8), st.booleans())
def test_no_order_and_no_batching_changes_what_the_truths_are(story, size, restart):
    events, expected = story
    records = []
    for kind, n, truth, seconds in events:
        if kind == "label":
            records.append(label(n, truth, seconds))
        else:
            told = {} if truth is None else {"label": truth, "labelled_at": at(seconds)}
            records += ENCODINGS["json"]([row(n, prediction=dict.fromkeys(NAMES, 0.0), **told)])
    out = bench(THREE)
    for first in range(0, len(records), size):
        out.feed(records[first : first + size])
        out = out.restarted() if restart else out
    assert not out.dead
    found = dict.fromkeys(expected)
    for one in out.rows():
        if one["label.a"] is not None:
            found[one["prediction_id"]] = tuple(one[f"label.{name}"] for name in NAMES)
    assert found == expected


ROWS_AGAIN = st.tuples(st.just("row"), st.integers(0, 2), st.sets(st.sampled_from(NAMES)), st.integers(0, 40))
TRUTHS = st.tuples(st.just("label"), st.integers(0, 2), st.sets(st.sampled_from(NAMES), min_size=1), st.integers(0, 40))


def records_of(story):
    for kind, n, names, seconds in story:
        truth = {name: float(seconds + i) for i, name in enumerate(sorted(names))}
        if kind == "label":
            yield label(n, truth, seconds)
        else:
            told = {"label": truth, "labelled_at": at(seconds)} if truth else {}
            made = {"prediction": dict.fromkeys(NAMES, 0.0), "predicted_at": at(seconds)}
            yield from ENCODINGS["json"]([row(n, **made, **told)])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(ROWS_AGAIN, TRUTHS), max_size=14), st.integers(1, 5), st.integers(0, 4))
def test_a_restart_changes_nothing_even_of_ids_that_are_used_again(story, size, correctable):
    records = list(records_of(story))
    stays, starts = bench(THREE, correctable_rows=correctable), bench(THREE, correctable_rows=correctable)
    for first in range(0, len(records), size):
        batch = records[first : first + size]
        stays.feed(batch)
        starts.feed(batch)
        starts = starts.restarted()
    assert starts.rows() == stays.rows()
    assert starts.ignored == stays.ignored
    assert [letter.error_class for letter in starts.dead] == [letter.error_class for letter in stays.dead]
    assert starts.core.labels_waiting == stays.core.labels_waiting


def truths_by_row(out):
    rows = out.rows()
    return {(one["prediction_id"], one["predicted_at"]): [one[f"label.{name}"] for name in NAMES] for one in rows}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(ROWS_AGAIN, TRUTHS), max_size=10), st.integers(2, 5), st.integers(0, 4))
@example([("label", 1, {"a"}, 2), ("row", 1, set(NAMES), 1), ("row", 1, set(), 0)], 5, 0)
@example(
    [("row", 0, set(), 0)] * 3 + [("row", 0, set(NAMES), 0), ("row", 0, set(NAMES), 1), ("row", 0, set(), 0)], 2, 0
)
@example(
    [
        ("row", 0, set(), 0),
        ("label", 0, {"c"}, 0),
        ("label", 0, {"a", "b"}, 0),
        ("row", 0, set(), 1),
        ("label", 0, set(NAMES), 0),
        ("label", 0, {"c"}, 1),
    ],
    2,
    0,
)
@example([("label", 1, {"a"}, 1), ("row", 1, {"b", "c"}, 0), ("row", 0, set(), 0), ("row", 1, {"c"}, 0)], 2, 1)
def test_no_batching_changes_whose_a_truth_is_even_of_ids_that_are_used_again(story, size, correctable):
    records = list(records_of(story))
    together, apart = bench(THREE, correctable_rows=correctable), bench(THREE, correctable_rows=correctable)
    for first in range(0, len(records), size):
        together.feed(records[first : first + size])
    for one in records:
        apart.feed([one])
    assert truths_by_row(together) == truths_by_row(apart)
    assert together.ignored == apart.ignored
    assert [letter.error_class for letter in together.dead] == [letter.error_class for letter in apart.dead]
