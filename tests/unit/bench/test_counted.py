"""A cost that was added to a case is seen by what can be counted: on any machine, whatever else it does."""

import sys

import pytest

from driftloop.errors import UserError
from driftloop.tools.bench import smoke
from driftloop.tools.bench.cores import counted, registered
from driftloop.tools.bench.cores.case import Case
from driftloop.tools.bench.cores.counted import Count

LONG = "detection, 100 features, 20 segments, frames of 50 rows"
"""It takes as long as all others together: four seconds, a whole stream line by line."""
CASES = [pytest.param(case, marks=[pytest.mark.slow] * (case.name == LONG)) for _, case in registered()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_nothing_that_was_reached_is_lost(case: Case) -> None:
    found = counted.counted(case, smoke.read_recorded(smoke.RECORDED, "counted"))
    assert found.recorded is not None, "record it: driftloop bench versus --smoke --record"
    smoke.raise_if_lost({}, [found])


def test_the_case_that_is_left_out_of_the_quick_tests_is_there() -> None:
    assert LONG in {case.name for _, case in registered()}


def test_each_line_of_a_row_counts_and_what_is_done_once_is_left_out() -> None:
    def work() -> int:
        total = 0
        for number in range(1_000):
            total += number
        return 1_000

    assert counted.lines_of(work) == pytest.approx(2, abs=0.01)
    assert sys.gettrace() is None or counted.lines_of(work) == counted.lines_of(work)


@pytest.mark.parametrize(("now", "lost"), [(1.19, False), (1.21, True), (0.5, False)])
def test_more_than_a_fifth_more_is_lost(now: float, *, lost: bool) -> None:
    count = Count("a case", "lines a row", now, 1.0)
    assert count.lost == lost
    if lost:
        with pytest.raises(UserError, match=r"a case .1.21 × the lines a row"):
            smoke.raise_if_lost({}, [count])


def test_modules_that_a_command_imports_are_counted() -> None:
    assert counted.modules_of(("--version",)) > 50
