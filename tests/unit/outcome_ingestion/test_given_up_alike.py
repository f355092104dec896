"""What is given up, and what is forgotten, depends on the records alone: not on batches, and not on restarts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.wild.ingest_bench import CHURN, ENCODINGS, at, bench, label, row
from tests.wild.test_truths_that_come_apart import NAMES, THREE

from outcome_ingestion.core.identity.id_index import IdIndex

SECONDS = st.one_of(st.integers(0, 60), st.integers(0, 400), st.just(90_000))
ROWS = st.tuples(st.just("row"), st.integers(0, 4), SECONDS, st.booleans())
LABELS = st.tuples(st.just("label"), st.integers(0, 4), SECONDS, st.just(value=False))
RULES = st.builds(
    dict, correctable_rows=st.sampled_from([0, 1, 5]), remembered_rows=st.sampled_from([5, 10_000]),
    laid_together=st.sampled_from([2, 16]), waiting_rows=st.sampled_from([2, 70, 10_000]),
    early_labels=st.sampled_from([1, 3, 10_000]),
)  # fmt: skip


def records_of(story):
    """Rows and labels; each is made so many seconds after the start, or as many more as it lies back in the story."""
    for place, (kind, number, seconds, labelled) in enumerate(story):
        made = 10 * place + seconds
        if kind == "label":
            yield label(number, str(number % 2), made)
        else:
            told = {"label": "1", "labelled_at": at(made)} if labelled else {}
            yield from ENCODINGS["json"]([row(number, prediction="1", predicted_at=at(made), **told)])


def came_of(out):
    rows = sorted(
        (one["prediction_id"], one["event"], str(one["predicted_at"]), str(one["label.y"])) for one in out.rows()
    )
    dead = [letter.error_class for letter in out.dead]
    return rows, out.ignored, dead, out.core.rows_waiting, out.core.labels_waiting


@pytest.mark.slow
@pytest.mark.wild(
    area="ingestion",
    given="rows and labels that wait longer than the give-up time, or have no room, in any batches and over restarts",
    right="what is given up, ignored, buried and joined is what it is record by record",
)
@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.one_of(ROWS, LABELS), max_size=40), st.integers(2, 50), st.sampled_from([5, 20, 100]), RULES,
    st.booleans(), st.sampled_from(["event", "wall"]),
)  # fmt: skip
def test_no_batching_and_no_restart_changes_what_is_given_up(story, size, give_up, rules, restart, clock):
    spec = CHURN | {"label_delay": {"give_up_seconds": give_up}, "clock": clock}
    records, apart, together = list(records_of(story)), bench(spec, **rules), bench(spec, **rules)
    for one in records:
        apart.feed([one])
    for first in range(0, len(records), size):
        together.feed(records[first : first + size])
        together = together.restarted() if restart else together
    assert came_of(together) == came_of(apart)


@pytest.mark.wild(
    area="ingestion",
    given="a label that changes nothing moves the labels' clock, then the process starts again",
    right="the clock is where it was: what comes next is given up as without the restart",
)
@pytest.mark.parametrize("restart", [False, True])
def test_a_restart_keeps_the_clock_that_labels_moved_which_changed_nothing(restart):
    out = bench(CHURN | {"label_delay": {"give_up_seconds": 100}})
    out.feed(ENCODINGS["json"]([row(n, prediction="1") for n in range(4)]))
    out.feed([label(0, "1", 80)]).feed([label(0, "1", 80)] * 9)
    out = out.restarted() if restart else out
    out.feed([label(n, "1", 400) for n in (1, 2)])
    assert out.ignored == {"label_repeated": 9, "label_too_late": 2}
    assert out.core.rows_waiting == 3, "two labels far ahead of ten give up on nothing"


def test_a_label_that_was_given_up_is_not_given_up_again_after_a_restart():
    out = bench(CHURN | {"label_delay": {"give_up_seconds": 100}})
    out.feed([label(n, "1", 10 * n) for n in range(4)])
    out.feed(ENCODINGS["json"]([row(n, prediction="1", predicted_at=at(125)) for n in range(50, 56)]))
    before = dict(out.ignored)
    assert before["label_gave_up"] == 3
    out = out.restarted()
    out.feed(ENCODINGS["json"]([row(60, prediction="1", predicted_at=at(125))]))
    assert out.ignored == before
    assert out.core.labels_waiting == 1


@pytest.mark.wild(
    area="ingestion",
    given="one truth alone, made before the newest prediction with its id, of a row that has its label",
    right="it corrects the earlier prediction, and takes no truth of the newest",
)
@pytest.mark.parametrize("restart", [False, True])
def test_a_truth_of_an_earlier_prediction_is_not_completed_with_the_label_of_the_newest(restart):
    out = bench(THREE)
    for seconds, value in ((0, 1.0), (100, 2.0)):
        rows = [row(1, prediction=dict.fromkeys(NAMES, value), predicted_at=at(seconds))]
        out.feed(ENCODINGS["json"](rows)).feed([label(1, dict.fromkeys(NAMES, value), seconds + 10)])
    out = out.restarted() if restart else out
    out.feed([label(1, {"b": 9.0}, 50)])
    last = out.rows()[-1]
    assert (last["event"], last["predicted_at"].isoformat()[11:19]) == ("correction", "08:00:00")
    assert [last[f"label.{name}"] for name in NAMES] == [1.0, 9.0, 1.0]


def test_a_row_whose_waiting_label_is_replaced_by_one_that_is_too_late_is_given_up_in_time():
    records = [label(1, "1", 150), *ENCODINGS["json"]([row(1, prediction="1", predicted_at=at(0))])]
    records += [label(50 + n, "1", 250) for n in range(40)] + [label(1, "1", 90)]
    outs = [bench(CHURN | {"label_delay": {"give_up_seconds": 100}}) for _ in range(2)]
    for out in outs:
        out.feed([label(1, "1", 50)])
    outs[0].feed(records)
    for one in records:
        outs[1].feed([one])
    assert came_of(outs[0]) == came_of(outs[1])
    assert outs[1].ignored == {
        "label_superseded": 1, "label_too_late": 1, "prediction_gave_up": 1, "label_without_row": 1,
    }  # fmt: skip


def test_labels_that_change_nothing_leave_one_mark_however_many_they_are():
    out = bench(CHURN | {"label_delay": {"give_up_seconds": 1_000}})
    out.feed(ENCODINGS["json"]([row(n, prediction="1") for n in range(4)])).feed([label(0, "1", 10)])
    for n in range(60):
        out.feed([label(0, "1", 10 - n % 2)])
        out = out.restarted() if n % 20 == 0 else out
    assert sum(key.startswith("marks/") for key in out.state) == 2, "one that labelled a row, one that has the clock"


def test_a_row_that_waits_does_not_take_the_label_of_a_forgotten_one_with_its_id_over_a_restart():
    out = bench(CHURN | {"label_delay": {"give_up_seconds": 100}}, remembered_rows=5, correctable_rows=1)

    def feed_rows(*numbers, seconds=0):
        out.feed(ENCODINGS["json"]([row(n, prediction="1", predicted_at=at(seconds)) for n in numbers]))

    out.feed([label(1_000 + n, "1", 0) for n in range(40)])
    feed_rows(1)
    for seconds, others in ((1_000, range(10, 17)), (2_000, range(20, 27))):
        feed_rows(1, seconds=seconds)
        out.feed([label(1, "1", seconds + 1)])
        feed_rows(*others)
    waiting = out.core.rows_waiting
    assert waiting == 15, "the first with the id, and the others"
    assert out.restarted().core.rows_waiting == waiting


def test_what_is_remembered_of_batches_that_cannot_be_laid_together_goes_with_them():
    out = bench(CHURN | {"label_delay": {"give_up_seconds": 100}}, remembered_rows=20, correctable_rows=0)
    for n in range(1, 200):
        told = {"prediction": "1", "predicted_at": at(1_000 * n), "label": "1", "labelled_at": at(1_000 * n)}
        out.feed(ENCODINGS["json"]([row(one, **told) for one in (0, n)]))
    assert out.core.counts.reused_ids["churn"] == 198, "one in each batch"
    memory = out.core._memory(0)
    assert len(memory.of("churn").recent) <= len(memory.seen) + 1 <= 20


class CountedIds(IdIndex):
    """Counts the rows that are asked for."""

    asked = 0

    def all_new(self, ids):
        self.asked += len(ids)
        return super().all_new(ids)


def test_what_expires_at_every_record_costs_no_square_of_the_rows():
    rows = 3_000
    out = bench(CHURN | {"label_delay": {"give_up_seconds": 100}})
    out.feed([label(10**6 + n, "1", 0) for n in range(40)])
    counted = out.core._memory(0).of("churn").ids = CountedIds()
    made = [row(n, prediction="1", predicted_at=at(10 * n)) for n in range(rows)]
    out.feed(ENCODINGS["arrow"](made))
    assert out.ignored["prediction_gave_up"] > rows / 2
    assert rows < counted.asked < 20 * rows
