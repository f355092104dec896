"""A version whose requests fail is not promoted, whatever it gains where it answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftloop.contracts import topics
from driftloop.contracts.challenge_scores import AnsweredRows
from driftloop.spec.challenge import ChallengeRule
from retrain_coordinator.core.proof import critical_errors
from retrain_coordinator.core.proof.challenge import after, unproven, verdict


def rule(most, mode="e-process", look_rows=100):
    return ChallengeRule(mode=mode, look_rows=look_rows, critical_errors=most)


def entry(rows, failed, of=None):
    found = unproven("1.0.1", "1.0.0", of or rule(0.0), None, 0)
    return critical_errors.after(found, {"1.0.1": AnsweredRows(rows=rows, failed=failed)})


@pytest.mark.parametrize(
    ("most", "rows", "failed", "proven", "stops"),
    [
        (None, 10, 10, True, False),
        (0.0, 500, 0, True, False),
        (0.0, 5, 1, False, True),
        (0.05, 20, 1, True, False),
        (0.05, 19, 1, True, True),
        (0.05, 19, 1, False, False),
        (0.05, 20, 5, False, False),
        (0.05, 20, 6, False, True),
        (0.05, 200, 11, False, True),
        (0.29, 100, 29, True, False),
        (0.29, 100, 30, True, True),
        (0.99, 10, 10, True, True),
    ],
)
def test_the_share_counts_once_proven_and_before_that_what_no_further_row_could_mend(most, rows, failed, proven, stops):
    why = critical_errors.fails(entry(rows, failed), rule(most), proven=proven)
    assert (why is not None) == stops
    if why is not None:
        assert f"{failed} of the {rows} rows that it answered failed" in why


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=20), st.sampled_from([0.0, 0.01, 0.2]))
def test_what_stops_a_challenger_before_its_proof_stops_it_at_the_proof_too(told, most):
    found = entry(0, 0)
    for good, failed in told:
        found = critical_errors.after(found, {"1.0.1": AnsweredRows(rows=good + failed, failed=failed)})
        if critical_errors.fails(found, rule(most), proven=False) is not None:
            assert critical_errors.fails(found, rule(most), proven=True) is not None
    assert found.failed_rows == sum(failed for _, failed in told)


def test_the_figures_are_evidence_only_where_the_spec_asks():
    assert verdict(entry(10, 0), rule(0.0)).evidence["answered_rows"] == 10
    assert "answered_rows" not in verdict(entry(10, 0), rule(None)).evidence
    assert "answered_rows" not in unproven("1.0.1", "1.0.0", rule(None), None, 0).model_dump_json()


def test_an_unproven_promotion_looks_at_no_rows():
    assert verdict(entry(10, 10), rule(0.0, mode="none")).outcome == "promote"


def under_proof(story, **challenge):
    told = story(challenge={"look_rows": 100, **challenge}).first_version()
    told.command("retrain")
    told.result([0.5] * 20, [0.5] * 20)
    return told


def frame(told, failed, *, better=True, rows=100):
    """A frame on which the challenger is better by half, and so many of its ten rows failed."""
    losses = {"1.0.0": [1.0, 0.0] * (rows // 2), "1.0.1": [0.0] * rows if better else [1.0, 0.0] * (rows // 2)}
    told.status(rows)
    message = told.scores(losses, say=False)
    answered = {"1.0.1": AnsweredRows(rows=10, failed=failed)}
    told.say(topics.CHALLENGE_SCORES, message.model_copy(update={"answered": answered}))


def test_a_better_challenger_whose_requests_fail_is_rejected_with_the_figures(story):
    told = under_proof(story, critical_errors=0)
    frame(told, 1)
    found = told.decisions[-1]
    assert (found.action, found.trigger, found.candidate) == ("reject", "critical_errors", "1.0.1")
    assert "1 of the 110 rows that it answered failed, none is allowed" in found.reason
    assert (found.evidence["answered_rows"], found.evidence["critical_errors"]) == (110, 1)
    assert told.champion == "1.0.0"


@pytest.mark.parametrize(("mode", "stops"), [("e-process", False), ("z-test", False), ("canary", True)])
def test_rows_that_it_was_run_on_beside_the_champion_are_answers_but_in_production(mode, stops):
    of = rule(0.1, mode)
    found = after(entry(10, 10, of), [1.0] * 90, [0.0] * 90)
    assert (critical_errors.fails(found, of, proven=True) is not None) == stops
    held_out = found.model_copy(update={"validated_rows": 90})
    assert critical_errors.fails(held_out, of, proven=True) is not None, "what a run held out was no request"


@pytest.mark.parametrize("challenge", [{}, {"critical_errors": 0.2}])
def test_it_is_promoted_where_nobody_asked_or_so_many_are_allowed(story, challenge):
    told = under_proof(story, **challenge)
    for _ in range(10):
        if told.champion == "1.0.0":
            frame(told, 1)
    assert told.champion == "1.0.1"
    assert ("critical_errors" in told.decisions[-1].evidence) == bool(challenge)


def test_a_frame_that_is_told_twice_counts_once(story):
    told = under_proof(story, critical_errors=0.5)
    told.status(100, say=False)
    message = told.scores({"1.0.0": [1.0, 0.0] * 5, "1.0.1": [1.0, 0.0] * 5}, say=False)
    for answered in ({}, {"1.0.1": AnsweredRows(rows=10, failed=2)}, {"1.0.1": AnsweredRows(rows=10, failed=2)}):
        told.say(
            topics.CHALLENGE_SCORES,
            message.model_copy(update={"answered": answered, "position": told.here}),
        )
    told.offset -= 1
    told.status(100)
    assert told.state.challenges["1.0.1"].answered_rows == 10
