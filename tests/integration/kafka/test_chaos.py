"""A short run of the faults that `make chaos` gives at length, and the control that shows it can fail."""

import pytest
from tests.chaos.broker_faults import run_broker_faults
from tests.chaos.cases.counter import CounterCase
from tests.chaos.run import run

pytestmark = [pytest.mark.broker, pytest.mark.slow]


def test_ten_faults_lose_and_double_nothing_and_leave_the_state_exact(kafka):
    verdict = run(CounterCase("keyed"), kafka, faults=10)
    assert verdict.clean, verdict
    assert verdict.proves, verdict


def test_without_transactions_the_same_count_finds_doubles(kafka):
    verdict = run(CounterCase("snapshot"), kafka, faults=4, control=True, seed=2)
    assert verdict.doubled > 0, verdict


def test_a_broker_that_dies_breaks_connections_and_is_late_costs_nothing_but_time(tmp_path):
    told = []
    verdict = run_broker_faults(CounterCase("keyed"), tmp_path, faults=3, seed=6, said=told.append)
    assert {line.split()[1] for line in told} == {"kill:", "reset:", "delay:"}
    assert verdict.clean, verdict
