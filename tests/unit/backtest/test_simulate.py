"""A policy's run: every training that is attempted counts, and nothing is known before its time."""

import numpy as np
import pytest

from driftloop.tools.backtest.layout import Layout
from driftloop.tools.backtest.moment import Reuse, Train
from driftloop.tools.backtest.policies import EveryBlock, Never
from driftloop.tools.backtest.simulate import simulate
from driftloop.tools.backtest.table import Fit


class Plan:
    """Does what it is told at each block, and remembers what it saw."""

    def __init__(self, choices):
        self.choices, self.moments = choices, []

    def decide(self, moment):
        self.moments.append(moment)
        return self.choices.get(moment.block)


@pytest.fixture(scope="module")
def table(make_stream, make_table):
    return make_table(make_stream([0] * 80 + [1] * 60), Layout(40, 20, (20, 40)))


def test_never_loses_what_the_first_model_loses(table):
    run = simulate(table, Never(), 5.0)
    assert run.loss == pytest.approx(table.never)
    assert run.cost(5.0) == pytest.approx(table.never)


def test_every_attempted_training_counts_even_one_that_changes_nothing(table):
    run = simulate(table, Plan({1: Train(40), 2: Train(40), 3: Train(20)}), 5.0)
    assert run.retrains == 3
    assert run.cost(5.0) == pytest.approx(run.loss + 15.0)


def test_a_new_model_serves_from_the_next_block_on(table):
    run = simulate(table, Plan({2: Train(40)}), 0.0)
    before, after = table.first, Fit(40, 80)
    expected = [table.block_losses(before if block < 2 else after, block).sum() for block in range(table.blocks)]
    assert run.losses.tolist() == pytest.approx(expected)


def test_a_model_that_was_trained_before_serves_again_for_nothing(table):
    run = simulate(table, Plan({2: Train(40), 4: Reuse(Fit(0, 40))}), 5.0)
    assert (run.retrains, run.reuses) == (1, 1)
    assert run.losses[4] == pytest.approx(table.block_losses(Fit(0, 40), 4).sum())


def test_the_end_of_the_last_block_asks_nobody(table):
    run = simulate(table, EveryBlock(40), 1.0)
    assert run.retrains == table.blocks - 1


def test_a_moment_shows_the_rows_whose_labels_came_and_no_later_one(make_stream, make_table):
    late = make_table(make_stream([0] * 140), Layout(40, 20, (20,)), delay=30)
    plan = Plan({})
    simulate(late, plan, 1.0)
    shown = [(moment.first, moment.last) for moment in plan.moments]
    assert shown == [(40, 50), (50, 70), (70, 90)]
    assert all(moment.last <= late.edges[moment.block] - 30 for moment in plan.moments)
    assert all(len(moment.served) == moment.last - moment.first for moment in plan.moments)


def test_a_model_cannot_be_measured_on_rows_that_it_learnt(table):
    with pytest.raises(ValueError, match="cannot be measured"):
        table.losses(Fit(0, 60), 50, 70)


def test_losses_on_the_served_rows_are_those_of_who_served(table):
    plan = Plan({1: Train(20)})
    simulate(table, plan, 1.0)
    second = plan.moments[1]
    assert np.array_equal(second.served, table.losses(second.champion, second.first, second.last))
