"""One absurd label neither makes runs dear for years nor buys one; a loss that rises for good counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_coordinator.core.payoff.rule import (
    Evidence,
    PayoffRule,
    PayoffState,
    began_serving,
    observe,
    price_of,
    verdict,
)

RULE = PayoffRule(decision_rows=25)
ABSURD = 999_999_999.0


def stream(blocks, *, level=1.0, absurd=(), seed=1):
    """Absolute errors of a regression, by blocks of 25; each place in `absurd` is an absurd label."""
    losses = np.abs(np.random.default_rng(seed).normal(0.0, level, blocks * 25))
    losses[list(absurd)] = ABSURD
    return losses


def told(state, losses, rule=RULE):
    """The books after losses of which no other model would have avoided any."""
    for first in range(0, len(losses), 25):
        block = losses[first : first + 25]
        state = observe(state, rule, Evidence("1.0.0", block, {}, {500: block}, block))
    return state


def serving():
    return began_serving(PayoffState(), "1.0.0", trained_rows=2000)


@pytest.mark.parametrize("place", [0, 100, 999])
def test_the_price_of_a_run_is_moved_little_by_one_absurd_label(place):
    usual = price_of(told(serving(), stream(40)), RULE)
    odd = price_of(told(serving(), stream(40, absurd=[place])), RULE)
    assert usual < odd < 1.2 * usual


def test_the_price_forgets():
    spoilt = told(serving(), stream(40, absurd=range(0, 1000, 20)))
    dear = price_of(spoilt, RULE)
    later = price_of(told(spoilt, stream(4000, seed=2)), RULE)
    usual = price_of(told(serving(), stream(4000, seed=2)), RULE)
    assert dear > 2 * usual
    assert later == pytest.approx(usual, rel=0.05)


@pytest.mark.parametrize("trained_rows", [100, 2000])
def test_an_absurd_label_buys_no_run(trained_rows):
    state = told(began_serving(PayoffState(), "1.0.0", trained_rows=trained_rows), stream(40))
    block = stream(1, absurd=[3], seed=3)
    state = observe(state, RULE, Evidence("1.0.0", block, {}, {500: np.minimum(block, 1.0)}, block))
    assert verdict(state, RULE, maximum_rows=2000).action == "wait"


def test_a_loss_that_jumps_a_hundredfold_for_good_buys_a_run_as_soon_as_ever():
    state = told(serving(), stream(40))
    for blocks in range(1, 20):
        loss = stream(1, level=100.0, seed=blocks)
        state = observe(state, RULE, Evidence("1.0.0", loss, {}, {500: stream(1, seed=blocks + 50)}, loss))
        if verdict(state, RULE, maximum_rows=2000).action == "retrain":
            break
    assert blocks <= 2


@given(st.lists(st.floats(0, 1), min_size=25, max_size=200), st.integers(1, 40))
def test_losses_of_nought_and_one_are_never_cut(shares, seed):
    rng = np.random.default_rng(seed)
    state = serving()
    for share in shares:
        losses = (rng.random(25) < share).astype(float)
        state = observe(state, RULE, Evidence("1.0.0", losses))
        assert state.usual.level in (0.0, 1.0)
        assert state.loss <= state.rows
