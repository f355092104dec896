"""Variants per channel, by a simulation whose truth is known."""

import numpy as np
import pytest

from driftloop.statistics.thompson import Bandit, Belief, choose, choose_for_key, leading, learn, switch_variant

CHANNELS = tuple(f"channel-{number}" for number in range(10))
BANDIT = Bandit(("a", "b", "c"))


def shares(seed: int) -> np.ndarray:
    """The share of right answers of each variant in each channel: the best is another in each."""
    random = np.random.default_rng((seed, 1))
    found = random.uniform(0.5, 0.8, (len(CHANNELS), 3))
    found[np.arange(len(CHANNELS)), random.integers(3, size=len(CHANNELS))] = 0.9
    return found


def play(
    seed: int, outcomes: int, turns_bad: int | None = None, *, keyed: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Whether the variant that was best at first answered, and the expected reward of who did, request by request."""
    random, truth = np.random.default_rng((seed, 2)), shares(seed)
    beliefs: dict[tuple[str, str], Belief] = {}
    best = truth.argmax(axis=1)
    was_best = np.zeros((outcomes, len(CHANNELS)), dtype=bool)
    earned = np.zeros((outcomes, len(CHANNELS)))
    for turn in range(outcomes):
        if turn == turns_bad:
            truth[np.arange(len(CHANNELS)), best] = 0.3
        for place, channel in enumerate(CHANNELS):
            if keyed:
                variant = choose_for_key(BANDIT, beliefs, channel, f"request-{seed}-{turn}")
            else:
                variant = choose(BANDIT, beliefs, channel, random)
            at = BANDIT.variants.index(variant)
            beliefs = learn(BANDIT, beliefs, channel, variant, right=float(random.random() < truth[place, at]))
            was_best[turn, place], earned[turn, place] = at == best[place], truth[place, at]
    return was_best, earned


@pytest.mark.parametrize("seed", range(4))
def test_after_5000_outcomes_on_ten_channels_it_earns_within_two_percent_of_the_best_fixed_variants(seed):
    _, earned = play(seed, 5000 // len(CHANNELS))
    assert earned[-100:].mean() >= 0.98 * shares(seed).max(axis=1).mean()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_with_5000_outcomes_on_each_channel_all_that_it_earned_is_within_two_percent(seed):
    _, earned = play(seed, 5000)
    assert earned.mean() >= 0.98 * shares(seed).max(axis=1).mean()


@pytest.mark.parametrize("seed", range(2))
def test_a_variant_that_turns_bad_is_left_within_300_of_its_outcomes(seed):
    was_best, _ = play(seed, 2000, turns_bad=1000)
    for place in range(len(CHANNELS)):
        after = was_best[1000:, place]
        shared = np.convolve(after, np.ones(50), mode="valid") / 50
        left = int(np.argmax(shared < 0.5))
        assert shared[left] < 0.5
        assert after[: left + 50].sum() <= 300


def test_the_floor_asks_every_variant_whatever_is_believed():
    beliefs = {("web", "a"): Belief(200, 0), ("web", "b"): Belief(0, 200), ("web", "c"): Belief(0, 200)}
    random = np.random.default_rng(5)
    asked = [choose(Bandit(("a", "b", "c"), floor=0.3), beliefs, "web", random) for _ in range(2000)]
    assert 130 < asked.count("b") < 270
    assert leading(BANDIT, beliefs, "web") == "a"
    assert switch_variant(BANDIT, beliefs, ["web", "mobile"]) == {"web": "a", "mobile": "a"}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [(((),), "needs variants"), ((("a", "a"),), "named once"), ((("a",), 1.0), "floor"), ((("a",), 0.1, 2), "memory")],
)
def test_a_bandit_that_makes_no_sense_is_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        Bandit(*wrong)


def test_an_outcome_of_a_variant_that_is_none_is_refused():
    with pytest.raises(ValueError, match="no variant 'z'"):
        learn(BANDIT, {}, "web", "z", right=1.0)


def test_chosen_by_the_keys_of_requests_it_earns_as_much():
    _, earned = play(1, 5000 // len(CHANNELS), keyed=True)
    assert earned[-100:].mean() >= 0.98 * shares(1).max(axis=1).mean()


def test_chosen_by_keys_a_variant_that_turns_bad_is_left_within_300_of_its_outcomes():
    was_best, _ = play(1, 900, turns_bad=400, keyed=True)
    assert was_best[400:].sum(axis=0).max() <= 300
    assert was_best[-50:].mean() < 0.1


def test_a_key_stays_with_its_variant_until_outcomes_speak_against_it():
    keys = [f"customer-{number}" for number in range(2000)]
    before = {("web", "a"): Belief(80, 20), ("web", "b"): Belief(75, 25)}
    after = {**before, ("web", "b"): Belief(76, 25)}
    two = Bandit(("a", "b"))
    first, second = ([choose_for_key(two, known, "web", key) for key in keys] for known in (before, after))
    moved = [(one, other) for one, other in zip(first, second, strict=True) if one != other]
    assert set(moved) == {("a", "b")}
    assert len(moved) < 100
    assert 0.1 < first.count("b") / len(keys) < 0.4


def test_the_floor_shares_out_evenly_by_key():
    told = {("web", "a"): Belief(10_000, 1), ("web", "b"): Belief(1, 10_000)}
    two = Bandit(("a", "b"), floor=0.2)
    asked = sum(choose_for_key(two, told, "web", f"k{number}") == "b" for number in range(5000))
    assert 0.08 < asked / 5000 < 0.12
