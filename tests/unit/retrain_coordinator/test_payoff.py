"""The payoff rule: what owes a run, what does not, and what is reused instead."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_coordinator.core.payoff.rule import (
    Evidence,
    PayoffRule,
    PayoffState,
    began_serving,
    ended_training,
    measured,
    observe,
    price_of,
    verdict,
)

RULE = PayoffRule(price=20.0, decision_rows=25)


def fed(state, blocks, *, rule=RULE, version="1.0.0", **beside):
    """The state after blocks of 25 rows with the given mean losses; `beside` maps a source to its mean losses."""
    for place, loss in enumerate(blocks):
        at = {name: np.full(25, losses[place]) for name, losses in beside.items()}
        fresh = {int(name.removeprefix("fresh")): found for name, found in at.items() if name.startswith("fresh")}
        archived = {"0.9.0": at["archived"]} if "archived" in at else {}
        state = observe(state, rule, Evidence(version, np.full(25, loss), archived, fresh, at.get("twin")))
    return state


def serving(rows=2000):
    return began_serving(PayoffState(), "1.0.0", trained_rows=rows)


def action(state, rule=RULE):
    return verdict(state, rule, maximum_rows=5000).action


def test_a_loss_beyond_what_is_attainable_buys_a_run_once_it_has_cost_one():
    state = fed(serving(), [0.1] * 20, twin=[0.2] * 20, fresh500=[0.2] * 20, fresh1000=[0.2] * 20)
    assert action(state) == "wait"
    state = fed(state, [0.5], twin=[0.6], fresh500=[0.2], fresh1000=[0.5])
    assert action(state) == "wait"
    state = fed(state, [0.5] * 2, twin=[0.6] * 2, fresh500=[0.2] * 2, fresh1000=[0.5] * 2)
    assert action(state) == "retrain"


def test_it_trains_on_the_largest_window_that_does_as_well_as_any():
    rule = PayoffRule(price=20.0, decision_rows=25, memory_rows=25)
    state = fed(serving(), [0.1] * 20, twin=[0.2] * 20, fresh500=[0.2] * 20, fresh1000=[0.2] * 20, fresh2000=[0.2] * 20)
    later = {"twin": [0.6] * 6, "fresh500": [0.2] * 6, "fresh1000": [0.21] * 6, "fresh2000": [0.5] * 6}
    word = verdict(fed(state, [0.5] * 6, rule=rule, **later), rule, maximum_rows=5000)
    assert (word.action, word.rows) == ("retrain", 1000)


def test_noise_that_rises_for_good_owes_nothing():
    state = fed(serving(), [0.1] * 20, twin=[0.2] * 20, fresh500=[0.2] * 20)
    assert action(fed(state, [0.4] * 400, twin=[0.5] * 400, fresh500=[0.5] * 400)) == "wait"


def test_a_drift_of_which_no_cheap_model_has_learnt_anything_yet_is_waited_for():
    state = fed(serving(), [0.1] * 20, twin=[0.2] * 20, fresh500=[0.2] * 20)
    assert action(fed(state, [0.6] * 40, twin=[0.7] * 40, fresh500=[0.7] * 40)) == "wait"


def test_improvement_owes_nothing():
    state = fed(serving(), [0.4] * 20, twin=[0.5] * 20, fresh500=[0.5] * 20)
    assert action(fed(state, [0.1] * 400, twin=[0.2] * 400, fresh500=[0.2] * 400)) == "wait"


def test_a_new_champion_owes_nothing():
    state = fed(serving(), [0.1] * 20, twin=[0.2] * 20, fresh500=[0.2] * 20)
    state = fed(state, [0.6] * 10, twin=[0.7] * 10, fresh500=[0.2] * 10)
    assert action(state) == "retrain"
    state = began_serving(state, "1.0.1", trained_rows=500)
    assert action(state) == "wait"
    assert state.debts == state.rivals == {}


def test_a_run_that_gave_no_better_version_has_been_paid_all_the_same():
    state = fed(serving(), [0.1] * 20)
    state = fed(state, [0.6] * 4)
    assert action(state) == "retrain"
    assert action(ended_training(state, promoted=False)) == "wait"


def test_without_cheap_models_noise_that_rises_for_good_is_accepted_after_a_few_futile_runs():
    state, blocks, rows_between = fed(serving(), [0.1] * 20), 0, []
    for _ in range(1000):
        state, blocks = fed(state, [0.4]), blocks + 1
        if action(state) == "retrain":
            rows_between.append(blocks)
            state, blocks = ended_training(state, promoted=False), 0
    assert 1 <= len(rows_between) <= 4
    assert rows_between == sorted(rows_between)


def test_an_archived_version_that_does_better_serves_again_before_anything_is_trained():
    state = fed(serving(), [0.6] * 6, twin=[0.7] * 6, fresh500=[0.2] * 6, archived=[0.1] * 6)
    word = verdict(state, RULE, maximum_rows=5000)
    assert (word.action, word.version) == ("reuse", "0.9.0")


def swaps(rule):
    """How often the archived version is brought back where both are the better one for 100 rows in turn."""
    state, count = serving(), 0
    for turn in range(20):
        losses, other = ([0.5] * 4, [0.1] * 4) if turn % 2 else ([0.1] * 4, [0.5] * 4)
        state = fed(state, losses, rule=rule, archived=other)
        if action(state, rule) == "reuse":
            count += 1
            state = began_serving(state, "1.0.0", trained_rows=2000)
    return count


def test_versions_that_are_each_the_better_one_for_a_while_do_not_swap_places_for_ever():
    never_worth_it = PayoffRule(price=100.0, decision_rows=25)
    assert swaps(never_worth_it.model_copy(update={"switch_share": 0.0})) == 10
    assert swaps(never_worth_it) == 0


def test_a_switch_that_is_not_worth_its_price_yet_says_so():
    rule = PayoffRule(price=100.0, decision_rows=25)
    state = fed(serving(), [0.6] * 3, rule=rule, twin=[0.6] * 3, fresh500=[0.6] * 3, archived=[0.1] * 3)
    word = verdict(state, rule, maximum_rows=5000)
    assert (word.action, word.evidence["switch_price"], word.evidence["switch_worth"]) == ("wait", 50.0, 37.5)
    later = fed(state, [0.6] * 2, rule=rule, archived=[0.1] * 2)
    word = verdict(later, rule, maximum_rows=5000)
    assert (word.action, "a switch must be worth 50" in word.reason) == ("reuse", True)


def test_an_archived_version_that_is_better_by_chance_alone_does_not_come_back():
    rng = np.random.default_rng(5)
    reuses = 0
    for _ in range(20):
        state = serving()
        for _ in range(40):
            champion, other = rng.random((2, 25)) < 0.2
            state = observe(state, RULE, Evidence("1.0.0", champion.astype(float), {"0.9.0": other.astype(float)}))
        reuses += verdict(state, RULE, maximum_rows=5000).action == "reuse"
    assert reuses <= 1


def test_evidence_on_a_version_that_does_not_serve_is_left_out():
    state = fed(serving(), [0.1] * 4)
    assert fed(state, [0.9] * 40, version="0.9.0") == state


def test_the_rule_speaks_only_after_so_many_rows_of_a_champion():
    rule = PayoffRule(price=1.0, decision_rows=100)
    state = fed(fed(serving(), [0.1] * 4), [0.9] * 3)
    assert action(state, rule) == "wait"
    assert action(fed(state, [0.9]), rule) == "retrain"


def test_a_price_that_nobody_gave_is_a_share_of_what_the_model_would_lose():
    rule = PayoffRule(price_share=0.02, price_horizon=5.0)
    assert price_of(serving(), rule) is None
    assert price_of(fed(serving(1000), [0.3] * 10), rule) == pytest.approx(0.02 * 5 * 1000 * 0.3)


def test_a_window_is_never_larger_than_what_may_be_trained_on():
    state = fed(serving(), [0.1] * 20, twin=[0.2] * 20, fresh500=[0.2] * 20)
    state = fed(state, [0.6] * 10, twin=[0.7] * 10, fresh500=[0.2] * 10)
    assert verdict(state, RULE, maximum_rows=300).rows == 300


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_the_books_survive_the_way_through_json(losses):
    state = fed(serving(), losses, twin=losses, fresh500=losses[::-1], archived=losses[::-1])
    assert PayoffState.model_validate_json(state.model_dump_json()) == state


@given(st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_losses_in_another_unit_give_the_same_word(unit, seed):
    rng = np.random.default_rng(seed)
    champion, fresh, twin = rng.random((3, 30))
    scaled = RULE.model_copy(update={"price": RULE.price * 2.0**unit})
    one = fed(serving(), champion, fresh500=fresh, twin=twin)
    other = fed(serving(), champion * 2.0**unit, rule=scaled, fresh500=fresh * 2.0**unit, twin=twin * 2.0**unit)
    assert action(one) == action(other, scaled)


def stationary(seed, *, rows, price):
    """Runs bought on a stream where nothing ever changes; cheap models differ by luck from refit to refit."""
    rng = np.random.default_rng(seed)
    rule, state, runs = PayoffRule(price=price), serving(), 0
    twin_error = np.clip(0.08 + rng.normal(0, 0.01), 0.02, 1)
    for block in range(0, rows, 25):
        wrong = rng.random(25) < 0.1
        if block % 125 == 0:
            fresh_error = np.clip(0.08 + rng.normal(0, 0.02, 3), 0.02, 1)
        fresh = {
            window: (rng.random(25) < np.where(wrong, 0.8, fresh_error[place])).astype(float)
            for place, window in enumerate((500, 1000, 2000))
        }
        twin = (rng.random((3, 25)) < np.where(wrong, 0.8, twin_error)).mean(axis=0)
        state = observe(state, rule, Evidence(state.version, wrong.astype(float), {}, fresh, twin))
        if verdict(state, rule, maximum_rows=2000).action == "retrain":
            runs += 1
            twin_error = np.clip(0.08 + rng.normal(0, 0.01), 0.02, 1)
            state = began_serving(state, f"1.0.{runs}", trained_rows=2000)
    return runs


@pytest.mark.parametrize("seed", range(3))
def test_where_nothing_changes_hardly_anything_is_trained(seed):
    assert stationary(seed, rows=100_000, price=100.0) <= 1


def test_where_time_has_a_worth_a_run_costs_what_runs_were_measured_to_take():
    rule = PayoffRule(price=20.0, decision_rows=25, loss_per_cpu_hour=3600.0)
    assert price_of(serving(), rule) == 20.0, "none has ended"
    cheap, dear = measured(serving(), 2.0), measured(measured(serving(), 100.0), 300.0)
    assert (price_of(cheap, rule), price_of(dear, rule)) == (2.0, 200.0)
    before, owed = {"twin": [0.2] * 20, "fresh500": [0.2] * 20}, {"twin": [0.6] * 3, "fresh500": [0.2] * 3}
    states = [fed(fed(one, [0.1] * 20, rule=rule, **before), [0.5] * 3, rule=rule, **owed) for one in (cheap, dear)]
    assert [action(one, rule) for one in states] == ["retrain", "wait"]
    assert price_of(dear, RULE) == 20.0, "without a worth, nothing depends on how fast a machine is"
