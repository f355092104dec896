"""Plays the simulated world: `python -m tests.simulation --runs 10000`; see docs/simulation.md.

A seed repeats its run: `--seed N --runs 1` prints every step, and a plan that fails is made as small as it can be.
"""

import argparse
import os
import sys
from functools import partial
from pathlib import Path

from tests.simulation import table
from tests.simulation.mutants import MUTANTS
from tests.simulation.plan import plan_of
from tests.simulation.report import OtherCodeError, Report, code_of, taken_up
from tests.simulation.run import CASES, play, shrink
from tests.simulation.side_by_side import play_side_by_side, seeds_of_mutants
from tests.simulation.virtual import simulated


def _one(seed: int, case: str | None) -> int:
    with simulated():
        world = play(plan_of(seed), case, trace=True)
    _say(*(world.trace or ()), *(f"seed {seed}: {what}" for what in world.failures))
    if world.failures:
        _say(f"as small as it fails: {shrink(plan_of(seed), case)}")
    return 1 if world.failures else 0


def _say(*lines: object) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _asked() -> argparse.Namespace:
    asked = argparse.ArgumentParser(prog="python -m tests.simulation")
    asked.add_argument("--runs", type=int, default=1_000)
    asked.add_argument("--seed", type=int, default=0, help="the first seed")
    asked.add_argument("--seconds", type=float, default=1e9, help="begin no further run after so many seconds")
    asked.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    asked.add_argument("--case", choices=tuple(CASES))
    asked.add_argument("--mutants", action="store_true", help="find every mutant, and write the table of the docs")
    asked.add_argument("--out", type=Path, help="the report: written every few seconds, at the end, and on SIGTERM")
    asked.add_argument("--tell-every", type=float, default=10.0, help="seconds between two writes of the report")
    asked.add_argument("--resume", action="store_true", help="play the seeds only that the report does not hold yet")
    asked.add_argument("--nice", type=int, default=0, help="how much lower the priority is than that of others")
    given = asked.parse_args()
    if given.resume and not given.out:
        asked.error("--resume goes on with a report: name it with --out")
    return given


def main() -> int:
    """0 where every run is clean and every mutant is found."""
    given = _asked()
    os.nice(given.nice)
    if given.runs == 1 and not given.mutants:
        return _one(given.seed, given.case)
    code = code_of(case=given.case)
    try:
        report = taken_up(given.out, code) if given.resume else Report()
    except OtherCodeError as error:
        _say(error)
        return 2
    seeds = range(given.seed, given.seed + given.runs)
    tell = partial(Report.write, path=given.out, code=code) if given.out else lambda report: None
    left = list(report.left(seeds))
    ended = play_side_by_side(left, report, given.workers, given.seconds, given.case, tell, given.tell_every)
    tell(report)
    killed: dict[str, int | None] = {}
    if given.mutants and not ended:
        killed = seeds_of_mutants(given.workers)
        table.write(killed)
    speed = report.runs / max(report.cpu_seconds, 1e-9)
    _say(f"{report.runs:,} runs, {report.steps:,} steps, {speed:.0f} runs a CPU-second")
    _say(*(f"failed: {failure}" for failure in report.failures))
    _say(
        *(f"mutant {name}: {'not found' if seed is None else f'found by seed {seed}'}" for name, seed in killed.items())
    )
    if given.out:
        report.write(given.out, code, killed)
    missed = [name for name, seed in killed.items() if (seed is None) != bool(MUTANTS[name].no_effect)]
    return 1 if report.failures or missed else 0


if __name__ == "__main__":
    sys.exit(main())
