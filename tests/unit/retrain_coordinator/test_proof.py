"""The proof: how often it is wrong, how many rows it needs, and that looking costs nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter
from scipy.stats import norm

from driftloop.spec.challenge import ChallengeRule
from retrain_coordinator.core.proof import challenge, probation
from retrain_coordinator.core.proof.paired_losses import differences
from retrain_coordinator.core.proof.paired_test import PairedTest
from retrain_coordinator.core.proof.segments import by_segment
from retrain_coordinator.core.state import ChallengeEntry, ProbationEntry

RISK = 0.05


def paired(rng, rows, gain, discordant):
    """Differences of 0/1 losses: a share of rows on which the versions differ, and the mean gain."""
    drawn = rng.random(rows)
    return np.where(drawn < (discordant + gain) / 2, 1.0, np.where(drawn < discordant, -1.0, 0.0))


def autoregressive(rng, rows, rho):
    noise = rng.standard_normal(rows + 200)
    return lfilter([np.sqrt(1 - rho**2)], [1, -rho], noise)[200:]


def modulated(rng, rows, rho):
    """0/1 losses whose favour wanders: equal in the long run, unequal for dozens of rows."""
    favour = 0.05 * (1 + 0.9 * np.tanh(autoregressive(rng, rows, rho)))
    drawn = rng.random(rows)
    return np.where(drawn < favour, 1.0, np.where(drawn < 0.1, -1.0, 0.0))


NULLS = {
    "binary": lambda rng, rows: paired(rng, rows, 0.0, 0.10),
    "binary, many differ": lambda rng, rows: paired(rng, rows, 0.0, 0.40),
    "regression": lambda rng, rows: np.clip(rng.standard_t(3, rows) / 8, -1, 1),
    "regression, dependent": lambda rng, rows: np.clip(0.15 * autoregressive(rng, rows, 0.9), -1, 1),
    "regression, very dependent": lambda rng, rows: np.clip(0.15 * autoregressive(rng, rows, 0.98), -1, 1),
    "binary, dependent": lambda rng, rows: modulated(rng, rows, 0.5),
}


def stopped_at(differences, step=64):
    test = PairedTest()
    for first in range(0, len(differences), step):
        test = test.after(differences[first : first + step])
        if test.proven(RISK):
            return test.rows
    return np.inf


@pytest.mark.parametrize("kind", NULLS)
def test_an_equal_challenger_is_rarely_promoted_though_every_row_is_looked_at(kind):
    rng = np.random.default_rng(20)
    wrong = sum(PairedTest().after(NULLS[kind](rng, 4000)).proven(RISK) for _ in range(60))
    assert wrong <= 7  # of 60: five or more times the risk would show as 8


@pytest.mark.slow
@pytest.mark.parametrize("kind", NULLS)
def test_an_equal_challenger_is_promoted_in_at_most_one_stream_of_twenty(kind):
    rng = np.random.default_rng(21)
    wrong = sum(PairedTest().after(NULLS[kind](rng, 20_000)).proven(RISK) for _ in range(200))
    assert wrong <= 17  # 5 % of 200, and two standard errors


@pytest.mark.slow
def test_two_points_with_a_tenth_discordant_are_proven_in_1650_rows():
    rng = np.random.default_rng(22)
    assert np.median([stopped_at(paired(rng, 6000, 0.02, 0.10)) for _ in range(120)]) <= 1650


def test_a_great_gain_is_proven_in_a_hundred_rows():
    rng = np.random.default_rng(23)
    assert np.median([stopped_at(paired(rng, 600, 0.25, 0.41), step=8) for _ in range(40)]) <= 110


def test_a_peeked_z_test_is_wrong_far_more_often():
    rng = np.random.default_rng(24)
    wrong = 0
    for _ in range(60):
        sums = np.cumsum(paired(rng, 4000, 0.0, 0.10))
        rows = np.arange(100, 4000, 50)
        wrong += bool((sums[rows] / np.sqrt(0.10 * rows) > norm.isf(RISK)).any())
    assert wrong >= 9  # of 60: three times the nominal rate and more


@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(st.floats(-1, 1).map(lambda value: round(value, 3)), min_size=1, max_size=300),
    cuts=st.lists(st.integers(0, 300), max_size=6),
    margin=st.sampled_from([0.0, 0.02, -0.02]),
)
def test_how_rows_are_cut_into_frames_makes_no_difference(values, cuts, margin):
    whole, rows = PairedTest(margin=margin), np.array(values)
    parts = PairedTest(margin=margin)
    for piece in np.split(rows, sorted(min(cut, len(rows)) for cut in cuts)):
        parts = parts.after(piece)
    whole = whole.after(rows)
    assert parts.rows == whole.rows
    assert parts.peak_row == whole.peak_row
    assert parts.log_wealth == pytest.approx(whole.log_wealth, abs=1e-9)


def test_dependence_is_found_and_independence_is_not_punished():
    rng = np.random.default_rng(25)
    assert PairedTest().after(paired(rng, 20_000, 0.0, 0.1)).inflation < 1.15
    assert PairedTest().after(np.clip(0.15 * autoregressive(rng, 20_000, 0.9), -1, 1)).inflation > 10


def watched(differences):
    entry = ProbationEntry(champion="1.0.1", predecessor="1.0.0", since=None, since_row=0)
    return probation.after(entry, differences.clip(0, 1), (-differences).clip(0, 1))


def test_a_champion_three_points_worse_is_found_in_1500_rows():
    rng = np.random.default_rng(26)
    found = sum(probation.is_harmful(watched(paired(rng, 1500, 0.03, 0.08)), RISK) for _ in range(100))
    assert found >= 95


def test_an_equal_champion_keeps_its_place():
    rng = np.random.default_rng(27)
    sent_back = sum(probation.is_harmful(watched(paired(rng, 5000, 0.0, 0.10)), RISK) for _ in range(100))
    assert sent_back <= 9  # 5 % of 100, and two standard errors


def test_a_disaster_is_found_in_dozens_of_rows():
    assert probation.is_harmful(watched(np.tile([1.0, 0.0, 1.0, 1.0], 20)), RISK)


def entry_of(gains, rule):
    entry = ChallengeEntry(
        version="1.0.1", champion="1.0.0", since=None, since_row=0,
        gain=PairedTest(margin=challenge.least_gain(rule)), harm=PairedTest(margin=-challenge.least_gain(rule)),
    )  # fmt: skip
    return challenge.after(entry, gains.clip(0, 1).tolist(), (-gains).clip(0, 1).tolist())


def test_a_gain_below_the_least_effect_is_rejected_not_promoted():
    rng = np.random.default_rng(28)
    rule = ChallengeRule(minimum_effect=0.05)
    word = challenge.verdict(entry_of(paired(rng, 8000, 0.01, 0.10), rule), rule)
    assert word.outcome == "reject"
    assert "not better by 0.05" in word.reason


def test_a_proof_that_comes_to_nothing_ends():
    rng = np.random.default_rng(29)
    rule = ChallengeRule(maximum_rows=500)
    word = challenge.verdict(entry_of(paired(rng, 500, 0.0, 0.05), rule), rule)
    assert (word.outcome, "neither better nor worse" in word.reason) == ("reject", True)


def test_losses_of_a_regression_are_clipped_at_their_bound():
    gains = differences([100.0, 0.5, float("nan")], [1.0, 0.5, 0.2], bound=2.0)
    assert gains.tolist() == [0.5, 0.0]


@pytest.mark.parametrize(("gain", "outcome"), [(0.06, "promote"), (0.0, "reject")])
def test_the_z_test_looks_once(gain, outcome):
    rng = np.random.default_rng(30)
    rule = ChallengeRule(mode="z-test", minimum_effect=0.02, look_rows=1000)
    early = challenge.verdict(entry_of(paired(rng, 900, 0.3, 0.35), rule), rule)
    assert early.outcome == "continue"
    assert challenge.verdict(entry_of(paired(rng, 1000, gain, 0.15), rule), rule).outcome == outcome


def test_a_thousand_rows_cost_milliseconds():
    import time

    rows = paired(np.random.default_rng(31), 2000, 0.0, 0.1)
    started = time.process_time()
    PairedTest().after(rows)
    assert time.process_time() - started < 0.25


def test_a_gain_on_the_whole_does_not_pay_for_harm_to_a_segment():
    rng = np.random.default_rng(32)
    rule = ChallengeRule(segment_tolerance=0.02)
    large, small = paired(rng, 900, 0.03, 0.10), paired(rng, 300, -0.25, 0.35)
    gains = np.concatenate([large, small])
    losses = gains.clip(0, 1).tolist(), (-gains).clip(0, 1).tolist()
    places = {"line=1": range(900), "line=2": range(900, 1200)}
    word = challenge.verdict(by_segment(entry_of(gains, rule), losses, places, 0.02), rule)
    assert (word.outcome, word.evidence["segment"]) == ("reject", "line=2")


def test_segments_that_are_alike_do_not_stand_in_the_way():
    rng = np.random.default_rng(33)
    rule = ChallengeRule(segment_tolerance=0.02)
    gains = paired(rng, 3000, 0.05, 0.10)
    losses = gains.clip(0, 1).tolist(), (-gains).clip(0, 1).tolist()
    places = {f"line={line}": range(line, 3000, 20) for line in range(20)}
    assert challenge.verdict(by_segment(entry_of(gains, rule), losses, places, 0.02), rule).outcome == "promote"


def test_an_equal_version_is_not_inferior():
    rng = np.random.default_rng(34)
    rule = ChallengeRule(non_inferiority=0.03)
    word = challenge.verdict(entry_of(paired(rng, 4000, 0.0, 0.06), rule), rule)
    assert (word.outcome, "not worse by 0.03" in word.reason) == ("promote", True)


def test_several_challengers_share_the_risk():
    entry = entry_of(np.tile([1.0, 0.0, 1.0, 0.0, -1.0], 40), ChallengeRule())
    barely = entry.model_copy(update={"gain": entry.gain.model_copy(update={"peak": 3.1})})
    assert challenge.verdict(barely, ChallengeRule()).outcome == "promote"
    assert challenge.verdict(barely, ChallengeRule(challengers=8)).outcome == "continue"


def at_unfreeze(rows, since):
    """What is said of a challenger that `rows` prove, after `since` came in a freeze: as its proof was, and anew."""
    rule = ChallengeRule(risk=0.05)
    held = challenge.after(challenge.unproven("1.0.1", "1.0.0", rule, None, 0), *rows)
    held = challenge.after(challenge.waiting(held, rule, None), *since)
    return held, challenge.verdict(challenge.looked_anew(held), rule)


@given(better=st.floats(0.6, 1.0), later=st.floats(0.0, 1.0), count=st.integers(0, 600), seed=st.integers(0, 999))
def test_what_is_promoted_when_a_freeze_ends_is_proven_by_all_rows_and_not_refuted_by_the_last(
    better, later, count, seed
):
    rng = np.random.default_rng(seed)
    draws = [np.where(rng.random(size) < share, 1.0, -1.0) for size, share in ((300, better), (count, later))]
    held, word = at_unfreeze(*((tuple(np.maximum(gain, 0)), tuple(np.maximum(-gain, 0))) for gain in draws))
    if word.outcome == "promote":
        assert held.gain.log_evidence >= np.log(21.0) or not count or np.mean(draws[1]) > 0
        assert not held.afterwards.harm.proven(0.05)
        assert word.evidence["rows_since_proven"] == count
    else:
        assert not held.gain.proven(0.05) or (count and np.mean(draws[1]) <= 0)


def test_a_challenger_that_turns_worse_in_a_freeze_is_seldom_promoted_when_it_ends():
    """Better by 30 points for 500 rows, then worse by 10 for 1,000: by its peak alone it was promoted each time."""
    promoted, proven = 0, 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        sides = []
        for size, first, second in ((500, 0.5, 0.2), (1_000, 0.2, 0.3)):
            sides.append((tuple((rng.random(size) < first) * 1.0), tuple((rng.random(size) < second) * 1.0)))
        held, word = at_unfreeze(*sides)
        proven += held.gain.proven(0.05)
        promoted += word.outcome == "promote"
    assert proven == 200
    assert promoted <= 10
