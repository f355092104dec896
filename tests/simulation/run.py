"""Plays seeds: many, one with its trace, one ever smaller, and mutants until they are found."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from tests.simulation.cases.abandoned import AbandonedCase
from tests.simulation.cases.counter import CounterCase
from tests.simulation.cases.damaged import DamagedCase
from tests.simulation.cases.leaderless import LeaderlessCase
from tests.simulation.mutants import MUTANTS, mutated
from tests.simulation.plan import CALLS, EVENTS, Plan, plan_of
from tests.simulation.report import Report
from tests.simulation.virtual import simulated
from tests.simulation.world import World


def _ingestion(plan: Plan) -> Any:
    from tests.simulation.cases.ingestion import IngestionCase  # its loops are compiled as they are imported

    return IngestionCase(plan.seed, plan.inputs)


def _pipeline(plan: Plan) -> Any:
    from tests.simulation.cases.pipeline import PipelineCase  # it imports every service

    return PipelineCase(plan.seed)


CASES: dict[str, Callable[[Plan], Any]] = {
    "counter": lambda plan: CounterCase(plan.seed, plan.inputs, plan.spread),
    "damaged": lambda plan: DamagedCase(plan.seed, plan.inputs, plan.spread),
    "abandoned": lambda plan: AbandonedCase(plan.seed, plan.inputs, plan.spread),
    "leaderless": lambda plan: LeaderlessCase(plan.seed, plan.inputs, plan.spread),
    "ingestion": _ingestion,
    "pipeline": _pipeline,
}
INGESTION_EVERY = 100
"""Of the seeds, one in so many plays ingestion: its own work takes as long as that of ten counters."""

DAMAGED_EVERY = 20
PIPELINE_EVERY = 1_000
"""The whole pipeline: five services, hundreds of rows, as long as a hundred counters."""
PIPELINE_STEPS = 600_000
ABANDONED_STEPS = 300_000
"""It stands still for minutes before a person comes, and looks meanwhile."""
_COLLECT_EVERY = 200


def case_of(seed: int) -> str:
    """What a seed plays where nobody says."""
    if seed % PIPELINE_EVERY == PIPELINE_EVERY // 2:
        return "pipeline"
    if seed % INGESTION_EVERY == INGESTION_EVERY - 1:
        return "ingestion"
    return "damaged" if seed % DAMAGED_EVERY == DAMAGED_EVERY - 1 else "counter"


def play(plan: Plan, case: str | None = None, *, trace: bool = False) -> World:
    """One run, within `simulated()`."""
    case = case or case_of(plan.seed)
    plan = replace(plan, events=0, chances={}) if case == "damaged" else plan
    if case == "leaderless":
        # a slot that is gone ends nothing: that is the case `abandoned`
        plan = replace(plan.without("scale"), replicas=min(plan.replicas, 2))
    if case == "abandoned":
        plan = replace(plan, replicas=3, most_steps=ABANDONED_STEPS)
    if case == "pipeline":
        plan = replace(plan, most_steps=PIPELINE_STEPS, replicas=min(plan.replicas, 2))
    world = World(plan, CASES[case](plan), trace=trace)
    world.run()
    return world


def play_many(
    seeds: range, case: str | None = None, *, most_failures: int = 10, seconds: float = 1e9,
    ended: Callable[[], bool] = lambda: False,
) -> Report:  # fmt: skip
    """Runs of these seeds, or of as many as can be begun in the time and before it is `ended`."""
    report, started, began = Report(), time.process_time(), time.monotonic()
    with simulated(), _collected_by_hand():
        for seed in seeds:
            if time.monotonic() - began > seconds or ended():
                break
            world = play(plan_of(seed), case)
            report.runs += 1
            report.steps += world.steps
            if world.failures:
                report.failures.append({"seed": seed, "what": world.failures[0]})
                if len(report.failures) >= most_failures:
                    break
            if report.runs % _COLLECT_EVERY == 0:
                gc.collect()
    report.cpu_seconds = time.process_time() - started
    report.played = [(seeds.start, seeds.start + report.runs)]
    return report


@contextmanager
def _collected_by_hand() -> Iterator[None]:
    """A run leaves cycles behind, and to look for them while it goes on takes a tenth of its time."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def kill(name: str, most: int, first: int = 0) -> int | None:
    """The first seed that finds a mutant, and is clean without it; None where none of so many does."""
    mutant = MUTANTS[name]
    with simulated():
        for seed in range(first, first + most):
            with mutated(mutant):
                found = play(mutant.plan(seed), mutant.case).failures
            if found and not play(mutant.plan(seed), mutant.case).failures:
                return seed
    return None


def shrink(plan: Plan, case: str | None = None) -> Plan:
    """A plan that fails still, with as few kinds of faults, events, replicas and inputs as were found."""
    with simulated():
        for fault in (*EVENTS, *CALLS):
            plan = _smaller(plan, plan.without(fault), case)
        for name, least in (("events", 0), ("replicas", 1), ("partitions", 1), ("inputs", 1), ("spread", 1)):
            while getattr(plan, name) > least:
                less = replace(plan, **{name: getattr(plan, name) - 1})
                if _smaller(plan, less, case) is plan:
                    break
                plan = less
    return plan


def _smaller(plan: Plan, less: Plan, case: str | None) -> Plan:
    return less if (any(less.weights.values()) or not less.events) and play(less, case).failures else plan
