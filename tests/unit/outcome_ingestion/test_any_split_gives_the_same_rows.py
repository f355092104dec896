"""What goes out depends on what came in and its order, never on batches, restarts or redone work."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ingesting import spec_record

from driftloop.contracts.topics import MODEL_SPECS

from .conftest import PLANT

IDS = st.integers(0, 7)
LABELS = st.tuples(st.just("label"), IDS, st.integers(0, 5), st.integers(0, 900))
ROWS = st.tuples(st.just("row"), IDS, st.one_of(st.none(), st.integers(0, 5)), st.integers(0, 900))
BAD = st.tuples(st.just("bad"), IDS, st.just(0), st.just(0))
COLUMNS = st.tuples(st.just("columns"), IDS, st.integers(1, 4), st.integers(0, 900))
STORIES = st.lists(st.one_of(ROWS, LABELS, ROWS, LABELS, BAD, COLUMNS), max_size=25)
CUTS = st.lists(st.tuples(st.integers(0, 25), st.sampled_from(["go on", "restart", "redo"])), max_size=6)


def records_of(story, make, row, moment):
    """A story as records: rows with or without a label, labels, rubbish, records with many rows."""
    for kind, number, label, seconds in story:
        if kind == "label":
            yield make.label(number, label, seconds)
        elif kind == "bad":
            yield make.outcome(row(number, confidence=7))
        elif kind == "columns":
            yield make.columns(range(number, number + label), predicted_at=moment(seconds))
        else:
            more = {} if label is None else {"label": label, "labelled_at": moment(seconds)}
            yield make.outcome(row(number, **more))


def outcome_of(bench):
    return bench.rows(), [(d.record.offset(), d.error_class) for d in bench.dead], bench.ignored


@pytest.mark.slow
@given(STORIES, CUTS, st.integers(0, 6), st.sampled_from([2, 3, 16]))
def test_any_split_restart_or_redo_gives_the_same_rows(fresh_bench, row, moment, story, cuts, correctable, together):
    whole, make = fresh_bench(correctable_rows=correctable, laid_together=together)
    split, _ = fresh_bench(correctable_rows=correctable, laid_together=together)
    records = list(records_of(story, make, row, moment))
    whole.feed(records)
    start = 0
    for end, how in [*sorted(cuts), (len(records), "go on")]:
        batch = records[start : max(start, end)]
        if how == "redo":
            split.restarted().feed(batch)
            split = split.restarted(keep=True)
        if batch:
            split.feed(batch)
        if how == "restart":
            split = split.restarted(keep=True)
        start = max(start, end)
    assert outcome_of(split) == outcome_of(whole)


@pytest.mark.parametrize("others", range(4))
@pytest.mark.parametrize("correctable", range(4))
def test_an_id_that_comes_again_after_its_label_is_the_same_in_one_batch_and_in_two(
    fresh_bench, row, moment, correctable, others
):
    story = [("row", 0, None, 0), ("label", 0, 0, 0), *[("row", 1 + one, None, 0) for one in range(others)]]
    whole, make = fresh_bench(correctable_rows=correctable)
    split, _ = fresh_bench(correctable_rows=correctable)
    records = list(records_of([*story, ("columns", 0, 1, 1)], make, row, moment))
    whole.feed(records)
    split.feed(records[:-1])
    split.feed(records[-1:])
    assert outcome_of(split) == outcome_of(whole)
    assert (len(whole.rows()) == len(story)) == (others < correctable), "out of reach it is another prediction"


@given(STORIES)
def test_every_row_and_label_is_accounted_for(fresh_bench, row, moment, story):
    bench, make = fresh_bench()
    records = list(records_of(story, make, row, moment))
    rows_in = sum(label if kind == "columns" else 1 for kind, _, label, _ in story)
    bench.feed(records)
    out, waiting = len(bench.rows()), bench.core.labels_waiting
    turned_into_outcomes = sum(
        1 for key, _ in bench.events() if key in {f"p{n}" for kind, n, *_ in story if kind == "label"}
    )
    lost = rows_in - out - waiting - len(bench.dead) - sum(bench.ignored.values())
    assert 0 <= lost <= turned_into_outcomes, "a label that was there before its row goes out with it"
    assert len({key for key, event in bench.events() if event in ("prediction", "outcome")}) == sum(
        event in ("prediction", "outcome") for _, event in bench.events()
    )


@given(st.lists(st.tuples(st.booleans(), IDS), min_size=1, max_size=12))
def test_models_that_share_a_batch_have_the_rows_that_each_would_have_alone(fresh_bench, row, told):
    (whole, make), (single, _) = fresh_bench(), fresh_bench()
    for bench in (whole, single):
        bench.core.take_table(MODEL_SPECS, [spec_record(PLANT | {"model_id": "other"})])
    records = [make.outcome(row(number, model_id="other" if is_other else "plant")) for is_other, number in told]
    whole.feed(records)
    for record in records:
        single.feed([record])
    for model in ("plant", "other"):
        assert whole.rows(model) == single.rows(model)
    assert (whole.dead, whole.ignored) == (single.dead, single.ignored)
