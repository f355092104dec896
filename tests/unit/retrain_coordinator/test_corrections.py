"""Labels that are corrected after versions were compared by them."""

import numpy as np
import pytest

from driftloop.contracts.challenge_scores import CorrectedRow
from retrain_coordinator.core.proof.paired_test import PairedTest
from retrain_coordinator.core.state import ModelState

BAD, GOOD = [1.0] * 60 + [0.0] * 40, [0.0] * 100


POLICY = {"preset": "default", "triggers": {"harmful_drift": True, "payoff": None}}


def drifted(story, safeguards=None):
    """1.0.0 serves, a harmful drift has come and a run is under way."""
    told = story(policy={**POLICY, "safeguards": safeguards or {}}).first_version()
    told.status(100, 0.1)
    told.scores({})
    told.signal(onset=520)
    told.status(100, 0.6)
    return told


def proven(story):
    """1.0.1 is proven better by the last frame, and a freeze holds it back."""
    told = drifted(story)
    told.result([0.0], [0.0])
    told.command("freeze")
    told.status(100, 0.6)
    told.scores({"1.0.0": BAD, "1.0.1": GOOD})
    return told


def corrections(offset, rows=60):
    """The rows on which the champion was wrong were labelled wrongly: it is the challenger that was."""
    return [
        CorrectedRow(row=row, offset=offset, before={"1.0.0": 1.0, "1.0.1": 0.0}, after={"1.0.0": 0.0, "1.0.1": 1.0})
        for row in range(rows)
    ]


def test_a_proof_does_not_outlive_the_labels_that_it_rests_on(story):
    outcomes = []
    for corrected in (False, True):
        told = proven(story)
        scored = told.offset
        told.status(10, 0.0)
        told.scores({"1.0.0": [], "1.0.1": []}, corrected=corrections(scored) if corrected else ())
        told.command("unfreeze")
        told.status(10, 0.0)
        told.scores({"1.0.0": [], "1.0.1": []})
        outcomes.append(told.champion)
    assert outcomes == ["1.0.1", "1.0.0"]


@pytest.mark.parametrize(
    ("safeguards", "why"), [({"approval": ["promote"]}, "approval"), ({"veto_window_seconds": 7_200.0}, "veto_window")]
)
@pytest.mark.parametrize("restarted", [False, True])
def test_who_waits_for_a_person_by_labels_that_were_corrected_waits_no_longer(story, safeguards, why, restarted):
    told = drifted(story, safeguards)
    told.result([0.0], [0.0])
    told.status(100, 0.6)
    told.scores({"1.0.0": BAD, "1.0.1": GOOD})
    assert told.state.challenges["1.0.1"].waits_for == why
    assert why in told.state.waits
    scored = told.offset
    told.status(10, 0.0)
    told.scores({"1.0.0": [], "1.0.1": []}, corrected=corrections(scored))
    assert "it is under proof again" in told.decisions[-1].reason
    if restarted:
        told.core.restore(0, [("m", told.state.to_json())])
    assert "proof" in told.state.waits
    assert why not in told.state.waits
    told.command("approve")
    assert (told.champion, told.actions[-1]) == ("1.0.0", "refuse")
    told.status(1_000, 0.6, hours=3.0)
    told.scores({"1.0.0": BAD * 10, "1.0.1": GOOD * 10})
    assert (told.champion, told.decisions[-1].trigger) == ("1.0.0", why), "proven again, it waits as at first"
    assert told.state.challenges["1.0.1"].afterwards.harm.rows == 0
    told.command("approve")
    assert told.champion == "1.0.1"


def test_the_figures_of_a_challenge_are_those_of_the_labels_as_they_stand(story):
    told = proven(story)
    scored = told.offset
    told.status(10, 0.0)
    told.scores({"1.0.0": [], "1.0.1": []}, corrected=corrections(scored, 30))
    entry = told.state.challenges["1.0.1"]
    assert (entry.champion_loss, entry.challenger_loss, entry.corrected_rows) == (30.0, 30.0, 30)
    assert entry.gain.mean == pytest.approx(0.0)
    assert ModelState.model_validate_json(told.state.to_json()) == told.state


def test_a_row_from_before_the_challenge_changes_nothing(story):
    told = proven(story)
    before = told.state.challenges["1.0.1"]
    told.status(10, 0.0)
    told.scores({"1.0.0": [], "1.0.1": []}, corrected=corrections(before.since.offset))
    assert told.state.challenges["1.0.1"].gain == before.gain


def test_a_champion_on_probation_is_judged_by_the_labels_as_they_stand(story):
    told = drifted(story)
    told.result(BAD, GOOD)
    assert told.champion == "1.0.1"
    told.status(20, 0.0)
    told.scores({"1.0.0": [0.0] * 20, "1.0.1": [0.0] * 20})
    scored = told.offset
    rows = [
        CorrectedRow(row=row, offset=scored, before={"1.0.0": 0.0, "1.0.1": 0.0}, after={"1.0.0": 0.0, "1.0.1": 1.0})
        for row in range(5)
    ]
    told.status(10, 0.0)
    told.scores({"1.0.0": [], "1.0.1": []}, corrected=rows)
    assert told.state.probation.harm.mean == pytest.approx(0.25)


def test_the_wealth_after_corrections_is_that_of_the_corrected_rows():
    rng = np.random.default_rng(4)
    first, last = rng.choice([-1.0, 0.0, 1.0], 400, p=[0.1, 0.6, 0.3]), rng.choice([-1.0, 0.0, 1.0], 400)
    which = rng.random(400) < 0.2
    now = np.where(which, last, first)
    corrected = PairedTest().after(first).corrected(first[which], last[which])
    ideal = PairedTest().after(now)
    assert corrected.log_wealth == pytest.approx(ideal.log_wealth)
    assert corrected.mean == pytest.approx(ideal.mean)
    assert corrected.peak == corrected.log_evidence


@pytest.mark.slow
def test_an_equal_challenger_is_rarely_proven_by_labels_that_are_corrected_late():
    proofs = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        rows = rng.choice([-1.0, 0.0, 1.0], 1500, p=[0.1, 0.8, 0.1])
        wrong = np.where(rng.random(1500) < 0.1, 1.0, rows)  # a tenth is labelled in the challenger's favour
        test, found = PairedTest(), False
        for start in range(0, 1500, 100):
            test = test.after(wrong[start : start + 100]).corrected(
                wrong[start : start + 100], rows[start : start + 100]
            )
            found |= test.proven(0.05)
        proofs += found
    assert proofs <= 15
