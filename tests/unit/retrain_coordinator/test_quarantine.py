"""Rows that raise an alarm are not learnt from before a second window confirms it."""

import numpy as np
import pytest

from driftloop.contracts.training_requests import DataRule, RowSpan
from retrain_coordinator.core.deciding.quarantine import lacking, left_out, observe
from retrain_coordinator.core.state import Asked, ModelState, Suspicion

POLICY = {
    "triggers": {"metrics": [{"name": "floor", "metric": "accuracy", "below": 0.7}], "new_rows": 2000},
    "safeguards": {"quarantine_rows": 300},
}
GOOD, BAD = {"accuracy": 0.9}, {"accuracy": 0.6}


@pytest.fixture
def told(story):
    """A first version of 1,000 rows, with a quarantine of 300."""
    return story(policy=POLICY).first_version(1000)


def test_the_trigger_window_waits_for_a_second_one_and_the_decision_lists_it(told):
    told.status(100, metrics=BAD)
    assert (told.actions[-1], told.decisions[-1].trigger) == ("wait", "floor")
    (state,) = [state for state in told.decisions[-1].safeguards if state.name == "quarantine"]
    assert (state.passed, state.detail[:46]) == (False, "300 more labelled rows have to confirm floor b")
    told.status(299, metrics=BAD)
    assert told.actions[-1] == "wait"
    told.status(1, metrics=BAD)
    assert (told.actions[-1], told.requests[-1].data.left_out) == ("retrain", ())


def test_what_passes_unconfirmed_is_never_learnt_from(told):
    told.status(100, metrics=BAD)
    told.status(200, metrics=GOOD)
    runs = len(told.requests)
    told.status(1700, metrics=GOOD)
    assert (len(told.requests), told.decisions[-1].trigger) == (runs + 1, "new_rows")
    assert told.requests[-1].data.left_out == (RowSpan(oldest=3000 - 800, newest=3000 - 1300),)


@pytest.mark.parametrize("asked_by", ["a person", "the count of new rows"])
def test_a_run_that_something_else_asks_for_leaves_rows_in_quarantine_out(told, asked_by):
    told.status(1900, metrics=GOOD)
    told.status(50, metrics=BAD)
    if asked_by == "a person":
        told.command("retrain")
    else:
        assert told.actions[-1] == "wait"
        told.status(50, metrics={"accuracy": 0.65})
    assert told.actions[-1] == "retrain"
    (span,) = told.requests[-1].data.left_out
    assert span.oldest == told.rows - (2950 - 300)
    assert span.newest == 0
    assert told.requests[-1].data.rows == min(20_000, told.rows)


def test_a_figure_over_many_rows_is_confirmed_by_as_many(told):
    told.status(100, metrics={**BAD, "rolling_rows": 500.0})
    told.status(300, metrics={**BAD, "rolling_rows": 500.0})
    assert told.actions[-1] == "wait"
    told.status(200, metrics={**BAD, "rolling_rows": 500.0})
    assert told.actions[-1] == "retrain"


def test_an_alarm_that_no_longer_stands_asks_no_more(told, story):
    told = story(policy={**POLICY, "triggers": {"harmful_drift": True}}).first_version(1000)
    told.signal(onset=950, say=True)
    status = told.status(100, signals=1, say=False).model_copy(update={"active_signals": ("error:cusum",)})
    told.say("drift-status", status)
    assert (told.actions[-1], told.decisions[-1].trigger) == ("wait", "drift")
    told.status(100)
    assert told.state.signals == []
    assert told.state.spoilt == [(950, 1200)]


def test_without_a_quarantine_nothing_is_kept_out(story):
    told = story(policy={**POLICY, "safeguards": {}}).first_version(1000)
    told.status(100, metrics=BAD)
    assert told.actions[-1] == "retrain"
    assert told.requests[-1].data == DataRule.model_validate(told.requests[-1].data.model_dump(exclude={"left_out"}))


def test_a_debt_is_confirmed_only_while_it_grows():
    def observed(debts):
        state = ModelState(model_id="m")
        for row, debt in debts:
            state.labelled_rows = row
            asked = Asked(trigger="payoff", reason="", suspects=True, fresh_rows=100, evidence={"debt": debt})
            observe(state, [asked], row, 400)
        return state

    grows = observed([(1000, 20.0), (1100, 30.0), (1200, 40.0), (1300, 50.0), (1400, 60.0)])
    assert lacking(grows.suspicions["payoff"], 1400) == 0
    passes = observed([(1000, 20.0), (1100, 40.0), (1200, 40.0), (1300, 40.0)])
    assert passes.spoilt == [(900, 1200)]
    assert lacking(passes.suspicions["payoff"], 1300) == 400


def test_spans_that_meet_are_one():
    suspicion = Suspicion(since_row=950, from_row=900, rows=200)
    state = ModelState(model_id="m", labelled_rows=1000, spoilt=[(100, 200), (150, 300)], suspicions={"t": suspicion})
    spans = left_out(state, 200)
    kept = np.ones(1000, dtype=bool)
    for span in spans:
        kept[1000 - span.oldest : 1000 - span.newest] = False
    assert np.flatnonzero(~kept).tolist() == [*range(100, 300), *range(900, 1000)]
    assert len(spans) == 2
    assert left_out(state, 0) == ()
