"""Plays the simulated world: `python -m tests.simulation --runs 10000`; see docs/simulation.md.

A seed repeats its run: `--seed N --runs 1` prints every step, and a plan that fails is made as small as it can be.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from tests.simulation import table
from tests.simulation.mutants import MUTANTS
from tests.simulation.plan import plan_of
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


def main() -> int:
    """0 where every run is clean and every mutant is found."""
    asked = argparse.ArgumentParser(prog="python -m tests.simulation")
    asked.add_argument("--runs", type=int, default=1_000)
    asked.add_argument("--seed", type=int, default=0, help="the first seed")
    asked.add_argument("--seconds", type=float, default=1e9, help="begin no further run after so many seconds")
    asked.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    asked.add_argument("--case", choices=tuple(CASES))
    asked.add_argument("--mutants", action="store_true", help="find every mutant, and write the table of the docs")
    asked.add_argument("--out", type=Path)
    given = asked.parse_args()
    if given.runs == 1 and not given.mutants:
        return _one(given.seed, given.case)
    report = play_side_by_side(given.seed, given.runs, given.workers, given.seconds, given.case)
    killed: dict[str, int | None] = {}
    if given.mutants:
        killed = seeds_of_mutants(given.workers)
        table.write(killed)
    speed = report.runs / max(report.cpu_seconds, 1e-9)
    _say(f"{report.runs:,} runs, {report.steps:,} steps, {speed:.0f} runs a CPU-second")
    _say(*(f"failed: {failure}" for failure in report.failures))
    _say(
        *(f"mutant {name}: {'not found' if seed is None else f'found by seed {seed}'}" for name, seed in killed.items())
    )
    if given.out:
        found = {"runs": report.runs, "steps": report.steps, "cpu_seconds": round(report.cpu_seconds)}
        given.out.write_text(json.dumps({**found, "failures": report.failures, "mutants": killed}, indent=1) + "\n")
    missed = [name for name, seed in killed.items() if (seed is None) != bool(MUTANTS[name].no_effect)]
    return 1 if report.failures or missed else 0


if __name__ == "__main__":
    sys.exit(main())
