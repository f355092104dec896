"""The best that hindsight could have done, against every plan tried out."""

from itertools import product

import pytest

from driftloop.tools.backtest.hindsight import best_calendar, calendars, oracle
from driftloop.tools.backtest.layout import Layout


@pytest.fixture(scope="module")
def table(make_stream, make_table):
    concepts = [0] * 60 + [1] * 30 + [0] * 20 + [2] * 20
    return make_table(make_stream(concepts, noise=0.1), Layout(40, 15, (20, 40)))


def every_plan(table):
    """(cost without trainings, trainings) of each way to train or not, with each window, at each block."""
    choices = [None, *table.layout.windows]
    for plan in product(choices, repeat=table.blocks - 1):
        model, loss = table.first, table.block_losses(table.first, 0).sum()
        for block, window in enumerate(plan, start=1):
            model = model if window is None else table.trained_before(block, window)
            loss += table.block_losses(model, block).sum()
        yield loss, sum(window is not None for window in plan)


@pytest.mark.parametrize("price", [0.0, 0.5, 3.0, 1000.0])
def test_no_plan_is_cheaper_than_the_oracle(table, price):
    best = min(loss + price * trainings for loss, trainings in every_plan(table))
    assert oracle(table, price).cost == pytest.approx(best)


@pytest.mark.parametrize("price", [0.0, 0.5, 3.0])
def test_the_oracles_path_costs_what_it_says(table, price):
    found = oracle(table, price)
    model, loss, plan = table.first, 0.0, dict(found.path)
    for block in range(table.blocks):
        model = table.trained_before(block, plan[block]) if block in plan else model
        loss += table.block_losses(model, block).sum()
    assert loss + price * len(plan) == pytest.approx(found.cost)


def test_a_training_that_costs_more_than_all_losses_is_never_bought(table):
    assert oracle(table, 1000.0).path == ()


def test_the_best_calendar_may_be_never(table):
    found = calendars(table)
    assert best_calendar(found, 1000.0).trainings == ()
    assert best_calendar(found, 0.0).trainings != ()


def test_a_calendar_trains_every_so_many_blocks(table):
    every_two = next(c for c in calendars(table) if c.every == 2 and c.window == 40)
    assert [model.end for model in every_two.trainings] == [40 + 30, 40 + 60]
    assert all(model.rows == 40 for model in every_two.trainings)


def test_every_period_is_there_to_be_compared_with_and_the_usual_ones_are_held_against(table):
    found = calendars(table)
    assert {calendar.every for calendar in found} == set(range(table.blocks))
    assert best_calendar(found, 0.0).every in (0, 1, 2, 4)


def test_late_labels_are_not_learnt_early(make_stream, make_table):
    late = make_table(make_stream([0] * 130), Layout(40, 15, (20, 40)), delay=20)
    assert late.trained_before(1, 20).end == 40
    assert late.trained_before(4, 20).end == 40 + 60 - 20
