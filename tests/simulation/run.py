"""Plays seeds."""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.cases.counter import CounterCase
from tests.simulation.mutants import MUTANTS, mutated
from tests.simulation.plan import Plan, plan_of
from tests.simulation.virtual import simulated
from tests.simulation.world import World

CASES: dict[str, Callable[[Plan], Any]] = {
    "counter": lambda plan: CounterCase(plan.seed, plan.inputs, plan.spread),
}


@dataclass(slots=True)
class Report:
    """Of many runs."""

    runs: int = 0
    steps: int = 0
    seconds: float = 0.0
    failures: list[dict[str, Any]] = field(default_factory=list)


def play(plan: Plan, case: str = "counter", *, trace: bool = False) -> World:
    """One run, within `simulated()`."""
    world = World(plan, CASES[case](plan), trace=trace)
    world.run()
    return world


def play_many(seeds: range, case: str = "counter", *, most_failures: int = 10) -> Report:
    """Runs of these seeds."""
    report, started = Report(), time.process_time()
    with simulated():
        for seed in seeds:
            world = play(plan_of(seed), case)
            report.runs += 1
            report.steps += world.steps
            if world.failures:
                report.failures.append({"seed": seed, "what": world.failures[0]})
                if len(report.failures) >= most_failures:
                    break
            if report.runs % 200 == 0:
                gc.collect()
    report.seconds = time.process_time() - started
    return report


def kill(name: str, most: int = 400, first: int = 0) -> int | None:
    """The first seed that finds a mutant; None where none of so many does."""
    mutant = MUTANTS[name]
    with simulated(), mutated(mutant):
        for seed in range(first, first + most):
            if play(plan_of(seed), mutant.case).failures:
                return seed
    return None
