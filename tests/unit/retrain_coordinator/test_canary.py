"""Mode `canary`: a share of the traffic, and one look at rows that each version served itself."""

import numpy as np
import pytest

from driftloop.spec.challenge import ChallengeRule
from retrain_coordinator.core.proof import canary
from retrain_coordinator.core.proof.challenge import unproven, verdict

RULE = ChallengeRule(mode="canary", look_rows=1000, minimum_effect=0.02)


def entry(rule=RULE):
    return unproven("1.0.1", "1.0.0", rule, None, 0)


def run(found, champion, challenger, rule=RULE):
    """The canary after losses of the rows that each served, the champion's first."""
    losses = {"1.0.0": [*champion, *challenger], "1.0.1": [*champion, *challenger]}
    both = len(champion), len(champion) + len(challenger)
    served = {"1.0.0": range(both[0]), "1.0.1": range(both[0], both[1])}
    return canary.after(found, losses, served, rule.look_rows)


def errors(rows, wrong):
    return [1.0] * wrong + [0.0] * (rows - wrong)


@pytest.mark.parametrize(
    ("wrong", "outcome"),
    [(150, "promote"), (200, "reject"), (185, "reject"), (260, "reject")],
    ids=["clearly better", "equal", "better by less than the minimum", "worse"],
)
def test_the_one_look_decides_and_decides_for_good(wrong, outcome):
    found = verdict(run(entry(), errors(1000, 200), errors(1000, wrong)), RULE)
    assert found.outcome == outcome
    assert "at the one look" in found.reason
    assert found.evidence["challenger_rows"] == 1000


def test_nothing_is_said_before_both_have_served_the_rows_that_were_fixed():
    found = run(entry(), errors(9000, 1800), errors(999, 0))
    assert verdict(found, RULE).outcome == "continue"
    assert found.arms["1.0.0"].rows == 1000


def test_rows_beyond_the_number_fixed_beforehand_count_nothing():
    found = run(entry(), errors(1000, 200), errors(1000, 150))
    assert run(found, errors(500, 0), errors(500, 500)).arms == found.arms


def test_a_canary_without_split_traffic_ends_and_says_so():
    rule = ChallengeRule(mode="canary", look_rows=1000, maximum_rows=2000)
    found = entry(rule)
    found = found.model_copy(update={"gain": found.gain.after(np.zeros(2000))})
    said = verdict(run(found, errors(1000, 0), [], rule), rule)
    assert (said.outcome, "is the traffic split?" in said.reason) == ("reject", True)


def test_an_equal_challenger_is_promoted_as_often_as_the_risk_says():
    random = np.random.default_rng(7)
    rule = ChallengeRule(mode="canary", look_rows=1000)
    promoted = 0
    for _ in range(600):
        champion, challenger = (random.random((2, 1000)) < 0.15).astype(float)
        promoted += verdict(run(entry(rule), champion, challenger, rule), rule).outcome == "promote"
    assert promoted / 600 < 0.075


def test_losses_that_are_no_errors_are_compared_by_their_own_spread():
    random = np.random.default_rng(1)
    rule = ChallengeRule(mode="canary", look_rows=500)
    found = run(entry(rule), random.random(500), random.random(500) * 0.8, rule)
    assert verdict(found, rule).outcome == "promote"


def test_the_coordinator_counts_the_rows_that_each_version_served(story):
    told = story(challenge={"mode": "canary", "look_rows": 30, "probation_rows": 0}).first_version()
    told.command("retrain")
    told.result([1.0] * 20, [0.0] * 20)
    assert told.champion == "1.0.0"
    for _ in range(2):
        told.status(100, say=False)
        losses = {"1.0.0": [1.0] * 100, "1.0.1": [0.0] * 100}
        scores = told.scores(losses, say=False)
        served = {"1.0.0": tuple(range(85)), "1.0.1": tuple(range(85, 100))}
        told.say("challenge-scores", scores.model_copy(update={"served": served}))
        told.offset -= 1
        told.rows -= 100
        told.status(100)
    assert told.champion == "1.0.1"
    assert "better in live traffic at the one look: gain +1.0000 on 30 rows each" in told.decisions[-1].reason
