"""Variants per channel, by a simulation whose truth is known."""

import numpy as np
import pytest

from driftloop.statistics.thompson import Bandit, choose, learn, leading

CHANNELS = tuple(f"channel-{number}" for number in range(10))
BANDIT = Bandit(("a", "b", "c"))
OUTCOMES = 5000


def shares(seed: int) -> np.ndarray:
    """The share of right answers of each variant in each channel: the best is another in each."""
    random = np.random.default_rng((seed, 1))
    found = random.uniform(0.5, 0.8, (len(CHANNELS), 3))
    found[np.arange(len(CHANNELS)), random.integers(3, size=len(CHANNELS))] = 0.9
    return found


def play(seed: int, outcomes: int, turns_bad: int | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Chosen variants, their expected rewards, and those of the best fixed variant, request by request."""
    random, truth = np.random.default_rng((seed, 2)), shares(seed)
    beliefs: dict = {}
    chosen = np.zeros((outcomes, len(CHANNELS)), dtype=int)
    earned = np.zeros((outcomes, len(CHANNELS)))
    best = truth.argmax(axis=1)
    for turn in range(outcomes):
        if turn == turns_bad:
            truth = truth.copy()
            truth[np.arange(len(CHANNELS)), best] = 0.3
        for place, channel in enumerate(CHANNELS):
            variant = choose(BANDIT, beliefs, channel, random)
            at = BANDIT.variants.index(variant)
            beliefs = learn(BANDIT, beliefs, channel, variant, right=float(random.random() < truth[place, at]))
            chosen[turn, place], earned[turn, place] = at, truth[place, at]
    return chosen, earned, best


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)])
def test_after_5000_outcomes_of_a_channel_it_is_within_two_percent_of_the_best_fixed_variant(seed):
    _, earned, _ = play(seed, OUTCOMES)
    assert earned.mean() >= 0.98 * shares(seed).max(axis=1).mean()


@pytest.mark.parametrize("seed", [0, 1])
def test_a_variant_that_turns_bad_is_left_within_300_of_its_outcomes(seed):
    chosen, _, best = play(seed, 2000, turns_bad=1000)
    for place in range(len(CHANNELS)):
        after = chosen[1000:, place] == best[place]
        shared = np.convolve(after, np.ones(50), mode="valid") / 50
        left = int(np.argmax(shared < 0.5))
        assert shared[left] < 0.5
        assert after[: left + 50].sum() <= 300


def test_the_floor_asks_every_variant_whatever_is_believed():
    beliefs = {("web", "a"): learn(BANDIT, {}, "web", "a", right=1.0)[("web", "a")]}
    for _ in range(500):
        beliefs = learn(BANDIT, beliefs, "web", "a", right=1.0)
        for other in ("b", "c"):
            beliefs = learn(BANDIT, beliefs, "web", other, right=0.0)
    random = np.random.default_rng(5)
    asked = [choose(Bandit(("a", "b", "c"), floor=0.3), beliefs, "web", random) for _ in range(2000)]
    assert 130 < asked.count("b") < 270
    assert leading(BANDIT, beliefs, "web") == "a"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [(((),), "needs variants"), ((("a", "a"),), "each named once"), ((("a",), 1.0), "floor"), ((("a",), 0.1, 2), "memory")],
)
def test_a_bandit_that_makes_no_sense_is_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        Bandit(*wrong)


def test_an_outcome_of_a_variant_that_is_none_is_refused():
    with pytest.raises(ValueError, match="no variant 'z'"):
        learn(BANDIT, {}, "web", "z", right=1.0)
