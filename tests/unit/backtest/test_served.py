"""A preset in the services' own cores: the loop in memory, trained in this process."""

import numpy as np
import pytest

from driftloop.tools.backtest.layout import Layout
from driftloop.tools.backtest.moment import Train
from driftloop.tools.backtest.served import recording_of, run_served

pytestmark = pytest.mark.slow
LAYOUT = Layout(300, 100, (75, 150, 300))


@pytest.fixture(scope="module")
def table(make_stream, make_table):
    return make_table(make_stream([0] * 900 + [1] * 700, noise=0.02), LAYOUT)


@pytest.fixture(scope="module")
def run(table):
    return run_served(table, "default")


def test_a_drift_is_answered_by_a_version_that_was_proven(table, run):
    assert [type(step.choice) for step in run.steps][:1] == [Train]
    assert 1 <= run.retrains <= 3
    assert run.loss < 0.6 * table.never
    assert run.training_seconds > 0


def test_before_the_first_decision_the_first_model_serves(table, run):
    until = run.steps[0].block
    never = table.block_totals(table.first, 0)
    assert np.allclose(run.losses[:until], never[:until])


def test_the_same_run_twice_decides_the_same(table, run):
    again = run_served(table, "default")
    assert [(step.row, step.model) for step in again.steps] == [(step.row, step.model) for step in run.steps]
    assert np.array_equal(again.losses, run.losses)


@pytest.mark.parametrize("preset", ["document-extraction", "adaptive-feedback"])
def test_the_presets_of_the_sources_decide_on_what_detection_says(make_stream, make_table, preset):
    stream = make_stream([0] * 1500 + [1] * 600, noise=0.02)
    run = run_served(make_table(stream, Layout(1000, 100, (250, 500, 1000))), preset)
    assert [step.row for step in run.steps][:1] == [1600]
    assert all(step.choice.reason for step in run.steps)


def test_a_preset_without_readings_is_tried_on_a_quiet_host(table):
    policy = recording_of(table, "metrics-forecast").spec.policy
    assert policy["safeguards"]["quiet"] == ()


def test_labels_that_come_after_the_end_are_never_known(make_stream, make_table):
    late = make_table(make_stream([0] * 900 + [1] * 700, noise=0.02), LAYOUT, delay=2_000)
    never = late.block_totals(late.first, 0)
    assert np.allclose(run_served(late, "default").losses, never)
