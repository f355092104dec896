"""Prediction ids that are a customer's number, scored again and again."""

import pytest
from tests.wild.ingest_bench import CHURN, ENCODINGS, at, bench, label, row

DAY = 86_400
MONTH = 30 * DAY


def _scored(month, **fields):
    made = {"predicted_at": at(month * MONTH), "prediction": month % 2, "features": {"x": float(month)}}
    return [row(n, **(made | fields)) for n in range(20)]


@pytest.mark.wild(
    area="ingestion", given="a customer's number as id, scored monthly", right="each counts, each label finds its month"
)
@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("at_once", [False, True])
def test_each_month_counts_and_its_labels_find_its_rows(restart, at_once):
    out, batches = bench(), []
    for month in range(6):
        batches += [ENCODINGS["json"](_scored(month)), [label(n, 1, month * MONTH + DAY) for n in range(20)]]
    for batch in [[one for part in batches for one in part]] if at_once else batches:
        out.feed(batch)
        out = out.restarted() if restart else out
    events = [(one["event"], one["feature.x"]) for one in out.rows()]
    assert sorted(events) == sorted([(event, float(m)) for m in range(6) for event in ("prediction", "label")] * 20)
    assert not out.dead
    out.feed(ENCODINGS["json"](_scored(2)))
    assert out.ignored == {"duplicate": 20}, "the same prediction again"


@pytest.mark.wild(
    area="ingestion",
    given="a month's label that comes after the next month's row",
    right="it joins the month it was made in",
)
def test_a_label_made_before_the_newest_prediction_is_of_the_one_before():
    out = bench(CHURN | {"label_delay": {"give_up_seconds": 20 * DAY}})
    out.feed(ENCODINGS["json"](_scored(0))).feed(ENCODINGS["json"](_scored(1)))
    out.restarted().feed([label(3, 1, DAY), label(3, 0, MONTH + DAY)])
    assert [(one["event"], one["feature.x"], one["label.y"]) for one in out.rows()[40:]] == [
        ("label", 0.0, "1"), ("label", 1.0, "0"),
    ]  # fmt: skip


@pytest.mark.wild(
    area="ingestion", given="an id used anew while its prediction waits for a label", right="buried with the reason"
)
def test_an_id_used_for_another_prediction_before_the_label_came_is_buried():
    out = bench().feed(ENCODINGS["json"]([row(1, prediction=1)]))
    out.feed(ENCODINGS["json"]([row(1, prediction=0, predicted_at=at(DAY), features={"x": 9.0})]))
    assert [d.error_class for d in out.dead] == ["IdUsedAgain"]
    assert "give every prediction an id of its own" in out.dead[0].message
    assert out.events() == [("p1", "prediction")]


@pytest.mark.wild(area="ingestion", given="a retry that makes a new time stamp", right="a duplicate")
@pytest.mark.parametrize("one_batch", [False, True])
def test_a_retry_with_a_new_time_is_a_repeat(one_batch):
    first, again = (ENCODINGS["json"]([row(1, prediction=1, predicted_at=at(s), features={"x": 1.0})]) for s in (0, 40))
    out = bench().feed(first + again) if one_batch else bench().feed(first).feed(again)
    assert out.ignored == {"duplicate": 1}
    assert not out.dead
    assert not out.core.counts.reused_ids
