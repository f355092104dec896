"""Through all the cores: a week of wrong labels does no lasting harm, and a concept that returns is reused."""

import numpy as np
import pytest

from driftloop.learners.protocol import Rows

QUARANTINED = {"preset": "default", "safeguards": {"quarantine_rows": 800}}


def with_labels(rows: Rows, labels) -> Rows:
    return Rows(rows.features, {"y": labels})


def flipped(rows: Rows, share: float = 0.05) -> Rows:
    """So many labels are the other one, anywhere."""
    wrong = np.random.default_rng(7).random(len(rows)) < share
    other = np.where(rows.labels["y"] == "yes", "no", "yes").astype(object)
    return with_labels(rows, np.where(wrong, other, rows.labels["y"]))


def campaign(rows: Rows) -> Rows:
    """Somebody says no wherever `a` is large."""
    return with_labels(rows, np.where(rows.features["a"] > 0.5, "no", rows.labels["y"]).astype(object))


def week_of(loop, stream, poison, rows):
    """The champion's loss on clean rows before the week, at its end and afterwards, and the versions that served."""
    clean = stream(5000, 999)
    loop.learn_first(stream(800, 1)).serve(stream(400, 2), 100)
    before = loop.loss(clean)
    loop.serve(poison(stream(rows, 3)), 100)
    within = loop.loss(clean)
    loop.serve(stream(600, 4), 100)
    return before, within, loop.loss(clean)


@pytest.mark.parametrize("policy", ["default", QUARANTINED], ids=["default", "with a quarantine"])
def test_a_week_of_flipped_labels_leaves_the_champion_as_good_as_it_was(closed_loop, stream, policy):
    before, _, after = week_of(closed_loop(policy=policy), stream, flipped, 600)
    assert after <= before


def test_a_campaign_that_passes_gets_in_and_goes_again_where_nothing_holds_it_up(closed_loop, stream):
    loop = closed_loop()
    before, within, after = week_of(loop, stream, campaign, 600)
    assert within > before + 0.2
    assert after <= before
    assert loop.decisions[-1].action == "reuse"


def test_a_campaign_that_passes_never_gets_in_where_its_rows_are_in_quarantine(closed_loop, stream):
    loop = closed_loop(policy=QUARANTINED)
    before, within, after = week_of(loop, stream, campaign, 600)
    assert before == within == after
    assert len(loop.requests) == 1
    waits = [decision for decision in loop.decisions if decision.action == "wait"]
    (waited,) = [decision for decision in waits if decision.trigger != "harm"]  # others answer signals
    assert [state.name for state in waited.safeguards if not state.passed] == ["quarantine"]
    loop.command("retrain")
    assert loop.requests[-1].data.left_out
    assert loop.loss(stream(5000, 999)) <= before + 0.01


def test_a_drift_that_lasts_is_learnt_once_a_second_window_has_confirmed_it(closed_loop, stream):
    loop = closed_loop(policy=QUARANTINED).learn_first(stream(800, 1)).serve(stream(400, 2), 100)
    loop.serve(stream(1600, 3, turned=1.6), 100)
    assert loop.loss(stream(5000, 999, turned=1.6)) < 0.1


def test_a_concept_that_returns_is_answered_by_reuse_at_every_return_and_nothing_is_trained(closed_loop, stream):
    loop = closed_loop().learn_first(stream(800, 1)).serve(stream(300, 2), 100)
    other, clean = 1.6, {0.0: stream(5000, 999), 1.6: stream(5000, 998, turned=1.6)}
    loop.serve(stream(800, 3, turned=other), 100)
    runs = len(loop.requests)
    for number, turned in enumerate((0.0, other, 0.0, other), start=4):
        since = loop.rows
        loop.serve(stream(500, number, turned=turned), 100)
        back = [one.row - since for one in loop.decisions if one.action == "reuse" and one.row > since]
        assert back, f"return {number - 3} was not answered"
        assert back[0] <= 200
        assert loop.loss(clean[turned]) < 0.08
    assert len(loop.requests) == runs
