"""A short run of the faults that `make chaos` gives at length, and the control that shows it can fail."""

import pytest
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
