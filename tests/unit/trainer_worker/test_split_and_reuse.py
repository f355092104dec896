"""Which rows are learnt from, which are held out, and when an old version is good enough again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftloop.contracts.message import FramePosition
from driftloop.contracts.training_requests import DataRule
from driftloop.spec.model_spec import TrainingRule
from trainer_worker.core.train.reuse import Tried, choose, judged_rows
from trainer_worker.core.train.split import PSEUDO_SHARE, doubtful, label_weights, mixed_rows, split_rows

UNTIL = FramePosition(partition=0, offset=1)


def rule(**changes) -> DataRule:
    return DataRule(**({"until": UNTIL, "rows": 1000, "minimum_rows": 2} | changes))


def pseudo_at(count: int, *places: int) -> np.ndarray:
    pseudo = np.zeros(count, dtype=bool)
    pseudo[list(places)] = True
    return pseudo


def test_the_newest_share_is_held_out_in_time_order():
    split = split_rows(rule(), pseudo_at(100))
    assert split.training.tolist() == list(range(80))
    assert split.held_out.tolist() == list(range(80, 100))
    assert split.everything.tolist() == list(range(100))


def test_of_fresh_rows_the_share_is_taken_from_the_fresh_ones():
    assert split_rows(rule(fresh_rows=50), pseudo_at(100)).held_out.tolist() == list(range(90, 100))


def test_older_rows_are_mixed_in_evenly_beside_the_fresh_ones():
    split = split_rows(rule(fresh_rows=20, replay_rows=5), pseudo_at(100))
    assert split.everything.tolist() == [0, 20, 40, 59, 79, *range(80, 100)]


def test_a_mix_holds_out_what_the_whole_would_and_half_of_the_fresh_rows_at_most():
    few = split_rows(rule(rows=5000, fresh_rows=100, replay_rows=100), pseudo_at(5000))
    assert len(few.everything) == 200, "100 of 5,000 fresh rows do not have all 5,000 learnt"
    assert few.held_out.tolist() == list(range(4950, 5000))
    many = split_rows(rule(rows=5000, fresh_rows=4000, replay_rows=400), pseudo_at(5000))
    assert len(many.held_out) == 1000


@given(there=st.integers(1, 300), fresh=st.integers(1, 300), replay=st.integers(1, 300))
def test_a_mix_of_a_mix_is_the_same(there, fresh, replay):
    one = rule(fresh_rows=fresh, replay_rows=replay)
    mixed = mixed_rows(one, there)
    assert mixed[mixed_rows(one, len(mixed))].tolist() == mixed.tolist()
    assert set(range(max(0, there - fresh), there)) <= set(mixed.tolist())
    assert len(mixed) == min(there, min(fresh, there) + min(replay, max(0, there - fresh)))


def test_pseudo_labels_are_never_held_out():
    split = split_rows(rule(), pseudo_at(100, 85, 95))
    assert not {85, 95} & set(split.held_out.tolist())


def test_too_few_rows_are_refused_with_a_sentence():
    with pytest.raises(ValueError, match="9 labelled rows are there, the request asks for at least 10"):
        split_rows(rule(minimum_rows=10), pseudo_at(9))


WEIGHTS = TrainingRule().label_weights


def test_share_confidence_and_weights_of_pseudo_labels_are_what_the_spec_says():
    rule_of = TrainingRule(pseudo_share=0.5, pseudo_confidence=0.8, label_weights={"user": 3.0})
    half = split_rows(rule(), pseudo_at(100, *range(60)), pseudo_share=rule_of.pseudo_share)
    assert len(half.everything) == 80
    sources, sure = np.array(["pseudo", "pseudo", "user"], dtype=object), np.array([0.8, 0.79, 0.1])
    assert doubtful(sources, sure, rule_of.pseudo_confidence).tolist() == [False, True, False]
    assert label_weights(sources, np.full(3, np.nan), rule_of.label_weights).tolist() == [1.0, 1.0, 3.0]
    assert TrainingRule().pseudo_share == PSEUDO_SHARE


def test_weights_are_none_where_every_row_counts_the_same():
    sources = np.array(["user", "system", "user"], dtype=object)
    assert label_weights(sources, np.full(3, np.nan), WEIGHTS) is None


def test_a_rows_own_weight_multiplies_that_of_its_source():
    sources = np.array(["user", "pseudo", "pseudo"], dtype=object)
    assert label_weights(sources, np.array([2.0, np.nan, 4.0]), WEIGHTS).tolist() == [2.0, 0.5, 2.0]


@given(
    count=st.integers(2, 400),
    share=st.floats(0.01, 0.9),
    fresh=st.none() | st.integers(1, 500),
    replay=st.integers(0, 500),
    seed=st.integers(0, 9),
    guessed=st.floats(0, 1),
)
def test_training_and_held_out_rows_never_meet_and_keep_their_order(count, share, fresh, replay, seed, guessed):
    pseudo = np.random.default_rng(seed).random(count) < guessed
    try:
        split = split_rows(rule(validation_share=share, fresh_rows=fresh, replay_rows=replay), pseudo)
    except ValueError:
        return
    training, held_out, everything = (part.tolist() for part in (split.training, split.held_out, split.everything))
    assert sorted(set(everything)) == everything
    assert set(training) | set(held_out) <= set(everything)
    assert not held_out or not training or max(training) < min(held_out)
    assert not pseudo[split.held_out].any()
    assert pseudo[split.everything].sum() <= PSEUDO_SHARE * len(everything) + 1


HALF_WRONG, RIGHT = np.tile([1.0, 0.0], 50), np.zeros(100)


@pytest.mark.parametrize(
    ("tried", "chosen"),
    [
        ({"1.0.0": Tried(RIGHT, when_new=0.02)}, "1.0.0"),
        ({"1.0.0": Tried(HALF_WRONG, when_new=0.5)}, None),
        ({"1.0.0": Tried(RIGHT + 0.3, when_new=0.05)}, None),
        ({"1.0.0": Tried(RIGHT, when_new=None)}, None),
        ({"1.0.0": Tried(RIGHT + 0.1, when_new=0.1), "1.0.1": Tried(RIGHT, when_new=0.1)}, "1.0.1"),
        ({}, None),
    ],
)
def test_a_version_serves_again_where_it_beats_the_champion_and_is_itself_again(tried, chosen):
    assert choose(HALF_WRONG, tried) == chosen


def test_a_handful_of_rows_proves_nothing():
    assert choose(np.ones(5), {"1.0.0": Tried(np.zeros(5), when_new=0.0)}) is None


def test_candidates_are_judged_on_the_newest_true_rows_that_the_champion_has_not_learnt():
    unseen = np.arange(300) >= 100
    picked = judged_rows(unseen, pseudo_at(300, 299), fresh_rows=None)
    assert picked.tolist() == list(range(199, 299))
    assert len(judged_rows(unseen, pseudo_at(300), fresh_rows=30)) == 30
