"""The loop in the simulated Kafka: clean runs, repeatable ones, and mutants that are found."""

import json
import os
import re
import subprocess
import sys

import pytest
from tests.simulation.mutants import MUTANTS, mutated
from tests.simulation.plan import plan_of
from tests.simulation.run import play, play_many, shrink
from tests.simulation.table import PAGE
from tests.simulation.virtual import simulated

_RUNS = 10_000


def trace_of(seed):
    with simulated():
        return play(plan_of(seed), trace=True).trace


def found_by():
    """The seeds of the docs' table, by what is wrong in the mutant."""
    rows = re.findall(r"^\| (.+) \| (\d+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {says: int(seed) for says, seed in rows}


@pytest.mark.parametrize("first", [0, 100])
def test_a_hundred_runs_are_clean(first):
    assert play_many(range(first, first + 100)).failures == []


@pytest.mark.parametrize("case", ["leaderless", "abandoned"])
def test_ends_that_a_broker_leaves_out_are_ended_by_who_lives_or_by_recover(case):
    report = play_many(range(60, 110), case)
    assert (report.runs, report.failures) == (50, [])


def test_recover_is_needed_for_what_a_slot_that_is_gone_left_open():
    with simulated():
        world = play(plan_of(found_by()[MUTANTS["left behind"].says]), "abandoned")
    assert world.failures == []
    assert any("counter-changelog" in said and "was pending" in said for said in world.case.recovered)


@pytest.mark.parametrize("seed", [1186, 3139])
def test_all_is_counted_again_where_recover_says_that_state_is_lost(seed):
    with simulated():
        world = play(plan_of(seed), "abandoned")
    assert world.failures == []
    assert any("the state is gone" in said for said in world.case.recovered)


def test_a_seed_repeats_its_run_step_by_step():
    assert trace_of(7) == trace_of(7)


def as_param(name):
    return pytest.param(name, marks=pytest.mark.slow if MUTANTS[name].case == "pipeline" else ())


def test_every_mutant_is_found_or_said_to_change_nothing():
    assert {name for name in MUTANTS if MUTANTS[name].says not in found_by()} == {
        name for name in MUTANTS if MUTANTS[name].no_effect
    }


@pytest.mark.parametrize("name", [as_param(name) for name in MUTANTS if MUTANTS[name].says in found_by()])
def test_a_mutant_is_found_by_the_seed_of_the_docs(name):
    seed = found_by()[MUTANTS[name].says]
    with simulated(), mutated(MUTANTS[name]):
        assert play(MUTANTS[name].plan(seed), MUTANTS[name].case).failures
    with simulated():
        assert play(MUTANTS[name].plan(seed), MUTANTS[name].case).failures == []


@pytest.mark.slow
def test_a_plan_that_fails_is_made_smaller_and_fails_still():
    mutant = MUTANTS["state written after"]
    whole = mutant.plan(found_by()[mutant.says])
    with mutated(mutant):
        small = shrink(whole, mutant.case)
        with simulated():
            assert play(small, mutant.case).failures
    assert small.inputs < whole.inputs
    assert small.events <= whole.events
    assert set(small.chances) < set(whole.chances)


@pytest.mark.slow
@pytest.mark.timeout(900)  # a minute on two cores of its own, several where others use them too
def test_ten_thousand_runs_are_clean(tmp_path):
    """About a minute on two cores of their own; a seed that fails ends it."""
    out = tmp_path / "simulation.json"
    command = ["-m", "tests.simulation", "--runs", str(_RUNS), "--out", str(out)]
    done = subprocess.run(
        [sys.executable, *command], env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, check=False
    )
    assert done.returncode == 0, json.loads(out.read_text())["failures"]
    assert json.loads(out.read_text())["runs"] == _RUNS
